import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  adam,
  type BatchReport,
  constant,
  dense,
  dropout,
  type EpochReport,
  type FitOptions,
  type History,
  type Network,
  sgd,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError, someNumbers } from './support/api.js';

const rows = 203; // no multiple of any batch size used here
const x = someNumbers(rows * 5);
const y = Uint8Array.from({ length: rows }, (_, i) => Number(x[i * 5] > 0) + Number(x[i * 5 + 1] > 0.3));
const data = { x, y };
const options = { loss: 'crossEntropy', optimizer: 'adam', batchSize: 16 } as const;

const losses = ({ epochs }: History): number[] => epochs.map(({ loss }) => loss);

describe.each(backends)('fit on %s', (_, backend) => {
  const create = (seed = 0, dtype: Dtype = 'float32'): Network =>
    createNetwork(backend, {
      inputs: 5,
      layers: [dense(16, { activation: 'relu' }), dropout(0.25), dense(3, { activation: 'softmax' })],
      seed,
      dtype,
    });

  it.each<Dtype>(['float32', 'float64'])('learns in %s and reports', async (dtype) => {
    const network = create(1, dtype);
    const history = await network.fit(data, { ...options, optimizer: adam({ learningRate: 0.01 }), epochs: 30 });
    expect(history.stoppedBy).toBe('epochs');
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 30 }, (__, i) => i));
    expect(history.epochs.every(({ learningRate, seconds }) => learningRate === 0.01 && seconds > 0)).toBe(true);
    expect(history.best!.loss).toBe(Math.min(...losses(history)));
    expect(history.seconds).toBeGreaterThan(0);
    expect(history.samplesPerSecond).toBeGreaterThan(0);
    const { accuracy } = await network.evaluate(data, { metrics: ['accuracy'] });
    expect(accuracy).toBeGreaterThan(0.9);
  });

  it('gives the same bits for the same seed, and others for another', async () => {
    const train = async (seed: number): Promise<[number[], number[]]> => {
      const network = create(seed);
      const history = await network.fit(data, { ...options, epochs: 3 });
      return [losses(history), allParameters(network)];
    };
    const first = await train(4);
    expect(await train(4)).toEqual(first);
    expect(await train(5)).not.toEqual(first);
  });

  it('gives the same bits whoever listens', async () => {
    const train = async (listeners: Partial<FitOptions>): Promise<[number[], number[]]> => {
      const network = create();
      const history = await network.fit(data, { ...options, epochs: 4, ...listeners });
      return [losses(history), allParameters(network)];
    };
    const alone = await train({});
    expect(await train({ onEpoch: () => undefined })).toEqual(alone);
    expect(await train({ metrics: ['accuracy'] })).toEqual(alone);
    expect(await train({ validation: data })).toEqual(alone);
    expect(await train({ onBatch: () => undefined, onEpoch: async () => undefined })).toEqual(alone);
  });

  it('trains and reports thousands of tiny epochs as one by one', async () => {
    const train = async (listeners: Partial<FitOptions>): Promise<[(number | undefined)[][], number[]]> => {
      const network = create();
      const few = { x: x.subarray(0, 4 * 5), y: y.subarray(0, 4) };
      // No whole number of the chunks that epochs are trained in.
      const { epochs } = await network.fit(few, { ...options, batchSize: 3, epochs: 1601, ...listeners });
      const figures = epochs.map(({ epoch, loss, learningRate, gradientNorms }) => [
        epoch,
        loss,
        learningRate,
        gradientNorms?.[0],
      ]);
      return [figures, allParameters(network)];
    };
    expect(await train({ onEpoch: () => undefined })).toEqual(await train({}));
    const norms = { gradientNorms: true };
    expect(await train({ ...norms, onEpoch: () => undefined })).toEqual(await train(norms));
  });

  it('goes on where the last fit ended', async () => {
    const [whole, split] = [create(), create()];
    const history = await whole.fit(data, { ...options, epochs: 5 });
    const first = await split.fit(data, { ...options, epochs: 2 });
    const second = await split.fit(data, { ...options, epochs: 3 });
    expect([...first.epochs, ...second.epochs].map(({ epoch, loss }) => [epoch, loss])).toEqual(
      history.epochs.map(({ epoch, loss }) => [epoch, loss]),
    );
    expect(allParameters(split)).toEqual(allParameters(whole));
  });

  it('starts the optimizer anew for another type or on reset', async () => {
    const train = async (between: Partial<FitOptions> | undefined, last: Partial<FitOptions>): Promise<number[]> => {
      const network = create();
      await network.fit(data, { ...options, epochs: 2 });
      const parameters = network.parameters();
      if (between) await network.fit(data, { ...options, ...between });
      network.setParameters(parameters);
      await network.fit(data, { ...options, initialEpoch: 9, ...last });
      return allParameters(network);
    };
    const gone = await train(undefined, {});
    const reset = await train(undefined, { reset: true });
    expect(reset).not.toEqual(gone);
    // Without dropout's update number the network would be the same again: compare within the same number of updates.
    const sameType = await train({ epochs: 1 }, { reset: true });
    const otherType = await train({ optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) }, {});
    expect(otherType).toEqual(sameType);
  });

  it('trains in the order of the rows without shuffle, in another with', async () => {
    const train = async (shuffle: boolean): Promise<number[]> => {
      const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: constant(0) })] });
      const seen: number[] = [];
      const onBatch = ({ loss }: BatchReport): void => void seen.push(loss);
      const still = sgd({ learningRate: 0 });
      const targets = [1, 2, 3, 4, 5, 6];
      const common = { loss: 'squaredError', optimizer: still, batchSize: 1, epochs: 2, onBatch } as const;
      await network.fit({ x: targets, y: targets }, { ...common, shuffle });
      return seen.map(Math.sqrt);
    };
    expect(await train(false)).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    const shuffled = await train(true);
    const [first, second] = [shuffled.slice(0, 6), shuffled.slice(6)];
    expect(first.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(second.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(first).not.toEqual(second);
  });

  it('reports batches by epoch, the last of each shorter', async () => {
    const reports: BatchReport[] = [];
    const epochs: EpochReport[] = [];
    const network = create();
    await network.fit(data, {
      ...options,
      batchSize: 100,
      epochs: 2,
      onBatch: (report) => void reports.push(report),
      onEpoch: (report) => void epochs.push(report),
    });
    expect(reports.map(({ epoch, batch }) => [epoch, batch])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    const mean = (100 * reports[0].loss + 100 * reports[1].loss + 3 * reports[2].loss) / rows;
    expect(epochs[0].loss).toBe(mean);
  });

  it('takes the whole as one batch', async () => {
    const reports: BatchReport[] = [];
    const onBatch = (report: BatchReport): void => void reports.push(report);
    const [full, large] = [create(), create()];
    await full.fit(data, { ...options, batchSize: 'full', epochs: 2, onBatch });
    expect(reports.map(({ batch }) => batch)).toEqual([0, 0]);
    await large.fit(data, { ...options, batchSize: 100_000, epochs: 2 });
    expect(allParameters(large)).toEqual(allParameters(full));
  });

  it('holds the validation’s rows back from the end, before any shuffling', async () => {
    const held = 50; // 203 − ⌊203 · 0.755⌋
    const trained = rows - held;
    const [shared, separate] = [create(), create()];
    const common = { ...options, epochs: 2, metrics: ['accuracy'] } as const;
    const byShare = await shared.fit(data, { ...common, validation: 0.245 });
    const parts = [
      { x: x.subarray(0, trained * 5), y: y.subarray(0, trained) },
      { x: x.subarray(trained * 5), y: y.subarray(trained) },
    ];
    const byData = await separate.fit(parts[0], { ...common, validation: parts[1] });
    const withoutTime = ({ epochs }: History): unknown => epochs.map((epoch) => ({ ...epoch, seconds: 0 }));
    expect(withoutTime(byShare)).toEqual(withoutTime(byData));
    expect(byShare.best!.validation!.loss).toBe(Math.min(...byShare.epochs.map(({ validation }) => validation!.loss)));
    const after = await separate.evaluate(parts[1], { loss: 'crossEntropy', metrics: ['accuracy'] });
    expect(byData.epochs[1].validation).toEqual(after);
    expect(Object.keys(byData.epochs[0]).sort()).toEqual([
      'accuracy',
      'epoch',
      'learningRate',
      'loss',
      'seconds',
      'validation',
    ]);
  });

  it('measures the training pass of a network that stands still', async () => {
    const network = createNetwork(backend, { inputs: 5, layers: [dense(3, { activation: 'softmax' })] });
    const { accuracy } = await network.evaluate(data, { metrics: ['accuracy'] });
    const still = { ...options, optimizer: sgd({ learningRate: 0 }), metrics: ['accuracy'] } as const;
    expect((await network.fit(data, still)).epochs[0].accuracy).toBe(accuracy);
  });

  it('measures epochs that are longer than a chunk of outputs', async () => {
    const many = 70_001;
    const large = { x: someNumbers(many), y: Uint8Array.from({ length: many }, (__, i) => i % 2) };
    const layers = [dense(1, { activation: 'sigmoid' })];
    const network = createNetwork(backend, { inputs: 1, layers });
    const still = { loss: 'binaryCrossEntropy', optimizer: sgd({ learningRate: 0 }), batchSize: 1000 } as const;
    const { accuracy, loss } = await network.evaluate(large, { loss: 'binaryCrossEntropy', metrics: ['accuracy'] });
    const history = await network.fit(large, { ...still, metrics: ['accuracy'] });
    expect(history.epochs[0].accuracy).toBe(accuracy);
    // Sums of at most 70,001 losses below 2 in another order, in double.
    expect(Math.abs(history.epochs[0].loss - loss)).toBeLessThan(2 * many * 2 ** -52);
  });

  it('weighs rows: a weight of 2 is the row twice, a weight of 0 is no row', async () => {
    const layers = [dense(1, { kernelInitializer: constant(0.5) })];
    const common = {
      loss: 'meanSquaredError',
      optimizer: sgd({ learningRate: 0.1 }),
      batchSize: 'full',
      epochs: 3,
    } as const;
    const [weighted, repeated] = [0, 1].map(() => createNetwork(backend, { inputs: 1, layers, dtype: 'float64' }));
    const one = await weighted.fit({ x: [1, 2, 3], y: [1, 1, 1], weight: [1, 2, 0] }, { ...common, shuffle: false });
    const two = await repeated.fit({ x: [1, 2, 2], y: [1, 1, 1] }, { ...common, shuffle: false });
    one.epochs.forEach(({ loss }, i) => {
      // Values below 4 and some twenty operations an epoch.
      expect(Math.abs(loss - two.epochs[i].loss)).toBeLessThan(3 * 20 * 4 * 2 ** -53);
    });
  });

  it('passes over a batch whose weights are all 0', async () => {
    const layers = [dense(1, { kernelInitializer: constant(0.5) })];
    const network = createNetwork(backend, { inputs: 1, layers });
    const weighted = { x: [1, 2, 3], y: [1, 1, 1], weight: [0, 1, 0] };
    const common = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 0 }), batchSize: 1 } as const;
    const { epochs, stoppedBy } = await network.fit(weighted, common);
    expect(stoppedBy).toBe('epochs');
    expect(epochs[0].loss).toBe(0);
  });

  it('sums the batches of a loss that sums', async () => {
    const layers = [dense(1, { kernelInitializer: constant(0) })];
    const network = createNetwork(backend, { inputs: 1, layers });
    const still = sgd({ learningRate: 0 });
    const loss = { type: 'squaredError', half: true, reduction: 'sum' } as const;
    const { epochs } = await network.fit({ x: [1, 2, 3], y: [1, 2, 3] }, { loss, optimizer: still, batchSize: 2 });
    expect(epochs[0].loss).toBe(7);
  });

  it('numbers epochs from initialEpoch, which keys the order', async () => {
    const [whole, late] = [create(), create()];
    const orders = async (network: Network, epochs: number, initialEpoch?: number): Promise<number[]> => {
      const seen: number[] = [];
      const optimizer = sgd({ learningRate: 0 });
      const onBatch = ({ epoch }: BatchReport): void => void seen.push(epoch);
      await network.fit(data, { ...options, optimizer, batchSize: 100, epochs, onBatch, initialEpoch });
      return seen;
    };
    expect(await orders(whole, 2)).toEqual([0, 0, 0, 1, 1, 1]);
    expect(await orders(late, 1, 7)).toEqual([7, 7, 7]);
    expect(await orders(late, 1)).toEqual([8, 8, 8]);
  });

  it('stops where the loss is not finite, before that update', async () => {
    const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: constant(1) })] });
    const seen: number[][] = [];
    // Each update multiplies the error by 1 − 2·learningRate: it overflows within some dozen updates.
    const diverging = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 1e6 }), epochs: 100 } as const;
    const onEpoch = (): void => void seen.push(allParameters(network));
    const history = await network.fit({ x: [1], y: [0] }, { ...diverging, onEpoch });
    expect(history.stoppedBy).toBe('notFinite');
    expect(history.epochs.length).toBeGreaterThan(0);
    expect(history.epochs.length).toBeLessThan(100);
    expect(losses(history).every(Number.isFinite)).toBe(true);
    expect(allParameters(network)).toEqual(seen.at(-1));
    const together = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: constant(1) })] });
    expect(losses(await together.fit({ x: [1], y: [0] }, diverging))).toEqual(losses(history));
  });

  describe('signal', () => {
    it('rejects with ABORTED where it is aborted from the start', async () => {
      const network = create();
      const before = allParameters(network);
      const signal = AbortSignal.abort();
      await expectError(() => network.fit(data, { ...options, signal }), 'ABORTED', /signal/);
      expect(allParameters(network)).toEqual(before);
      expect((await network.fit(data, options)).stoppedBy).toBe('epochs');
    });

    it('ends the fit after the update it is at, between batches', async () => {
      const [aborted, short] = [create(), create()];
      const controller = new AbortController();
      const onBatch = ({ epoch, batch }: BatchReport): void => {
        if (epoch === 1 && batch === 2) controller.abort();
      };
      const history = await aborted.fit(data, { ...options, epochs: 5, onBatch, signal: controller.signal });
      expect([history.stoppedBy, history.epochs.length]).toEqual(['signal', 1]);
      await short.fit(data, options);
      expect(allParameters(aborted)).not.toEqual(allParameters(short));
      // Usable, and the broken epoch is begun again.
      const next = await aborted.fit(data, options);
      expect(next.epochs.map(({ epoch }) => epoch)).toEqual([1]);
    });

    it('ends a long job from outside, with whole updates done', async () => {
      const network = create();
      const signal = AbortSignal.timeout(300);
      const few = { x: x.subarray(0, 20 * 5), y: y.subarray(0, 20) };
      const history = await network.fit(few, { ...options, epochs: 10_000_000, signal });
      expect(history.stoppedBy).toBe('signal');
      expect(history.epochs.length).toBeGreaterThan(0);
      expect(history.seconds).toBeLessThan(10);
      expect(allParameters(network).every(Number.isFinite)).toBe(true);
      expect((await network.fit(data, options)).epochs[0].epoch).toBe(history.epochs.length);
    });

    it('is listened to no longer than the fit', async () => {
      const network = create();
      const controller = new AbortController();
      await network.fit(data, { ...options, signal: controller.signal });
      const predicting = network.predict(someNumbers(30_000));
      controller.abort();
      expect((await predicting).rows).toBe(6000);
    });
  });

  describe('while a fit runs', () => {
    it('what would change it is BUSY, and predict and evaluate wait', async () => {
      const [network, alone] = [create(), create()];
      const fitting = network.fit(data, { ...options, epochs: 50 });
      const predicting = network.predict(x);
      const evaluating = network.evaluate(data, { metrics: ['accuracy'] });
      await expectError(() => network.fit(data, options), 'BUSY', /for fit/);
      await expectError(() => network.trainOnBatch(data, options), 'BUSY', /for trainOnBatch/);
      await expectError(() => network.gradients(data, { loss: 'crossEntropy' }), 'BUSY', /for gradients/);
      await expectError(() => network.setParameters([]), 'BUSY', /for setParameters/);
      await expectError(() => network.parameters(), 'BUSY', /for parameters/);
      await expectError(() => network.predictSync(x), 'BUSY', /for predictSync/);
      await expectError(() => network.jacobian(x), 'BUSY', /for jacobian/);
      await expectError(() => network.forward(x), 'BUSY', /for forward/);
      await expectError(() => network.backward(x), 'BUSY', /for backward/);
      await expectError(() => network.applyGradients(options), 'BUSY', /for applyGradients/);
      await expectError(() => network.toJSON(), 'BUSY', /for toJSON/);
      await fitting;
      await alone.fit(data, { ...options, epochs: 50 });
      expect(await predicting).toEqual(alone.predictSync(x));
      expect(await evaluating).toEqual(await alone.evaluate(data, { metrics: ['accuracy'] }));
      expect(allParameters(network)).toEqual(allParameters(alone));
    });

    it('its callbacks may look at the network', async () => {
      const network = create();
      const seen: number[] = [];
      const onEpoch = async (): Promise<void> => {
        const [predicted, { accuracy }] = await Promise.all([
          network.predict(x),
          network.evaluate(data, { metrics: ['accuracy'] }),
        ]);
        expect(predicted).toEqual(network.predictSync(x));
        expect(network.parameters()).toHaveLength(3);
        seen.push(accuracy);
        await expectError(() => network.fit(data, options), 'BUSY', /for fit/);
        await expectError(() => network.setParameters(network.parameters()), 'BUSY', /for setParameters/);
      };
      await network.fit(data, { ...options, epochs: 3, onEpoch });
      expect(seen).toHaveLength(3);
    });

    it('a callback that throws ends it, after a whole update', async () => {
      const [network, alone] = [create(), create()];
      const failure = new Error('from the callback');
      const onEpoch = ({ epoch }: EpochReport): void => {
        if (epoch === 1) throw failure;
      };
      await expect(network.fit(data, { ...options, epochs: 4, onEpoch })).rejects.toBe(failure);
      await alone.fit(data, { ...options, epochs: 2 });
      expect(allParameters(network)).toEqual(allParameters(alone));
      expect((await network.fit(data, options)).epochs[0].epoch).toBe(2);
    });

    it('dispose makes it and those that wait reject with DISPOSED', async () => {
      const network = create();
      const fitting = network.fit(data, { ...options, epochs: 10_000_000 });
      const predicting = network.predict(x);
      const both = Promise.allSettled([fitting, predicting]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      network.dispose();
      await both;
      await expectError(() => fitting, 'DISPOSED', /disposed/);
      await expectError(() => predicting, 'DISPOSED', /disposed/);
    });

    it('dispose in a callback ends it too', async () => {
      const network = create();
      const fitting = network.fit(data, { ...options, epochs: 3, onEpoch: () => network.dispose() });
      await expectError(() => fitting, 'DISPOSED', /disposed/);
    });
  });

  it('trains many networks at once, each as if alone', async () => {
    const train = async (seed: number): Promise<number[]> => {
      const network = create(seed);
      await network.fit(data, { ...options, epochs: 5 });
      return allParameters(network);
    };
    const together = await Promise.all([1, 2, 3, 4, 5, 6].map(train));
    for (const [i, parameters] of together.entries()) expect(await train(i + 1)).toEqual(parameters);
  });
});
