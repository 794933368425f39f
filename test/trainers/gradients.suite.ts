import { expect, it } from 'vitest';
import { type ActivationName, activations, resolveActivation } from '../../src/activations.js';
import type { Backend, Dtype, FloatArray, LayerPlan, LossPlan, Plan, Samples } from '../../src/backend/backend.js';
import { typescriptBackend } from '../../src/backend/typescript/index.js';
import { binaryCrossEntropy, crossEntropy, huber, squaredError } from '../../src/losses.js';
import { checkClose, epsilonOf, floats, randomValues } from '../support/arrays.js';
import {
  gradientsOf,
  inOrder,
  type LayerShape,
  lossOf,
  makeJob,
  makeParameters,
  makePlan,
  makeSamples,
  makeTrainer,
} from '../support/networks.js';
import type { Record } from '../support/record.js';

interface Subject {
  readonly name: string;
  readonly layers: readonly LayerShape[];
  readonly loss: unknown;
  readonly classes?: boolean;
  readonly weighted?: boolean;
  /** Targets are ±1. */
  readonly labels?: boolean;
}

/** Where a derivative jumps: z of an activation, p of a loss at target t. Steps across are not compared. */
const kinksOf: { readonly [name: string]: readonly number[] } = {
  step: [0],
  relu: [0],
  leakyRelu: [0],
  elu: [0],
  selu: [0],
  hardSigmoid: [-3, 3],
  hardTanh: [-1, 1],
  relu6: [0, 6],
};
const lossKinksOf: { readonly [kernel: string]: (t: number) => number } = {
  absoluteError: (t) => t,
  hinge: (t) => 1 / t,
  perceptron: () => 0,
};

/** Each activation within dense layers and as a layer. */
const ofActivations: readonly Subject[] = Object.keys(activations).map((name, i) => ({
  name: `activation ${name}`,
  layers: [
    [5, name as ActivationName],
    [4, 'identity', { bias: i % 2 === 0 }],
    { activation: name as ActivationName },
    [2, 'identity'],
  ],
  loss: 'meanSquaredError',
  weighted: i % 3 === 0,
}));

/** Each loss behind an activation whose outputs it is made for. */
const ofLosses: readonly Subject[] = (
  [
    ['meanSquaredError', 'relu'],
    ['squaredError', 'sigmoid'],
    [squaredError({ half: true, reduction: 'sum' }), 'tanh'],
    ['meanAbsoluteError', 'identity'],
    ['huber', 'identity'],
    [huber({ delta: 0.2 }), 'tanh'],
    ['logCosh', 'identity'],
    ['binaryCrossEntropy', 'sigmoid'],
    [binaryCrossEntropy({ reduction: 'sum' }), 'softmax'],
    ['crossEntropy', 'softmax'],
    ['crossEntropy', 'logSoftmax'],
    [crossEntropy({ labelSmoothing: 0.2 }), 'softmax'],
    [crossEntropy({ labelSmoothing: 0.1, reduction: 'sum' }), 'identity'],
    ['hinge', 'tanh'],
    ['squaredHinge', 'identity'],
    ['logistic', 'identity'],
    ['perceptron', 'identity'],
    ['perceptron', 'step'],
    ['poisson', 'softplus'],
    ['klDivergence', 'softmax'],
    ['cosine', 'identity'],
  ] as const
).map(([loss, name], i) => {
  const type = typeof loss === 'string' ? loss : loss.type;
  return {
    name: `loss ${JSON.stringify(loss)} behind ${name}`,
    layers: [
      [4, 'tanh'],
      [3, name],
    ],
    loss,
    weighted: i % 2 === 0,
    labels: ['hinge', 'squaredHinge', 'logistic', 'perceptron'].includes(type),
  };
});

const subjects: readonly Subject[] = [
  ...ofActivations,
  ...ofLosses,
  {
    name: 'softmax inside and last',
    layers: [
      [4, 'softmax'],
      [3, 'softmax'],
    ],
    loss: 'squaredError',
    weighted: true,
  },
  { name: 'dropout', layers: [[6, 'tanh'], 0.3, [5, 'sigmoid'], 0.5, [2, 'identity']], loss: 'meanSquaredError' },
  { name: 'dropout behind relu', layers: [[6, 'relu'], 0.3, [5, 'relu'], [2, 'identity']], loss: 'meanSquaredError' },
  { name: 'dropout first and last', layers: [0.2, [4, 'tanh'], 0.2], loss: 'squaredError' },
  {
    name: 'penalties',
    layers: [
      [5, 'tanh', { l1: 0.01 }],
      [4, 'sigmoid', { l2: 0.02 }],
      [2, 'identity', { l1: 0.03, l2: 0.04 }],
    ],
    loss: 'meanSquaredError',
  },
  {
    name: 'batch normalization',
    layers: ['batchNormalization', [5, 'identity'], 'batchNormalization', { activation: 'tanh' }, [3, 'softmax']],
    loss: 'crossEntropy',
    weighted: true,
  },
  {
    name: 'layer normalization',
    layers: ['layerNormalization', [5, 'identity'], 'layerNormalization', { activation: 'tanh' }, [3, 'softmax']],
    loss: 'crossEntropy',
    weighted: true,
  },
  {
    name: 'normalizations last',
    layers: [[4, 'tanh'], 'layerNormalization', 'batchNormalization'],
    loss: 'squaredError',
  },
  {
    name: 'everything',
    layers: [
      [6, 'relu', { l2: 0.01 }],
      'batchNormalization',
      0.25,
      { activation: 'silu' },
      0.1,
      'layerNormalization',
      [2, 'sigmoid'],
    ],
    loss: 'binaryCrossEntropy',
  },
  {
    name: 'softmax, fused, classes',
    layers: [
      [4, 'sigmoid'],
      [3, 'softmax'],
    ],
    loss: 'crossEntropy',
    classes: true,
  },
  {
    name: 'logits',
    layers: [
      [4, 'tanh'],
      [3, 'identity'],
    ],
    loss: 'crossEntropy',
    classes: true,
  },
];

const rows = 7;
const inputs = 3;

export function gradientSuite(backend: Backend, dtype: Dtype, record: Record): void {
  function prepare({ layers, loss, classes, weighted, labels }: Subject, of: Dtype) {
    const plan = makePlan(of, inputs, layers);
    const { x, y } = makeSamples(plan, rows);
    if (labels)
      y.forEach((_, i) => {
        y[i] = i % 3 === 0 ? 1 : -1;
      });
    const targets = classes ? { classes: Int32Array.from({ length: rows }, (_, i) => i % plan.outputs) } : { y };
    const samples: Samples = { x, ...targets, weights: weighted ? randomValues(rows, 9, 0, 2) : undefined };
    return { plan, samples, x, loss: lossOf(plan, loss) };
  }

  it.each(dtype === 'float64' ? subjects : [])('are those of central differences: $name', (subject) => {
    const { plan, samples, x, loss } = prepare(subject, dtype);
    const parameters = makeParameters(plan);
    const trainer = makeTrainer(backend, plan, parameters);
    const job = { samples, rows, loss, firstUpdate: 3 };
    const { gradients, inputGradient } = gradientsOf(trainer, plan, job);
    const kinks = kinkWatch(backend, plan, samples, loss);
    // Truncation h²f‴/6 and rounding εf/h are least together at h ≈ ε^⅓, where both are near ε^⅔ ≈ 4·10⁻¹¹.
    const h = epsilonOf.float64 ** (1 / 3);
    let checked = 0;
    let skipped = 0;
    const norm = Math.max(...[...gradients, inputGradient].flatMap((gradient) => Array.from(gradient, Math.abs)));
    function check(values: FloatArray, gradient: FloatArray): void {
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        const [above, below] = [value + h, value - h].map((moved) => {
          values[i] = moved;
          trainer.setParameters(parameters);
          return { loss: gradientsOf(trainer, plan, job).loss, signs: kinks(parameters) };
        });
        values[i] = value;
        if (above.signs !== below.signs) {
          skipped++;
          continue;
        }
        checked++;
        expect(Math.abs((above.loss - below.loss) / (2 * h) - gradient[i])).toBeLessThanOrEqual(1e-7 * norm);
      }
    }
    parameters.forEach((values, i) => {
      check(values, gradients[i]);
    });
    check(x, inputGradient);
    // A step of 6·10⁻⁶ that crosses a kink is rare.
    expect(skipped).toBeLessThanOrEqual(checked / 50);
  });

  it.each(subjects)('are those of the oracle, TypeScript in float64: $name', (subject) => {
    const { plan, samples, loss } = prepare(subject, dtype);
    const found = gradientsOf(makeTrainer(backend, plan), plan, { samples, rows, loss, firstUpdate: 3 });
    const exact = prepare(subject, 'float64');
    const job = { samples: exact.samples, rows, loss: exact.loss, firstUpdate: 3 };
    const parameters = makeParameters(exact.plan);
    const trainer = makeTrainer(typescriptBackend, exact.plan, parameters);
    const expected = gradientsOf(trainer, exact.plan, job);
    // A computed pass is an exact one with each weight and each intermediate result moved by its roundings: a chain of at
    // most `rows` + 2 terms and a function good to 6 units, for each of up to 2 · 3 products. How far gradients move with
    // the weights is measured in double: for 8 random directions, the largest element of the change per relative step.
    const step = 2 ** -20;
    const moves = Array.from({ length: 8 }, (_, d) => {
      const signs = randomValues(1000, 40 + d);
      trainer.setParameters(parameters.map((values) => values.map((v, i) => v * (1 + Math.sign(signs[i]) * step))));
      return gradientsOf(trainer, exact.plan, job);
    });
    const flat = ({ gradients, inputGradient }: typeof expected) =>
      [...gradients, inputGradient].flatMap((gradient) => Array.from(gradient));
    const sensitivity = Math.max(
      ...moves.flatMap((moved) => flat(moved).map((value, i) => Math.abs(value - flat(expected)[i]) / step)),
    );
    const norm = Math.max(...flat(expected).map(Math.abs));
    const roundings = 2 * 3 * (rows + 2 + 6) * epsilonOf[dtype];
    checkClose(subject.name, flat(found), flat(expected), () => roundings * (sensitivity + norm));
    expect(Math.abs(found.loss - expected.loss)).toBeLessThanOrEqual(roundings * (sensitivity + norm + expected.loss));
    for (const gradient of [...found.gradients, found.inputGradient]) record(gradient);
    record(Float64Array.of(found.loss));
  });
}

/** Tells on which side of its kinks each unit is in the pass of update 3: two passes with the same answer have none between them. */
function kinkWatch(
  backend: Backend,
  plan: Plan,
  samples: Samples,
  loss: LossPlan,
): (parameters: readonly FloatArray[]) => string {
  const identity = resolveActivation('identity', 'activation');
  /** What a layer's activation, or the loss, is applied to. */
  const watch = (layers: readonly LayerPlan[], kinks: (z: number, i: number) => number) => {
    const last = layers[layers.length - 1];
    const bare = 'activation' in last ? { ...last, activation: identity } : last;
    const head: Plan = { ...plan, outputs: last.units, layers: [...layers.slice(0, -1), bare] };
    return [{ head, kinks, trainer: backend.createTrainer(head), count: makeParameters(head).length }];
  };
  const heads = plan.layers.flatMap((layer, l) => {
    const kinks = 'activation' in layer ? kinksOf[layer.activation.name] : undefined;
    if (!kinks) return [];
    return watch(plan.layers.slice(0, l + 1), (z) => kinks.filter((kink) => z > kink).length);
  });
  const lossKink = lossKinksOf[loss.kernel];
  if (lossKink) {
    const y = samples.y as FloatArray;
    // Behind the last activation, unless the loss is fused with it.
    const after: LayerPlan = { kind: 'activation', inputs: plan.outputs, units: plan.outputs, activation: identity };
    const layers = loss.onPreActivation ? plan.layers : [...plan.layers, after];
    heads.push(...watch(layers, (z, i) => Number(z > lossKink(y[i]))));
  }
  return (parameters) =>
    heads
      .map(({ head, kinks, trainer, count }) => {
        trainer.setParameters(parameters.slice(0, count));
        const outputs = floats(plan.dtype, rows * head.outputs);
        const y = floats(plan.dtype, rows * head.outputs);
        const job = {
          samples: { x: samples.x, y },
          order: inOrder(rows),
          batchSize: rows,
          loss: lossOf(head, 'squaredError'),
          firstUpdate: 3,
          outputs,
        };
        // The training pass, dropout and all, of an update that moves nothing.
        trainer.trainSync(makeJob({ ...job, learningRates: Float64Array.of(0) }));
        return Array.from(outputs, kinks).join('');
      })
      .join(' ');
}
