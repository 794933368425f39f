import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray, Plan } from '../../src/backend/backend.js';
import { typescriptBackend } from '../../src/backend/typescript/index.js';
import { adam, nadam, type OptimizerSpec, resolveOptimizer, sgd } from '../../src/optimizers.js';
import { RandomGenerator } from '../../src/random.js';
import { checkClose, epsilonOf, floats, randomValues } from '../support/arrays.js';
import {
  lossOf,
  makeJob,
  makeParameters,
  makePlan,
  makeSamples,
  makeTrainer,
  parametersOf,
} from '../support/networks.js';
import type { Record } from '../support/record.js';

/** Wide enough for its products to be split among threads, and no multiple of any tile. */
const inputs = 301;
const layers = [[259, 'relu'], 0.25, [70, 'tanh'], 0.1, [45, 'sigmoid'], [10, 'softmax']] as const;
const rows = 450;
const batchSize = 128;
const batches = 4;

interface Run {
  readonly losses: Float64Array;
  readonly parameters: readonly FloatArray[];
  readonly outputs: FloatArray;
}

/** An epoch in a shuffled order. */
function prepare(plan: Plan, optimizer: OptimizerSpec) {
  const generator = new RandomGenerator(21);
  const order = new Uint32Array(rows).map(() => generator.integer(rows));
  const resolved = resolveOptimizer(optimizer);
  return makeJob({
    samples: makeSamples(plan, rows),
    order,
    batchSize,
    loss: lossOf(plan, 'crossEntropy'),
    optimizer: resolved.plan,
    learningRates: Float64Array.of(resolved.learningRate),
    outputs: floats(plan.dtype, rows * plan.outputs),
  });
}

function runSync(backend: Backend, plan: Plan, optimizer: OptimizerSpec, initial = makeParameters(plan)): Run {
  const trainer = makeTrainer(backend, plan, initial);
  const job = prepare(plan, optimizer);
  expect(trainer.trainSync(job)).toEqual({ updates: batches, ended: 'complete' });
  const run = { losses: job.losses, parameters: parametersOf(trainer, plan), outputs: job.outputs as FloatArray };
  trainer.dispose();
  return run;
}

export function determinismSuite(backend: Backend, dtype: Dtype, record: Record): void {
  it('gives the same bits in two runs, on the calling thread and on another, on 1, 2 and 3 threads', async () => {
    const optimizer = adam({ learningRate: 0.01 });
    const plan = makePlan(dtype, inputs, layers);
    const first = runSync(backend, plan, optimizer);
    expect(runSync(backend, plan, optimizer)).toEqual(first);
    for (const threads of [2, 3]) {
      expect(runSync(backend, makePlan(dtype, inputs, layers, { threads }), optimizer)).toEqual(first);
    }
    const trainer = makeTrainer(backend, plan);
    const job = prepare(plan, optimizer);
    await trainer.train(job);
    expect({ losses: job.losses, parameters: parametersOf(trainer, plan), outputs: job.outputs }).toEqual(first);
    for (const result of [first.losses, first.outputs, ...first.parameters]) record(result);
  });

  it('does so with normalizations, penalties, accumulation and clipping', async () => {
    const shapes = [
      [259, 'identity', { l1: 1e-4, l2: 1e-3, maxNorm: 1.5 }],
      'batchNormalization',
      { activation: 'gelu' },
      0.25,
      [70, 'mish'],
      'layerNormalization',
      [10, 'logSoftmax', { l2: 1e-3 }],
    ] as const;
    const runs = [];
    for (const threads of [1, 1, 2, 3]) {
      const plan = makePlan(dtype, inputs, shapes, { threads });
      const trainer = makeTrainer(backend, plan);
      const job = {
        ...prepare(plan, nadam({ learningRate: 0.01 })),
        passRows: 48,
        clip: { norm: 0.1 },
        penalties: new Float64Array(batches),
        gradientNorms: new Float64Array(batches * shapes.length),
      };
      expect(runs.length === 0 ? await trainer.train(job) : trainer.trainSync(job)).toMatchObject({ updates: batches });
      const { losses, penalties, gradientNorms, outputs } = job;
      runs.push({ losses, penalties, gradientNorms, outputs, parameters: parametersOf(trainer, plan) });
      trainer.dispose();
    }
    for (const run of runs) expect(run).toEqual(runs[0]);
    const { losses, penalties, gradientNorms, parameters } = runs[0];
    for (const result of [losses, penalties, gradientNorms, ...parameters]) record(result);
  });

  it('gives other bits for another seed: the masks change', () => {
    const runs = [1, 2].map((seed) => runSync(backend, makePlan(dtype, inputs, layers, { seed }), sgd()));
    expect(runs[1].losses).not.toEqual(runs[0].losses);
  });

  it('gives the losses of the oracle, TypeScript in float64, within what rounding moves', () => {
    const optimizer = sgd({ learningRate: 0.2, momentum: 0.9 });
    const { losses } = runSync(backend, makePlan(dtype, inputs, layers), optimizer);
    const plan = makePlan('float64', inputs, layers);
    const initial = makeParameters(plan);
    const exact = runSync(typescriptBackend, plan, optimizer, initial).losses;
    // A computed update is an exact one from weights moved by its roundings. How far that moves later losses is measured
    // in double: the largest change per relative step of the initial weights in 4 random directions.
    const step = 2 ** -20;
    const sensitivity = new Float64Array(batches);
    for (let direction = 0; direction < 4; direction++) {
      const signs = randomValues(inputs * 259, 50 + direction);
      const moved = initial.map((values) => values.map((value, i) => value * (1 + Math.sign(signs[i]) * step)));
      runSync(typescriptBackend, plan, optimizer, moved).losses.forEach((loss, b) => {
        sensitivity[b] = Math.max(sensitivity[b], Math.abs(loss - exact[b]) / step);
      });
    }
    // Per update: forward and backward through 4 layers, each a chain of up to 301 roundings, which add up like a random
    // walk, and a function good to 6 units.
    const roundings = 2 * 4 * (Math.sqrt(inputs) + 6) * epsilonOf[dtype];
    checkClose('losses', losses, exact, (b) => (b + 1) * roundings * (sensitivity[b] + exact[b]));
  });
}
