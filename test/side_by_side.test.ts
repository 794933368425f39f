import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { blobs, regression } from '../src/data/index.js';
import {
  adam,
  crossValidate,
  dense,
  type FitOptions,
  fitRestarts,
  type History,
  Network,
  type NetworkOptions,
  type Restart,
  type SearchOptions,
  search,
} from '../src/index.js';
import { resolveConcurrency, sideBySide } from '../src/side_by_side.js';
import { allParameters, backends, expectError } from './support/api.js';
import { itRunsOnEverythingThereIs } from './support/backends.js';

/** What does not depend on the clock. */
const untimed = ({ seconds: _seconds, samplesPerSecond: _speed, epochs, best, ...others }: History) => ({
  ...others,
  epochs: epochs.map(({ seconds: _, ...epoch }) => epoch),
  best: best?.epoch,
});

itRunsOnEverythingThereIs();

describe.each([...new Set(backends.map(([, { name }]) => name))])('many networks on %s', (backend) => {
  const data = blobs({ rows: 60, classes: 3, standardDeviation: 2, seed: 5 });
  const networkOptions: NetworkOptions = {
    inputs: 2,
    layers: [dense(4, { activation: 'tanh' }), dense(3, { activation: 'softmax' })],
    seed: 11,
    backend,
  };
  const fitOptions: FitOptions = {
    loss: 'crossEntropy',
    optimizer: adam({ learningRate: 0.02 }),
    epochs: 4,
    batchSize: 8,
    metrics: ['accuracy'],
  };

  it('fitRestarts keeps the best of all starting points, whatever ran at once', async () => {
    const results: (readonly object[])[] = [];
    for (const concurrency of [1, 2, 3]) {
      const { network, seed, loss, history, runs } = await fitRestarts(networkOptions, data, fitOptions, {
        restarts: 5,
        concurrency,
      });
      expect(network.backend.name).toBe(backend);
      expect(runs.map((run) => run.seed)).toEqual([11, 12, 13, 14, 15]);
      expect(loss).toBe(Math.min(...runs.map((run) => run.loss)));
      const best = runs.find((run) => run.seed === seed) as Restart;
      expect(best.loss).toBe(loss);
      expect(best.history).toBe(history);
      expect((await network.evaluate(data, { loss: 'crossEntropy' })).loss).toBe(loss);
      // Each is what a network of that seed comes to on its own.
      const alone = new Network({ ...networkOptions, seed });
      await alone.fit(data, fitOptions);
      expect(allParameters(network)).toEqual(allParameters(alone));
      network.dispose();
      results.push(runs.map((run) => ({ ...run, history: untimed(run.history) })));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('fitRestarts judges by the validation where there is one', async () => {
    const options = { ...fitOptions, validation: 0.25 };
    const { network, loss, runs } = await fitRestarts(networkOptions, data, options, { seeds: [9, 3, 7] });
    expect(runs.map(({ seed }) => seed)).toEqual([9, 3, 7]);
    for (const run of runs) expect(run.loss).toBeCloseTo(run.history.epochs.at(-1)?.validation?.loss as number, 6);
    const held = { x: data.x.data.subarray(90), y: data.y.subarray(45) };
    expect((await network.evaluate(held, { loss: 'crossEntropy' })).loss).toBe(loss);
    const explicit = await fitRestarts(
      networkOptions,
      { x: data.x.data.subarray(0, 90), y: data.y.subarray(0, 45) },
      { ...fitOptions, validation: held },
      { seeds: [9, 3, 7] },
    );
    expect(explicit.runs.map((run) => run.loss)).toEqual(runs.map((run) => run.loss));
  });

  it('crossValidate holds every row out once, and summarizes', async () => {
    const results: object[] = [];
    for (const concurrency of [1, 3]) {
      const { folds, mean, standardDeviation } = await crossValidate(networkOptions, data, fitOptions, {
        folds: 4,
        seed: 2,
        concurrency,
      });
      expect(folds.map(({ rows }) => rows)).toEqual([15, 15, 15, 15]);
      const losses = folds.map(({ evaluation }) => evaluation.loss);
      const average = losses.reduce((sum, loss) => sum + loss, 0) / 4;
      expect(mean.loss).toBe(average);
      expect(standardDeviation.loss).toBeCloseTo(
        Math.sqrt(losses.reduce((sum, loss) => sum + (loss - average) ** 2, 0) / 3),
        12,
      );
      // Accuracies are whole fifteenths: rows judged, none twice.
      for (const { evaluation } of folds) expect(Number.isInteger(Math.fround(evaluation.accuracy * 15))).toBe(true);
      results.push({ mean, folds: folds.map((fold) => ({ ...fold, history: untimed(fold.history) })) });
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('crossValidate trains on the other folds only', async () => {
    const fold = async (from: number, to: number) => {
      const rows = [...data.y.keys()].filter((i) => i < from || i >= to);
      const alone = new Network({ ...networkOptions });
      await alone.fit({ x: rows.map((i) => data.x.row(i)), y: rows.map((i) => data.y[i]) }, fitOptions);
      const held = { x: data.x.data.subarray(2 * from, 2 * to), y: data.y.subarray(from, to) };
      return alone.evaluate(held, { loss: 'crossEntropy', metrics: ['accuracy'] });
    };
    const { folds } = await crossValidate(networkOptions, data, fitOptions, { folds: 3, shuffle: false });
    expect(folds.map(({ evaluation }) => evaluation)).toEqual([
      await fold(0, 20),
      await fold(20, 40),
      await fold(40, 60),
    ]);
  });

  it('search tries the whole grid, and trains the best on all rows', async () => {
    const results: object[] = [];
    for (const concurrency of [1, 4]) {
      const { network, history, best, trials } = await search(networkOptions, data, fitOptions, {
        network: { layers: [[dense(3)], [dense(8, { activation: 'tanh' }), dense(3)]] },
        fit: { batchSize: [4, 60], epochs: [1, 6] },
        folds: 3,
        monitor: 'accuracy',
        concurrency,
      });
      expect(trials.map(({ network: { layers }, fit }) => [layers?.length, fit.batchSize, fit.epochs])).toEqual(
        [1, 2].flatMap((depth) => [4, 60].flatMap((batch) => [1, 6].map((epochs) => [depth, batch, epochs]))),
      );
      for (const { score, mean, folds } of trials) {
        expect(score).toBe(mean.accuracy);
        expect(folds).toHaveLength(3);
      }
      expect(best.score).toBe(Math.max(...trials.map(({ score }) => score)));
      expect(best).toBe(trials.find(({ score }) => score === best.score));
      const alone = new Network({ ...networkOptions, ...best.network });
      await alone.fit(data, { ...fitOptions, ...best.fit });
      expect(allParameters(network)).toEqual(allParameters(alone));
      expect(history.epochs).toHaveLength(best.fit.epochs as number);
      network.dispose();
      results.push(trials.map(({ folds: _, ...trial }) => trial));
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('search draws at random, the same for the same seed', async () => {
    const options: SearchOptions = {
      network: { seed: [1, 2, 3] },
      fit: { optimizer: (random) => adam({ learningRate: 10 ** (-3 + 2 * random()) }) },
      trials: 6,
      validation: 0.2,
      seed: 4,
    };
    const first = await search(networkOptions, data, fitOptions, options);
    expect(first.trials).toHaveLength(6);
    expect(first.best.score).toBe(Math.min(...first.trials.map(({ score }) => score)));
    const rates = first.trials.map(({ fit }) => (fit.optimizer as { learningRate: number }).learningRate);
    for (const rate of rates) expect(rate >= 1e-3 && rate < 0.1).toBe(true);
    expect(new Set(rates).size).toBe(6);
    for (const { folds } of first.trials) expect(folds.map(({ rows }) => rows)).toEqual([12]);
    const settings = ({ network, fit, score }: (typeof first.trials)[number]) => ({ network, fit, score });
    const again = await search(networkOptions, data, fitOptions, options);
    expect(again.trials.map(settings)).toEqual(first.trials.map(settings));
    const other = await search(networkOptions, data, fitOptions, { ...options, seed: 5 });
    expect(other.trials.map(settings)).not.toEqual(first.trials.map(settings));
  });

  it('puts a fit that comes to nothing last', async () => {
    const line = regression({ rows: 20, columns: 2 });
    const { best, network } = await search(
      { inputs: 2, layers: [dense(1)], backend },
      line,
      { loss: 'meanSquaredError', optimizer: 'sgd', epochs: 200, batchSize: 'full' },
      {
        fit: {
          optimizer: [
            { type: 'sgd', learningRate: 1e30 },
            { type: 'sgd', learningRate: 0.05 },
          ],
        },
        folds: 2,
      },
    );
    expect(best.fit.optimizer).toEqual({ type: 'sgd', learningRate: 0.05 });
    network.dispose();
  });

  it('rejects what any of the fits rejects', async () => {
    const broken = { x: data.x, y: Int32Array.from(data.y, (label) => label + 1) };
    await expectError(() => fitRestarts(networkOptions, broken, fitOptions), 'INVALID_ARGUMENT', /y\[\d+\], got 3/);
    await expectError(() => crossValidate(networkOptions, broken, fitOptions), 'INVALID_ARGUMENT', /y\[\d+\], got 3/);
    const aborted = { ...fitOptions, signal: AbortSignal.abort() };
    await expectError(() => crossValidate(networkOptions, data, aborted), 'ABORTED', /aborted/);
    const controller = new AbortController();
    const late = { ...fitOptions, signal: controller.signal, onEpoch: () => controller.abort() };
    await expectError(() => fitRestarts(networkOptions, data, late), 'ABORTED', /abort/);
    const vary = { fit: { batchSize: [8] } };
    await expectError(() => search(networkOptions, data, late, vary), 'ABORTED', /abort/);
    await expectError(
      () => search(networkOptions, data, fitOptions, { network: { layers: [[dense(3)], [dense(2)]] } }),
      'INVALID_ARGUMENT',
      /y\[/,
    );
  });
});

describe('options of many networks', () => {
  const networkOptions: NetworkOptions = { inputs: 1, layers: [dense(1)], backend: 'typescript' };
  const data = regression({ rows: 6 });
  const fitOptions: FitOptions = { loss: 'meanSquaredError', optimizer: 'sgd' };

  it('are checked before anything is trained', async () => {
    const restarts = (given: object) => () => fitRestarts(networkOptions, data, fitOptions, given);
    await expectError(restarts({ restarts: 0 }), 'INVALID_ARGUMENT', /restarts, got 0/);
    await expectError(restarts({ seeds: [] }), 'INVALID_ARGUMENT', /seeds/);
    await expectError(restarts({ seeds: [1], restarts: 2 }), 'INVALID_ARGUMENT', /2 seeds.*got 1/);
    await expectError(restarts({ seeds: [-1] }), 'INVALID_ARGUMENT', /seed, got -1/);
    await expectError(restarts({ threads: 2 }), 'INVALID_ARGUMENT', /"threads"/);
    const folds = (given: object) => () => crossValidate(networkOptions, data, fitOptions, given);
    await expectError(folds({ folds: 7 }), 'INVALID_ARGUMENT', /from 2 to 6 for folds, got 7/);
    await expectError(folds({ folds: 1 }), 'INVALID_ARGUMENT', /folds, got 1/);
    await expectError(folds({ concurrency: 0 }), 'INVALID_ARGUMENT', /concurrency, got 0/);
    for (const many of [fitRestarts, crossValidate, search] as ((...given: unknown[]) => Promise<unknown>)[]) {
      await expectError(() => many(undefined, data, fitOptions, {}), 'INVALID_ARGUMENT', /options of Network/);
      await expectError(() => many(networkOptions, [], fitOptions, {}), 'INVALID_ARGUMENT', /for data/);
      await expectError(() => many(networkOptions, data, 'sgd', {}), 'INVALID_ARGUMENT', /options of fit/);
    }
    const grid = (given: object) => () => search(networkOptions, data, fitOptions, given);
    await expectError(grid({}), 'INVALID_ARGUMENT', /something to vary/);
    await expectError(grid({ fit: { batchSize: 8 } }), 'INVALID_ARGUMENT', /fit\.batchSize, got 8/);
    await expectError(grid({ fit: { batchSize: () => 8 } }), 'INVALID_ARGUMENT', /fit\.batchSize, got a function/);
    await expectError(grid({ fit: { batchSize: [] } }), 'INVALID_ARGUMENT', /fit\.batchSize/);
    await expectError(grid({ fit: { batchSize: [2] }, monitor: 'accuracy' }), 'INVALID_ARGUMENT', /monitor/);
    await expectError(grid({ fit: { batchSize: [2] }, folds: 2, validation: 0.5 }), 'INVALID_ARGUMENT', /folds/);
    await expectError(grid({ fit: { batchSize: [2] }, trials: 0 }), 'INVALID_ARGUMENT', /trials, got 0/);
  });
});

describe('sideBySide', () => {
  it('has one network more at work than there are cores, unless the environment sets a limit', () => {
    const before = process.env.CHAINRULE_THREADS;
    try {
      process.env.CHAINRULE_THREADS = '';
      expect(resolveConcurrency(undefined)).toBe(availableParallelism() + 1);
      process.env.CHAINRULE_THREADS = '3';
      expect(resolveConcurrency(undefined)).toBe(3);
      expect(resolveConcurrency(5)).toBe(5);
    } finally {
      if (before === undefined) delete process.env.CHAINRULE_THREADS;
      else process.env.CHAINRULE_THREADS = before;
    }
  });

  it('keeps as many at work as it may, and the results in order', async () => {
    let running = 0;
    let most = 0;
    const results = await sideBySide(7, 3, async (i) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, (7 - i) % 4));
      running--;
      return i * i;
    });
    expect(results).toEqual([0, 1, 4, 9, 16, 25, 36]);
    expect(most).toBe(3);
  });

  it('begins no other after a failure, and rejects when all have ended', async () => {
    const begun: number[] = [];
    let ended = 0;
    const failing = sideBySide(9, 2, async (i) => {
      begun.push(i);
      await new Promise((resolve) => setTimeout(resolve, i === 0 ? 5 : 1));
      ended++;
      if (i === 1) throw new Error('the second');
    });
    await expect(failing).rejects.toThrow('the second');
    expect(begun).toEqual([0, 1]);
    expect(ended).toBe(2);
  });
});
