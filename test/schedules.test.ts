import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  constant,
  cosine,
  dense,
  exponentialDecay,
  type FitOptions,
  inverseTime,
  type Network,
  polynomial,
  reciprocal,
  reduceOnPlateau,
  type ScheduleSpec,
  sgd,
  stepDecay,
} from '../src/index.js';
import { backends, createNetwork } from './support/api.js';

/** The rates of PyTorch's schedulers at base 0.5; see fixtures/schedules.py, which made it. */
const pytorch: {
  readonly source: string;
  readonly entries: readonly { spec: ScheduleSpec; rates: number[] }[];
  readonly losses: readonly number[];
  readonly plateaus: readonly { spec: ScheduleSpec; rates: number[] }[];
} = JSON.parse(readFileSync(new URL('fixtures/schedules.json', import.meta.url), 'utf8'));

const base = 0.5;
const fromOne = (formula: (m: number) => number): number[] => Array.from({ length: 10 }, (_, i) => formula(i + 1));
const schedules: [string, ScheduleSpec, number[]][] = [
  ['constant', 'constant', fromOne(() => base)],
  ['constant(…)', constant(0.125), fromOne(() => 0.125)],
  ['inverseTime', inverseTime({ a: 2, b: 3 }), fromOne((m) => 2 / (3 + m))],
  ['reciprocal', reciprocal(), fromOne((m) => 1 / m)],
  ['stepDecay', stepDecay({ every: 4, factor: 0.5 }), [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125]],
  ['exponentialDecay', exponentialDecay({ factor: 0.5 }), fromOne((m) => base * 0.5 ** (m - 1))],
  ['polynomial', polynomial({ power: 2 }), fromOne((m) => base * (1 - (m - 1) / 10) ** 2)],
  ['polynomial(…)', polynomial({ updates: 4, end: 0.1 }), [0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]],
  ['cosine', cosine(), fromOne((m) => (base / 2) * (1 + Math.cos((Math.PI * (m - 1)) / 10)))],
  [
    'cosine with warm-up and a restart',
    cosine({ warmup: 2, restarts: 1, minimum: 0.1 }),
    [0.25, 0.5, ...[0, 1, 2, 3, 0, 1, 2, 3].map((done) => 0.1 + 0.2 * (1 + Math.cos((Math.PI * done) / 4)))],
  ],
  ['a function', (update, epoch) => update / (10 + epoch), fromOne((m) => m / (10 + Math.floor((m - 1) / 5)))],
  ...pytorch.entries.map(({ spec, rates }): [string, ScheduleSpec, number[]] => [
    `PyTorch's ${JSON.stringify(spec)}`,
    spec,
    rates,
  ]),
];

describe.each(backends)('schedules on %s', (_, backend) => {
  const create = (): Network =>
    createNetwork(backend, {
      inputs: 1,
      layers: [dense(1, { kernelInitializer: 'zeros', bias: false })],
      dtype: 'float64',
    });
  // Far below its target the weight moves by the learning rate: the gradient of |w·1 − 1000| is −1.
  const data = { x: [1, 1, 1, 1, 1], y: [1000, 1000, 1000, 1000, 1000] };
  const options: FitOptions = { loss: 'meanAbsoluteError', optimizer: sgd({ learningRate: base }), batchSize: 1 };

  it.each(schedules)('%s', async (__, schedule, wanted) => {
    const network = create();
    const weights: number[] = [0];
    const onBatch = (): void => void weights.push(network.parameters()[0].weights![0]);
    const { epochs } = await network.fit(data, { ...options, epochs: 2, schedule, onBatch });
    wanted.forEach((rate, i) => {
      // Weights below 16; some twenty operations on rates below 1 on both sides, and each update rounds twice.
      expect(Math.abs(weights[i + 1] - weights[i] - rate)).toBeLessThan((2 * 20 + 2 * 16) * 2 ** -53);
    });
    // Below 1, twenty operations on both sides.
    epochs.forEach(({ learningRate }, epoch) => {
      expect(Math.abs(learningRate - wanted[epoch * 5 + 4])).toBeLessThan(2 * 20 * 2 ** -53);
    });
  });

  it('gives the same bits when nobody listens, and goes on with the next fit', async () => {
    const schedule = inverseTime({ a: 2, b: 3 });
    const [listened, alone, split] = [create(), create(), create()];
    await listened.fit(data, { ...options, epochs: 4, schedule, onBatch: () => undefined });
    await alone.fit(data, { ...options, epochs: 4, schedule });
    await split.fit(data, { ...options, epochs: 1, schedule });
    await split.fit(data, { ...options, epochs: 3, schedule });
    expect(alone.parameters()).toEqual(listened.parameters());
    expect(split.parameters()).toEqual(listened.parameters());
    await split.fit(data, { ...options, schedule, reset: true });
    const { weights } = split.parameters()[0];
    const restarted = [1, 2, 3, 4, 5].reduce((sum, m) => sum + 2 / (3 + m), 0);
    // Weights below 16, six roundings each.
    expect(Math.abs(weights![0] - listened.parameters()[0].weights![0] - restarted)).toBeLessThan(30 * 16 * 2 ** -53);
  });

  it('reduceOnPlateau reduces after more than `patience` epochs without progress', async () => {
    const network = create();
    // The gradient of |w·0 − 1| is 0: the loss stays 1.
    const still = { x: [0], y: [1] };
    const rates = async (schedule: ScheduleSpec): Promise<number[]> =>
      (await network.fit(still, { ...options, epochs: 9, schedule })).epochs.map(({ learningRate }) => learningRate);
    // The first epoch sets the best; the rate falls after three more.
    expect(await rates(reduceOnPlateau({ factor: 0.5, patience: 2 }))).toEqual([
      0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125,
    ]);
    expect(await rates(reduceOnPlateau({ factor: 0.5, patience: 0, cooldown: 2, minimum: 0.2 }))).toEqual([
      0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2,
    ]);
  });

  it.each(pytorch.plateaus)("PyTorch's $spec", async ({ spec, rates }) => {
    expect(pytorch.source).toContain('PyTorch');
    const network = create();
    // With weights of 0 and no step, the validation's loss is what its y says; each epoch has another.
    const y = new Float64Array(1);
    const validation = { x: [0], y };
    const seen: number[] = [];
    y[0] = pytorch.losses[0];
    await network.fit(
      { x: [0], y: [1] },
      {
        ...options,
        epochs: 10,
        schedule: spec,
        validation,
        onEpoch: ({ epoch, learningRate }) => {
          seen.push(learningRate);
          y[0] = pytorch.losses[epoch + 1];
        },
      },
    );
    // The same products of the same numbers.
    expect(seen).toEqual(rates);
  });

  it('what a function throws ends the fit', async () => {
    const failure = new Error('from the schedule');
    const schedule = (update: number): number => {
      if (update > 5) throw failure;
      return base;
    };
    const network = create();
    await expect(network.fit(data, { ...options, epochs: 3, schedule, onEpoch: () => undefined })).rejects.toBe(
      failure,
    );
    expect((await network.fit(data, options)).epochs[0].epoch).toBe(1);
  });
});
