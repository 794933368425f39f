import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ActivationSpec, activations, resolveActivation } from '../src/activations.js';
import type { Backend, FloatArray, Trainer } from '../src/backend/backend.js';
import { dense } from '../src/layers.js';
import { type LossSpec, losses, resolveLoss } from '../src/losses.js';
import { adam, type OptimizerSpec, optimizers, resolveOptimizer } from '../src/optimizers.js';
import { allParameters, createNetwork } from './support/api.js';
import { checkClose } from './support/arrays.js';
import { backends, itRunsOnEverythingThereIs, nameOf } from './support/backends.js';
import { inOrder, lossOf, makeJob, makePlan, makeTrainer, parametersOf } from './support/networks.js';

/** What PyTorch computes; see fixtures/pytorch.py, which made it. */
const fixture: {
  readonly source: string;
  readonly activations: readonly {
    spec: ActivationSpec;
    columns: number;
    z: number[];
    gradient: number[];
    output: number[];
    delta: number[];
  }[];
  readonly losses: readonly {
    spec: LossSpec;
    activation: ActivationSpec;
    rows: number;
    prediction: number[];
    y?: number[];
    classes?: number[];
    value: number;
    gradient: number[];
  }[];
  readonly optimizers: {
    readonly x: number[];
    readonly y: number[];
    readonly initial: number[];
    readonly entries: readonly { spec: OptimizerSpec; one: number[]; ten: number[] }[];
  };
  readonly training: { initial: number[]; losses: number[]; final: number[] };
} = JSON.parse(readFileSync(new URL('fixtures/pytorch.json', import.meta.url), 'utf8'));

/** The bound that the project promises: 10⁻⁹, of 1 or of the value. */
function checkSame(name: string, actual: ArrayLike<number>, expected: readonly number[], bound = 1e-9): void {
  checkClose(name, actual, expected, (i) => bound * Math.max(1, Math.abs(expected[i])));
}

const typeOf = (spec: string | { readonly type: string }) => (typeof spec === 'string' ? spec : spec.type);

itRunsOnEverythingThereIs();

it('covers every name that PyTorch has', () => {
  const covered = (entries: readonly { spec: string | { readonly type: string } }[]) =>
    new Set(entries.map(({ spec }) => typeOf(spec)));
  expect(fixture.source).toContain('PyTorch 1.13');
  const without = (names: object, ...absent: string[]) =>
    new Set(Object.keys(names).filter((name) => !absent.includes(name)));
  // Step has no derivative there, and lion is not part of PyTorch.
  expect(covered(fixture.activations)).toEqual(without(activations, 'step'));
  expect(covered(fixture.losses)).toEqual(without(losses));
  expect(covered(fixture.optimizers.entries)).toEqual(without(optimizers, 'lion'));
});

describe.each(backends.map((backend) => [nameOf(backend, 'float64'), backend] as const))(
  'PyTorch against %s',
  (_, backend) => {
    const kernels = backend.kernels('float64');

    it.each(fixture.activations)('activation $spec', ({ spec, columns, z, gradient, output, delta }) => {
      const activation = resolveActivation(spec, 'activation');
      const rows = z.length / columns;
      const input = Float64Array.from(z);
      const found = new Float64Array(z.length);
      kernels.activationForward({ rows, columns, activation, input, output: found });
      checkSame('output', found, output);
      const saved = activations[typeOf(spec) as keyof typeof activations].saves === 'output' ? found : input;
      const slope = Float64Array.from(gradient);
      kernels.activationBackward({ rows, columns, activation, saved, gradient: slope, delta: slope });
      checkSame('delta', slope, delta);
    });

    it.each(fixture.losses)('loss $spec behind $activation', (entry) => {
      const { rows, classes } = entry;
      const outputs = entry.prediction.length / rows;
      const { plan } = resolveLoss(entry.spec, resolveActivation(entry.activation, 'activation'), outputs);
      const divisor = plan.reduction === 'mean' ? rows : 1;
      const gradient = new Float64Array(rows * outputs);
      const loss = kernels.loss({
        rows,
        outputs,
        loss: plan,
        prediction: Float64Array.from(entry.prediction),
        y: entry.y && Float64Array.from(entry.y),
        classes: classes && Int32Array.from(classes),
        divisor,
        gradient,
      });
      checkSame('loss', [loss / divisor], [entry.value]);
      checkSame('gradient', gradient, entry.gradient);
    });

    it.each(fixture.optimizers.entries.filter(({ spec }) => resolveOptimizer(spec).hasKernel))(
      'ten updates of $spec',
      ({ spec, one, ten }) => {
        const plan = makePlan('float64', 3, [
          [4, 'tanh'],
          [2, 'identity'],
        ]);
        const { x, y, initial } = fixture.optimizers;
        const trainer = makeTrainer(backend, plan, split(trainerShapes(backend, plan), initial));
        const { plan: optimizer, learningRate } = resolveOptimizer(spec);
        const samples = { x: Float64Array.from(x), y: Float64Array.from(y) };
        for (const [optimizerStep, updates, expected] of [
          [0, 1, one],
          [1, 9, ten],
        ] as const) {
          trainer.trainSync(
            makeJob({
              samples,
              order: inOrder(8, updates),
              epochRows: 8,
              batchSize: 8,
              loss: lossOf(plan, 'meanSquaredError'),
              optimizer,
              optimizerStep,
              learningRates: Float64Array.of(learningRate),
            }),
          );
          checkSame('parameters', flat(trainer, plan), expected);
        }
      },
    );

    it.each(fixture.optimizers.entries.filter(({ spec }) => !resolveOptimizer(spec).hasKernel))(
      'ten updates of $spec by fit',
      async ({ spec, one, ten }) => {
        const { x, y, initial } = fixture.optimizers;
        const layers = [dense(4, { activation: 'tanh' }), dense(2)];
        using network = createNetwork(backend, { inputs: 3, layers, dtype: 'float64' });
        const [w1, b1, w2, b2] = split([12, 4, 8, 2], initial);
        network.setParameters([
          { weights: w1, bias: b1 },
          { weights: w2, bias: b2 },
        ]);
        const data = { x: Float64Array.from(x), y: Float64Array.from(y) };
        for (const [epochs, expected] of [
          [1, one],
          [9, ten],
        ] as const) {
          await network.fit(data, { loss: 'meanSquaredError', optimizer: spec, batchSize: 'full', epochs });
          // Up to 200 steps, each from differences of gradients: dozens of updates.
          checkSame('parameters', allParameters(network), expected, epochs === 1 ? 1e-9 : 1e-6);
        }
      },
    );

    it('a training with normalizations, penalties and clipping', () => {
      const plan = makePlan('float64', 3, [
        [4, 'identity', { bias: false, l1: 0.01 }],
        'batchNormalization',
        { activation: 'silu' },
        'layerNormalization',
        [2, 'identity', { l2: 0.02 }],
      ]);
      // PyTorch's default.
      const layers = plan.layers.map((layer) => ('epsilon' in layer ? { ...layer, epsilon: 1e-5 } : layer));
      const torch = { ...plan, layers };
      const trainer = makeTrainer(backend, torch, split(trainerShapes(backend, torch), fixture.training.initial));
      const job = makeJob({
        samples: { x: Float64Array.from(fixture.optimizers.x), y: Float64Array.from(fixture.optimizers.y) },
        order: inOrder(8, 20),
        epochRows: 8,
        batchSize: 3,
        loss: lossOf(torch, 'meanSquaredError'),
        optimizer: resolveOptimizer(adam()).plan,
        learningRates: Float64Array.of(0.01),
        clip: { norm: 0.5 },
      });
      trainer.trainSync(job);
      checkSame('first loss', job.losses.subarray(0, 1), fixture.training.losses.slice(0, 1));
      // After dozens of updates: 10⁻⁶.
      checkSame('losses', job.losses, fixture.training.losses, 1e-6);
      checkSame('parameters', flat(trainer, torch), fixture.training.final, 1e-6);
    });
  },
);

type Plan = Parameters<typeof makeTrainer>[1];

function trainerShapes(backend: Backend, plan: Plan): number[] {
  return parametersOf(makeTrainer(backend, plan), plan).map(({ length }) => length);
}

function split(lengths: readonly number[], values: readonly number[]): FloatArray[] {
  const left = [...values];
  return lengths.map((length) => Float64Array.from(left.splice(0, length)));
}

function flat(trainer: Trainer, plan: Plan): number[] {
  return parametersOf(trainer, plan).flatMap((values) => Array.from(values));
}
