import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray, Plan, Samples, Trainer } from '../../src/backend/backend.js';
import { typescriptBackend } from '../../src/backend/typescript/index.js';
import { squaredError } from '../../src/losses.js';
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
}

const subjects: readonly Subject[] = [
  {
    name: 'identity',
    layers: [
      [4, 'identity'],
      [3, 'identity', false],
      [2, 'identity'],
    ],
    loss: 'meanSquaredError',
  },
  {
    name: 'sigmoid',
    layers: [
      [5, 'sigmoid'],
      [3, 'sigmoid'],
    ],
    loss: squaredError({ half: true, reduction: 'sum' }),
  },
  {
    name: 'tanh',
    layers: [
      [5, 'tanh', false],
      [4, 'tanh'],
      [2, 'identity'],
    ],
    loss: 'squaredError',
    weighted: true,
  },
  {
    name: 'relu',
    layers: [
      [6, 'relu'],
      [5, 'relu'],
      [3, 'identity'],
    ],
    loss: 'meanSquaredError',
  },
  {
    name: 'relu last',
    layers: [
      [4, 'tanh'],
      [3, 'relu'],
    ],
    loss: 'squaredError',
  },
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
    name: 'sigmoid, fused',
    layers: [
      [4, 'tanh'],
      [2, 'sigmoid'],
    ],
    loss: 'binaryCrossEntropy',
    weighted: true,
  },
  {
    name: 'probabilities, not fused',
    layers: [
      [4, 'tanh'],
      [3, 'softmax'],
    ],
    loss: 'binaryCrossEntropy',
  },
  {
    name: 'softmax, fused, distributions',
    layers: [
      [4, 'tanh'],
      [3, 'softmax'],
    ],
    loss: 'crossEntropy',
    weighted: true,
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
  function prepare({ layers, loss, classes, weighted }: Subject, of: Dtype) {
    const plan = makePlan(of, inputs, layers);
    const { x, y } = makeSamples(plan, rows);
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
    const kinks = kinkWatch(backend, plan, samples);
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
    // A step of 6·10⁻⁶ that crosses the kink of a relu is rare.
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

/** Tells which relu units are active in the pass of update 3: two passes with the same answer have no kink between them. */
function kinkWatch(backend: Backend, plan: Plan, samples: Samples): (parameters: readonly FloatArray[]) => string {
  const heads = plan.layers.flatMap((layer, l) => {
    if (layer.kind !== 'dense' || layer.activation.name !== 'relu') return [];
    const head: Plan = { ...plan, outputs: layer.units, layers: plan.layers.slice(0, l + 1) };
    return [{ head, trainer: backend.createTrainer(head) as Trainer, count: makeParameters(head).length }];
  });
  return (parameters) =>
    heads
      .map(({ head, trainer, count }) => {
        trainer.setParameters(parameters.slice(0, count));
        const outputs = floats(plan.dtype, rows * head.outputs);
        const y = floats(plan.dtype, rows * head.outputs);
        const loss = lossOf(head, 'squaredError');
        const job = {
          samples: { x: samples.x, y },
          order: inOrder(rows),
          batchSize: rows,
          loss,
          firstUpdate: 3,
          outputs,
        };
        // The training pass, dropout and all, of an update that moves nothing.
        trainer.trainSync(makeJob({ ...job, learningRates: Float64Array.of(0) }));
        return Array.from(outputs, (output) => Number(output > 0)).join('');
      })
      .join(' ');
}
