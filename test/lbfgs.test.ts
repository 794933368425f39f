import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  batchNormalization,
  type Data,
  dense,
  type FitOptions,
  l2,
  lbfgs,
  maxNorm,
  type Network,
  nonNegative,
  type OptimizerSpec,
  rprop,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError, someNumbers } from './support/api.js';

const rows = 20;
const x = someNumbers(rows * 3);
const data: Data = { x, y: someNumbers(rows, 8) };

/**
 * L-BFGS as the formula of BFGS: the approximate inverse Hessian is built anew in each iteration, as a matrix, from the last
 * `historySize` changes. PyTorch's first step, bounds and ends; parameters after `steps` steps.
 */
function reference(network: Network, steps: number, maxIterations: number, historySize: number): number[] {
  const evaluate = (point: readonly number[]): { gradient: number[]; loss: number } => {
    set(network, point);
    const { layers, loss } = network.gradients(data, { loss: 'meanSquaredError' });
    return { gradient: layers.flatMap((layer) => Object.values(layer).flatMap((values) => [...values])), loss };
  };
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i], 0);
  const changes: { y: number[]; s: number[] }[] = [];
  let point = allParameters(network);
  let last: { gradient: number[]; move: number[] } | undefined;
  for (let step = 0; step < steps; step++) {
    let { gradient, loss } = evaluate(point);
    for (let iteration = 1; iteration <= maxIterations; iteration++) {
      if (last) {
        const before = last.gradient;
        changes.push({ y: gradient.map((g, i) => g - before[i]), s: last.move });
        if (changes.length > historySize) changes.shift();
      }
      const newest = changes.at(-1);
      const scale = newest ? dot(newest.y, newest.s) / dot(newest.y, newest.y) : 1;
      let inverse = point.map((_, i) => point.map((__, j) => (i === j ? scale : 0)));
      for (const { y, s } of changes) {
        const rho = 1 / dot(y, s);
        const times = inverse.map((row) => dot(row, y));
        const whole = rho * (1 + rho * dot(times, y));
        inverse = inverse.map((row, i) =>
          row.map((value, j) => value - rho * (times[i] * s[j] + s[i] * times[j]) + whole * s[i] * s[j]),
        );
      }
      const size = last ? 1 : Math.min(1, 1 / gradient.reduce((sum, g) => sum + Math.abs(g), 0));
      const move = inverse.map((row) => -size * dot(row, gradient));
      last = { gradient, move };
      point = point.map((value, i) => value + move[i]);
      if (iteration === maxIterations) break;
      ({ gradient, loss } = evaluate(point));
      expect(Number.isFinite(loss)).toBe(true);
      if (iteration + 1 >= Math.floor((maxIterations * 5) / 4)) break;
    }
  }
  set(network, point);
  return point;
}

/** One list of parameters back into a network whose layers have weights and bias. */
function set(network: Network, point: readonly number[]): void {
  let at = 0;
  network.setParameters(
    network.parameters().map((layer) =>
      Object.fromEntries(
        Object.entries(layer).map(([name, { length }]) => {
          at += length;
          return [name, point.slice(at - length, at)];
        }),
      ),
    ),
  );
}

/** What PyTorch's LBFGS makes of a 3-4-2 network after one and ten steps; see fixtures/pytorch.py, which made it. */
const pytorch: {
  readonly x: number[];
  readonly y: number[];
  readonly initial: number[];
  readonly entries: readonly { spec: { type: string }; one: number[]; ten: number[] }[];
} = JSON.parse(readFileSync(new URL('fixtures/pytorch.json', import.meta.url), 'utf8')).optimizers;

describe.each(backends)('lbfgs on %s', (_, backend) => {
  const create = (dtype: Dtype = 'float64'): Network =>
    createNetwork(backend, {
      inputs: 3,
      layers: [dense(4, { activation: 'tanh', regularizer: l2(0.01) }), dense(1)],
      dtype,
    });
  const options: FitOptions = {
    loss: 'meanSquaredError',
    optimizer: lbfgs({ maxIterations: 5, historySize: 3 }),
    batchSize: 'full',
  };

  it.each(pytorch.entries.filter(({ spec }) => spec.type === 'lbfgs'))('is PyTorch’s: $spec', async (entry) => {
    const network = createNetwork(backend, {
      inputs: 3,
      layers: [dense(4, { activation: 'tanh' }), dense(2)],
      dtype: 'float64',
    });
    set(network, pytorch.initial);
    const given = { x: Float64Array.from(pytorch.x), y: Float64Array.from(pytorch.y) };
    const optimizer = entry.spec as OptimizerSpec;
    // What the project promises: 10⁻⁹ after one step, 10⁻⁶ after dozens; of 1 or of the value.
    for (const [epochs, wanted, bound] of [
      [1, entry.one, 1e-9],
      [9, entry.ten, 1e-6],
    ] as const) {
      await network.fit(given, { ...options, optimizer, epochs });
      allParameters(network).forEach((value, i) => {
        expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(bound * Math.max(1, Math.abs(wanted[i])));
      });
    }
  });

  it('does the iterations of the formula', async () => {
    const [network, wanted] = [create(), create()];
    await network.fit(data, { ...options, epochs: 2 });
    const point = reference(wanted, 2, 5, 3);
    const distance = allParameters(network).map((value, i) => Math.abs(value - point[i]));
    // Ten iterations, each a sum of some 100 terms below 10; y·s as small as 10⁻³ of its factors magnifies them.
    expect(Math.max(...distance)).toBeLessThan(10 * 100 * 10 * 1e3 * 2 ** -52);
    expect(point).not.toEqual(allParameters(create()));
  });

  it.each<[Dtype, number]>([
    ['float64', 1e-6],
    ['float32', 1e-3],
  ])('finds the least squares in %s', async (dtype, bound) => {
    const network = createNetwork(backend, { inputs: 3, layers: [dense(1)], dtype });
    const y = Array.from({ length: rows }, (__, i) => 2 * x[i * 3] - x[i * 3 + 1] + 0.5 * x[i * 3 + 2] + 3);
    const { epochs } = await network.fit({ x, y }, { ...options, optimizer: 'lbfgs', epochs: 5 });
    expect(epochs[4].loss).toBeLessThan(epochs[0].loss);
    // It ends where the gradient is below 10⁻⁷, or the loss, of rounding 10⁻⁷ in float32, no longer falls: with curvatures above
    // a tenth the distance is below ten gradients, or below √(10·10⁻⁷).
    [2, -1, 0.5, 3].forEach((wanted, i) => {
      expect(Math.abs(allParameters(network)[i] - wanted)).toBeLessThan(bound);
    });
  });

  it('goes on with what it has learnt of the curvature', async () => {
    const [whole, split, reset, batchwise] = [create(), create(), create(), create()];
    await whole.fit(data, { ...options, epochs: 4 });
    await split.fit(data, { ...options, epochs: 1 });
    await split.fit(data, { ...options, epochs: 3 });
    expect(allParameters(split)).toEqual(allParameters(whole));
    await reset.fit(data, { ...options, epochs: 1 });
    await reset.fit(data, { ...options, epochs: 3, reset: true });
    expect(allParameters(reset)).not.toEqual(allParameters(whole));
    const { loss, optimizer } = options;
    for (let i = 0; i < 4; i++) batchwise.trainOnBatch(data, { loss, optimizer });
    expect(allParameters(batchwise)).toEqual(allParameters(whole));
  });

  it('reports as any fit', async () => {
    const [network, before] = [create(), create()];
    const seen: number[] = [];
    const { epochs, stoppedBy } = await network.fit(data, {
      ...options,
      epochs: 3,
      metrics: ['meanSquaredError'],
      gradientNorms: true,
      validation: data,
      onBatch: ({ loss }) => void seen.push(loss),
    });
    expect([stoppedBy, epochs.length]).toEqual(['epochs', 3]);
    // An epoch's loss is Σ w·l / Σ w of its one batch, the penalty likewise: two roundings of each, and their sum.
    const roundings = 5 * 2 ** -53;
    epochs.forEach(({ loss }, i) => {
      expect(Math.abs(loss - seen[i])).toBeLessThan(roundings * loss);
    });
    const { loss, layers } = before.gradients(data, { loss: 'meanSquaredError' });
    expect(Math.abs(epochs[0].loss - loss)).toBeLessThan(roundings * loss);
    const { meanSquaredError } = await before.evaluate(data, { metrics: ['meanSquaredError'] });
    expect(epochs[0].meanSquaredError).toBe(meanSquaredError);
    layers.forEach(({ weights, bias }, i) => {
      const norm = Math.hypot(...weights!, ...bias!);
      expect(Math.abs(epochs[0].gradientNorms![i] - norm)).toBeLessThan(20 * norm * 2 ** -53);
    });
    const after = await network.evaluate(data, { loss: 'meanSquaredError', metrics: ['meanSquaredError'] });
    expect(epochs[2].validation).toEqual(after);
    // Nobody listening, several epochs are done at once.
    const alone = create();
    await alone.fit(data, { ...options, epochs: 3 });
    expect(allParameters(alone)).toEqual(allParameters(network));
  });

  it('ends on a signal, and where the loss is not finite with the parameters before that step', async () => {
    const linear = createNetwork(backend, { inputs: 3, layers: [dense(1)], dtype: 'float64' });
    const signal = AbortSignal.timeout(50);
    expect((await linear.fit(data, { ...options, epochs: 10_000_000, signal })).stoppedBy).toBe('signal');
    const network = create();
    const before = allParameters(network);
    const wild = lbfgs({ learningRate: 1e300 });
    const { stoppedBy, epochs } = await network.fit(data, { ...options, optimizer: wild, epochs: 3 });
    expect([stoppedBy, epochs.length]).toEqual(['notFinite', 0]);
    expect(allParameters(network)).toEqual(before);
    expect((await network.fit(data, { ...options, reset: true })).stoppedBy).toBe('epochs');
  });

  it('refuses layers that whole gradients do not keep', async () => {
    for (const layer of [
      batchNormalization(),
      dense(1, { constraint: maxNorm(1) }),
      dense(1, { constraint: nonNegative() }),
    ]) {
      const network = createNetwork(backend, { inputs: 3, layers: [dense(2), layer, dense(1)] });
      await expectError(() => network.fit(data, options), 'INVALID_ARGUMENT', /beside lbfgs for layers\[1\]/);
    }
  });

  it('rprop learns on the full batch', async () => {
    const network = create();
    const { epochs } = await network.fit(data, { ...options, optimizer: rprop(), epochs: 60 });
    expect(epochs[59].loss).toBeLessThan(epochs[0].loss / 2);
  });
});
