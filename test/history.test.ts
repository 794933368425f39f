import { describe, expect, it } from 'vitest';
import { dense, type EpochReport, type FitOptions, type History, type Network, sgd } from '../src/index.js';
import { allParameters, backends, createNetwork } from './support/api.js';

/** More than are made into reports at once, and no whole number of anything they are kept or trained in. */
const many = 5_001;

const accessor = (history: History) => Object.getOwnPropertyDescriptor(history, 'epochs')?.get;
const untimed = (epochs: readonly EpochReport[]) => epochs.map(({ seconds: _, ...report }) => report);

describe.each(backends)('history on %s', (_, backend) => {
  const create = (weight = 1): Network =>
    createNetwork(backend, {
      inputs: 1,
      layers: [dense(1, { kernelInitializer: [weight], bias: false })],
      dtype: 'float64',
    });
  const data = { x: [1, -1, 2], y: [0.5, 0.25, -0.5] };
  const options: FitOptions = {
    loss: 'meanSquaredError',
    optimizer: sgd({ learningRate: 0.1 }),
    // Another rate for each epoch, and losses that go up and down.
    schedule: (_update, epoch) => 0.1 / (1 + ((7 * epoch) % 10)),
    batchSize: 2,
    epochs: many,
  };
  const fitMany = (given: Partial<FitOptions> = {}, network = create()): Promise<History> =>
    network.fit(data, { ...options, ...given });

  it.each<[string, Partial<FitOptions>]>([
    ['all epochs', {}],
    ['epochs numbered from another', { initialEpoch: 77 }],
    ['a few', { epochs: 20 }],
  ])('reports %s as to somebody who listens', async (_name, given) => {
    const [quiet, heard] = [create(), create()];
    const told: EpochReport[] = [];
    const history = await fitMany(given, quiet);
    const listened = await fitMany({ ...given, onEpoch: (report) => void told.push(report) }, heard);
    expect(listened.epochs).toEqual(told);
    expect(untimed(history.epochs)).toEqual(untimed(told));
    expect(history.epochs.map((report) => Object.keys(report))).toEqual(told.map((report) => Object.keys(report)));
    expect(history.epochs.every(({ seconds }) => seconds > 0)).toBe(true);
    expect(history.best!.epoch).toBe(listened.best!.epoch);
    expect(Object.keys(history)).toEqual(Object.keys(listened));
    expect(allParameters(quiet)).toEqual(allParameters(heard));
  });

  it('has the same best before and after its epochs are read', async () => {
    const history = await fitMany();
    const { best } = history;
    expect(Object.keys(best!)).toEqual(['epoch', 'loss', 'learningRate', 'seconds']);
    const least = Math.min(...history.epochs.map(({ loss }) => loss));
    expect(best!.loss).toBe(least);
    expect(history.best).toBe(best);
    expect(history.epochs[best!.epoch]).toBe(best);
    expect(history.epochs.findIndex(({ loss }) => loss === least)).toBe(best!.epoch);
  });

  it('keeps only figures of many epochs until they are read, and has few at once', async () => {
    const history = await fitMany();
    expect(Object.keys(history)).toContain('epochs');
    expect(accessor(history)).toBeDefined();
    expect(history.epochs).toBe(history.epochs);
    expect(Object.getOwnPropertyDescriptor(history, 'epochs')).toEqual({
      value: history.epochs,
      writable: true,
      enumerable: true,
      configurable: true,
    });
    expect(history.epochs).toHaveLength(many);
    expect(accessor(await fitMany({ epochs: 100 }))).toBeUndefined();
    expect(accessor(await fitMany({ metrics: ['meanAbsoluteError'] }))).toBeUndefined();
  });

  it('is copied, cloned, written and compared with its epochs', async () => {
    const history = await fitMany();
    const copies = [{ ...history }, structuredClone(await fitMany()), JSON.parse(JSON.stringify(await fitMany()))];
    for (const copy of copies) {
      expect(accessor(copy)).toBeUndefined();
      expect(untimed(copy.epochs)).toEqual(untimed(history.epochs));
    }
    expect(copies[0]).toEqual(history);
    expect(copies[0].epochs).toBe(history.epochs);
  });

  it('may be frozen, and its epochs replaced', async () => {
    const frozen = Object.freeze(await fitMany());
    expect(frozen.epochs).toHaveLength(many);
    expect(frozen.epochs).toBe(frozen.epochs);
    const shortened: { epochs: readonly EpochReport[] } = await fitMany();
    shortened.epochs = [];
    expect(shortened).toMatchObject({ epochs: [] });
  });

  it('counts on from fit to fit', async () => {
    const [whole, split] = [create(), create()];
    const { epochs } = await fitMany({ epochs: 2 * many }, whole);
    const first = await fitMany({}, split);
    const second = await fitMany({}, split);
    expect(untimed([...first.epochs, ...second.epochs])).toEqual(untimed(epochs));
    expect(second.best).toBe(second.epochs[second.best!.epoch - many]);
  });

  it('ends with the last epoch before a loss that is not finite', async () => {
    // Each update multiplies f by −1.07: its square is beyond 1.8·10³⁰⁸ after some 5,200.
    const diverging = { x: [1], y: [0] };
    const fit = (given: Partial<FitOptions>): Promise<History> =>
      create().fit(diverging, {
        loss: 'meanSquaredError',
        optimizer: sgd({ learningRate: 1.035 }),
        epochs: 2 * many,
        ...given,
      });
    const history = await fit({});
    expect(accessor(history)).toBeDefined();
    const listened = await fit({ onEpoch: () => undefined });
    expect([history.stoppedBy, history.error?.message]).toEqual(['notFinite', listened.error?.message]);
    expect(history.epochs.length).toBeGreaterThan(5000);
    expect(untimed(history.epochs)).toEqual(untimed(listened.epochs));
    expect(history.best!.epoch).toBe(0);
  });

  it('ends with the last whole epoch before an abort', async () => {
    const network = create();
    const controller = new AbortController();
    const schedule = (_update: number, epoch: number): number => {
      if (epoch === many) controller.abort();
      return 0.1;
    };
    const history = await fitMany({ schedule, epochs: 100 * many, signal: controller.signal }, network);
    expect(history.stoppedBy).toBe('signal');
    expect(accessor(history)).toBeDefined();
    const { length } = history.epochs;
    expect(length).toBeLessThan(100 * many);
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual(Array.from({ length }, (__, i) => i));
    expect((await network.fit(data, { ...options, epochs: 1 })).epochs[0].epoch).toBe(length);
  });

  it('has neither epochs nor a best one where the first did not end', async () => {
    const { epochs, best } = await create(1e200).fit({ x: [1], y: [0] }, { ...options, batchSize: 1 });
    expect([epochs, best]).toEqual([[], undefined]);
  });
});
