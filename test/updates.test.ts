import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  batchNormalization,
  type ClassWeights,
  constant,
  dense,
  dropout,
  type FitOptions,
  type LayerSpec,
  l2,
  type Network,
  sgd,
} from '../src/index.js';
import { allParameters, backends, createNetwork, someNumbers } from './support/api.js';

const rows = 50;
const x = someNumbers(rows * 3);
const y = Uint8Array.from({ length: rows }, (_, i) => i % 3);
const data = { x, y };

function expectClose(actual: readonly number[], wanted: readonly number[], bound: number): void {
  expect(actual).toHaveLength(wanted.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - wanted[i])).toBeLessThanOrEqual(bound);
  });
}

describe.each(backends)('updates on %s', (_, backend) => {
  const create = (layers?: readonly LayerSpec[], dtype: Dtype = 'float64'): Network =>
    createNetwork(backend, {
      inputs: 3,
      layers: layers ?? [dense(4, { activation: 'tanh' }), dense(3, { activation: 'softmax' })],
      dtype,
    });
  const options: FitOptions = { loss: 'crossEntropy', optimizer: sgd({ learningRate: 0.5 }), batchSize: 'full' };
  /**
   * Weights and gradients are below 4 here, and an update in another order of summation differs by a rounding for each of its
   * rows and layers; over the epochs the differences grow by the learning rate times a curvature of at most 4.
   */
  const bound = (updates: number): number => rows * 8 * 4 * 3 ** updates * 2 ** -53;

  it('accumulated batches give the update of one large batch, the short ones at the end included', async () => {
    const large = create();
    await large.fit(data, { ...options, batchSize: 32, epochs: 2 });
    for (const [batchSize, accumulate] of [
      [8, 4],
      [16, 2],
      [4, 8],
      [1, 32],
    ]) {
      const small = create();
      const batches: number[] = [];
      const onBatch = ({ batch }: { batch: number }): void => void batches.push(batch);
      await small.fit(data, { ...options, batchSize, accumulate, epochs: 2, onBatch });
      expect(batches).toEqual([0, 1, 0, 1]);
      expectClose(allParameters(small), allParameters(large), bound(4));
    }
  });

  it('accumulated batches are averaged by their rows’ weights, with dropout as in one batch', async () => {
    const layers = [dense(4, { activation: 'tanh' }), dropout(0.5), dense(3, { activation: 'softmax' })];
    const weight = Array.from({ length: rows }, (__, i) => i % 4);
    const [large, small] = [create(layers), create(layers)];
    const weighted = { ...data, weight };
    const one = await large.fit(weighted, { ...options, batchSize: 32 });
    const other = await small.fit(weighted, { ...options, batchSize: 8, accumulate: 4 });
    expectClose(allParameters(small), allParameters(large), bound(2));
    expect(Math.abs(one.epochs[0].loss - other.epochs[0].loss)).toBeLessThan(bound(2));
  });

  it.each(['adam', 'adamW', 'amsgrad', 'nadam', 'radam', 'rmsprop', 'adagrad', 'adadelta', 'adamax'] as const)(
    'with an epsilon of 0, %s leaves alone what has no gradient',
    async (type) => {
      for (const clip of [undefined, { norm: 1 }]) {
        const layers = [dense(5, { activation: 'tanh', regularizer: l2(0) }), dense(3, { activation: 'softmax' })];
        const network = create(layers, 'float32');
        const before = network.parameters();
        const blind = { x: x.map((value, i) => (i % 3 === 1 ? 0 : value)), y };
        const optimizer = { type, epsilon: 0, weightDecay: 0 } as const;
        const { stoppedBy } = await network.fit(blind, { ...options, optimizer, clip, epochs: 5, gradientNorms: true });
        expect(stoppedBy).toBe('epochs');
        const [{ weights }] = network.parameters();
        const [{ weights: initial }] = before;
        expect(weights!.subarray(5, 10)).toEqual(initial!.subarray(5, 10));
        if (type !== 'adadelta') expect(weights!.subarray(0, 5)).not.toEqual(initial!.subarray(0, 5));
      }
    },
  );

  it('accumulated batches are normalized each by itself', async () => {
    const layers = [batchNormalization(), dense(3, { activation: 'softmax' })];
    const [large, small] = [create(layers), create(layers)];
    await large.fit(data, { ...options, batchSize: 20 });
    await small.fit(data, { ...options, batchSize: 10, accumulate: 2 });
    const distance = allParameters(small).map((value, i) => Math.abs(value - allParameters(large)[i]));
    expect(Math.max(...distance)).toBeGreaterThan(1e-3);
  });

  it('clips the gradient of an update to a norm over all parameters', async () => {
    const gradient = create().gradients(data, { loss: 'crossEntropy' });
    const flat = gradient.layers.flatMap(({ weights, bias }) => [...weights!, ...bias!]);
    const norm = Math.hypot(...flat);
    for (const limit of [norm / 4, norm * 4]) {
      // As PyTorch's clip_grad_norm_.
      const factor = Math.min(1, limit / (norm + 1e-6));
      const network = create();
      const before = allParameters(network);
      await network.fit(data, { ...options, clip: { norm: limit } });
      expectClose(
        allParameters(network),
        before.map((value, i) => value - 0.5 * factor * flat[i]),
        bound(1),
      );
    }
  });

  it('clips each element of the gradient to a value, in micro-batches and in trainOnBatch alike', async () => {
    const gradient = create().gradients(data, { loss: 'crossEntropy' });
    const flat = gradient.layers.flatMap(({ weights, bias }) => [...weights!, ...bias!]);
    const limit = Math.abs(flat[0]) / 2;
    const wanted = allParameters(create()).map((value, i) => value - 0.5 * Math.max(-limit, Math.min(limit, flat[i])));
    const networks = [create(), create(), create()];
    await networks[0].fit(data, { ...options, clip: { value: limit } });
    await networks[1].fit(data, { ...options, batchSize: 25, accumulate: 2, clip: { value: limit } });
    networks[2].trainOnBatch(data, {
      loss: 'crossEntropy',
      optimizer: sgd({ learningRate: 0.5 }),
      clip: { value: limit },
    });
    for (const network of networks) expectClose(allParameters(network), wanted, bound(1));
  });

  it('reports the mean norm of each layer’s gradient, before clipping', async () => {
    const layers = [dense(4, { activation: 'tanh' }), dropout(0), dense(3, { activation: 'softmax' })];
    const network = create(layers);
    const norms: number[][] = [];
    const still: FitOptions = { ...options, optimizer: sgd({ learningRate: 0 }), shuffle: false, clip: { norm: 1e-3 } };
    for (const [from, to] of [
      [0, 32],
      [32, 50],
    ]) {
      const part = { x: x.subarray(from * 3, to * 3), y: y.subarray(from, to) };
      const { layers: gradients } = network.gradients(part, { loss: 'crossEntropy' });
      norms.push(gradients.map((layer) => Math.hypot(...Object.values(layer).flatMap((values) => [...values]))));
    }
    const { epochs } = await network.fit(data, { ...still, batchSize: 32, gradientNorms: true });
    const [{ gradientNorms }] = epochs;
    expect(gradientNorms![1]).toBe(0);
    expectClose(
      [...gradientNorms!],
      norms[0].map((norm, i) => (norm + norms[1][i]) / 2),
      bound(0),
    );
    expect((await network.fit(data, still)).epochs[0].gradientNorms).toBeUndefined();
  });

  const classWeights: [string, ClassWeights][] = [
    ['an array', [1, 2, 0]],
    ['a typed array', Float32Array.of(1, 2, 0)],
    ['a record', { 1: 2, 2: 0 }],
  ];
  it.each(classWeights)('class weights as %s multiply the rows’ own', async (__, given) => {
    const own = Array.from({ length: rows }, (___, i) => 1 + (i % 2));
    const whole = own.map((weight, i) => weight * [1, 2, 0][y[i]]);
    const [byClass, byRow, oneHot, batchwise] = [create(), create(), create(), create()];
    const validation = { x: x.subarray(0, 9), y: y.subarray(0, 3) };
    const one = await byClass.fit({ ...data, weight: own }, { ...options, classWeights: given, validation });
    const two = await byRow.fit({ ...data, weight: whole }, { ...options, validation });
    expect(allParameters(byClass)).toEqual(allParameters(byRow));
    expect(one.epochs[0].loss).toBe(two.epochs[0].loss);
    // The validation's rows have their own weights only.
    expect(one.epochs[0].validation).toEqual(two.epochs[0].validation);
    const distribution = Array.from(y, (label) => [0, 1, 2].map((j) => Number(j === label)));
    await oneHot.fit({ x, y: distribution, weight: own }, { ...options, classWeights: given, shuffle: true });
    expectClose(allParameters(oneHot), allParameters(byRow), bound(1));
    const optimizer = sgd({ learningRate: 0.5 });
    batchwise.trainOnBatch({ ...data, weight: own }, { loss: 'crossEntropy', optimizer, classWeights: given });
    expectClose(allParameters(batchwise), allParameters(byRow), bound(1));
  });

  it('class weights with one output go by y’s value, and not to a validation share', async () => {
    const layers = [dense(1, { kernelInitializer: constant(0.25) })];
    const labels = Int8Array.from(y, (label) => (label === 0 ? -1 : 1));
    const [byClass, byRow] = [create(layers), create(layers)];
    const common: FitOptions = { ...options, loss: 'logistic', validation: 0.2 };
    const one = await byClass.fit({ x, y: labels }, { ...common, classWeights: { [-1]: 3 } });
    const weight = Array.from(labels, (label, i) => (label < 0 && i < 40 ? 3 : 1));
    const two = await byRow.fit({ x, y: labels, weight }, common);
    expect(allParameters(byClass)).toEqual(allParameters(byRow));
    expect(one.epochs[0]).toEqual({ ...two.epochs[0], seconds: one.epochs[0].seconds });
  });

  it('a mean over batches of one row, of some and of all is the same mean', async () => {
    const weight = Array.from({ length: rows }, (__, i) => (i % 5) / 2);
    const still = { ...options, optimizer: sgd({ learningRate: 0 }) };
    const network = create();
    const { loss } = await network.evaluate({ ...data, weight }, { loss: 'crossEntropy' });
    for (const batchSize of [1, 7, 32, 'full'] as const) {
      const { epochs } = await network.fit({ ...data, weight }, { ...still, batchSize });
      // Losses below 4, in another order.
      expect(Math.abs(epochs[0].loss - loss)).toBeLessThan(4 * (rows + 20) * 2 ** -53);
    }
  });
});
