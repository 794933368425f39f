import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  activation,
  adam,
  batchNormalization,
  constant,
  dense,
  dropout,
  type LayerSpec,
  l1,
  l1l2,
  l2,
  layerNormalization,
  maxNorm,
  type Network,
  nonNegative,
  type RegularizerSpec,
  sgd,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError, someNumbers } from './support/api.js';

/** What PyTorch computes; see fixtures/pytorch.py, which made it. */
const pytorch: {
  readonly optimizers: { x: number[]; y: number[] };
  readonly training: { initial: number[]; final: number[] };
} = JSON.parse(readFileSync(new URL('fixtures/pytorch.json', import.meta.url), 'utf8'));

const units = { float32: 2 ** -24, float64: 2 ** -53 } as const;

describe.each(backends)('layers on %s', (_, backend) => {
  const create = (inputs: number, layers: readonly LayerSpec[], dtype: Dtype = 'float64', seed = 0): Network =>
    createNetwork(backend, { inputs, layers, dtype, seed });

  it('have parameters by name, started as they should be', () => {
    const layers = [dense(3), batchNormalization(), activation('tanh'), layerNormalization(), dropout(0.5), dense(2)];
    const network = create(4, layers);
    expect(network.parameters().map((layer) => Object.keys(layer))).toEqual([
      ['weights', 'bias'],
      ['gamma', 'beta', 'movingMean', 'movingVariance'],
      [],
      ['gamma', 'beta'],
      [],
      ['weights', 'bias'],
    ]);
    const [, batch, , layer] = network.parameters();
    expect([batch.gamma, batch.beta, batch.movingMean, batch.movingVariance].map((values) => [...values!])).toEqual([
      [1, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect([[...layer.gamma!], [...layer.beta!]]).toEqual([
      [1, 1, 1],
      [0, 0, 0],
    ]);
    expect(network.parameterCount).toBe(4 * 3 + 3 + 4 * 3 + 2 * 3 + 3 * 2 + 2);
    const text = network.summary();
    for (const line of ['batchNormalization', 'activation, tanh', 'layerNormalization', 'dropout, 0.5']) {
      expect(text).toContain(line);
    }
  });

  it('an activation layer is the activation of the layer before', async () => {
    const data = { x: someNumbers(40 * 4), y: Uint8Array.from({ length: 40 }, (__, i) => i % 3) };
    const joined = create(4, [dense(5, { activation: 'tanh' }), dense(3, { activation: 'softmax' })], 'float32', 3);
    const apart = create(4, [dense(5, { activation: 'tanh' }), dense(3), activation('softmax')], 'float32', 3);
    expect(apart.layers.map(({ type }) => type)).toEqual(['dense', 'dense', 'activation']);
    expect(apart.parameters()[2]).toEqual({});
    const options = { loss: 'crossEntropy', optimizer: 'adam', epochs: 3, gradientNorms: true } as const;
    const [first, second] = [await joined.fit(data, options), await apart.fit(data, options)];
    expect(allParameters(apart)).toEqual(allParameters(joined));
    expect(apart.predictSync(data.x)).toEqual(joined.predictSync(data.x));
    expect(second.epochs.map(({ gradientNorms }) => gradientNorms)).toEqual(
      first.epochs.map(({ gradientNorms }) => [...gradientNorms!, 0]),
    );
  });

  it('an activation that cannot be fused is applied by itself, also last', async () => {
    const network = create(2, [dense(3), activation('relu'), layerNormalization(), activation('sigmoid')]);
    const same = create(2, [
      dense(3, { activation: 'relu' }),
      layerNormalization(),
      dense(3, { activation: 'sigmoid' }),
    ]);
    const [kernel, , normalization] = network.parameters();
    const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    same.setParameters([kernel, normalization, { weights: identity, bias: [0, 0, 0] }]);
    const data = { x: someNumbers(20), y: someNumbers(30).map((value) => Number(value > 0)) };
    expect(network.predictSync(data.x)).toEqual(same.predictSync(data.x));
    const loss = 'binaryCrossEntropy';
    const [own, wanted] = [network, same].map((one) => one.gradients(data, { loss }));
    // Outputs are sigmoids of at most 2 in magnitude (√3 normalized): losses below 3, gradients below 1, some twenty operations
    // a row over ten rows.
    expect(Math.abs(own.loss - wanted.loss)).toBeLessThan(3 * 20 * 10 * units.float64);
    own.inputs.data.forEach((value, i) => {
      expect(Math.abs(value - wanted.inputs.data[i])).toBeLessThan(20 * 10 * 4 * units.float64);
    });
  });

  it('a softmax that crossEntropy would take for logits is refused', async () => {
    const network = create(2, [dense(3), layerNormalization(), activation('softmax')]);
    const data = { x: [[1, 2]], y: [0] };
    await expectError(
      () => network.fit(data, { loss: 'crossEntropy', optimizer: 'sgd' }),
      'INVALID_ARGUMENT',
      /dense layer right before activation\('softmax'\)/,
    );
    expect((await network.evaluate(data, { metrics: ['accuracy'] })).accuracy).toBeGreaterThanOrEqual(0);
  });

  it('batch normalization normalizes by the batch while training and by moving statistics else', async () => {
    const network = create(1, [batchNormalization({ momentum: 0.25, epsilon: 1e-3 })]);
    const x = [1, 2, 3, 6];
    const [mean, variance, unbiased] = [3, 3.5, 14 / 3];
    const trained = network.forward(x);
    x.forEach((value, i) => {
      // Values below 3; the mean, the variance and the quotient take some fifteen operations.
      expect(Math.abs(trained.data[i] - (value - mean) / Math.sqrt(variance + 1e-3))).toBeLessThan(45 * units.float64);
    });
    const still = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 0 }), batchSize: 'full' } as const;
    const fresh = create(1, [batchNormalization({ momentum: 0.25, epsilon: 1e-3 })]);
    await fresh.fit({ x, y: x }, still);
    const [{ movingMean, movingVariance }] = fresh.parameters();
    expect(Math.abs(movingMean![0] - 0.25 * mean)).toBeLessThan(10 * units.float64);
    const wanted = 0.75 + 0.25 * unbiased;
    expect(Math.abs(movingVariance![0] - wanted)).toBeLessThan(15 * 4 * units.float64);
    const predicted = fresh.predictSync(x).data;
    x.forEach((value, i) => {
      const output = (value - 0.25 * mean) / Math.sqrt(wanted + 1e-3);
      expect(Math.abs(predicted[i] - output)).toBeLessThan(20 * 4 * units.float64);
    });
  });

  it('batch normalization leaves moving statistics alone but in training, and gives them no gradient', async () => {
    const network = create(2, [dense(3), batchNormalization(), dense(1)]);
    const data = { x: someNumbers(20), y: someNumbers(10) };
    const before = allParameters(network);
    const { layers } = network.gradients(data, { loss: 'meanSquaredError' });
    expect([...layers[1].movingMean!, ...layers[1].movingVariance!]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(layers[1].gamma!.some((value) => value !== 0)).toBe(true);
    await network.evaluate(data, { loss: 'meanSquaredError' });
    await network.predict(data.x);
    network.jacobian(data.x);
    expect(allParameters(network)).toEqual(before);
    await network.fit(data, { loss: 'meanSquaredError', optimizer: 'adam', batchSize: 4 });
    expect([...network.parameters()[1].movingMean!]).not.toEqual([0, 0, 0]);
  });

  it('batch normalization refuses batches of one row, before it trains', async () => {
    const network = create(1, [batchNormalization(), dense(1)]);
    const before = allParameters(network);
    const fit = (rows: number, batchSize: number | 'full', accumulate = 1): Promise<unknown> => {
      const x = someNumbers(rows);
      return network.fit({ x, y: x }, { loss: 'meanSquaredError', optimizer: 'sgd', batchSize, accumulate });
    };
    const message = /at least 2 rows .* for batchSize/;
    await expectError(() => fit(5, 2), 'INVALID_ARGUMENT', message);
    await expectError(() => fit(5, 1), 'INVALID_ARGUMENT', message);
    await expectError(() => fit(1, 'full'), 'INVALID_ARGUMENT', message);
    await expectError(() => fit(5, 2, 3), 'INVALID_ARGUMENT', message);
    const batch = { x: [1], y: [1] };
    const options = { loss: 'meanSquaredError', optimizer: 'sgd' } as const;
    await expectError(() => network.trainOnBatch(batch, options), 'INVALID_ARGUMENT', message);
    await expectError(() => network.gradients(batch, { loss: 'meanSquaredError' }), 'INVALID_ARGUMENT', message);
    await expectError(() => network.forward([1]), 'INVALID_ARGUMENT', message);
    expect(allParameters(network)).toEqual(before);
    expect(network.forward([1], { training: false }).rows).toBe(1);
    await fit(6, 2);
    await expectError(
      () =>
        network.setParameters([
          { gamma: [1], beta: [0], movingMean: [0], movingVariance: [-1] },
          { weights: [1], bias: [0] },
        ]),
      'INVALID_ARGUMENT',
      /movingVariance\[0\], got -1/,
    );
  });

  const kernel = [
    [0.5, -0.25],
    [0, 2],
  ];
  const penalties: [string, RegularizerSpec, number, (w: number) => number][] = [
    ['l1', l1(0.5), 0.5 * 2.75, (w) => 0.5 * Math.sign(w)],
    ['l2', l2(0.5), 0.5 * 4.3125, (w) => w],
    ['l1l2', l1l2({ l1: 0.25, l2: 0.5 }), 0.25 * 2.75 + 0.5 * 4.3125, (w) => 0.25 * Math.sign(w) + w],
  ];
  it.each(penalties)('%s is in the loss and the gradient', async (__, regularizer, penalty, slope) => {
    const layer = dense(2, { kernelInitializer: kernel, biasInitializer: constant(3), regularizer });
    const [plain, network] = [
      dense(2, { ...layer, type: undefined, units: undefined, regularizer: undefined } as object),
      layer,
    ].map((one) => create(2, [one]));
    const data = { x: someNumbers(8), y: someNumbers(8, 5) };
    const loss = 'meanSquaredError';
    const bare = plain.gradients(data, { loss });
    const whole = network.gradients(data, { loss });
    // Losses below 32; sums of four terms.
    const close = 8 * 32 * units.float64;
    expect(Math.abs(whole.loss - bare.loss - penalty)).toBeLessThan(close);
    whole.layers[0].weights!.forEach((value, i) => {
      expect(Math.abs(value - bare.layers[0].weights![i] - slope(kernel.flat()[i]))).toBeLessThan(close);
    });
    expect(whole.layers[0].bias).toEqual(bare.layers[0].bias);
    expect((await network.evaluate(data, { loss })).loss).toBe((await plain.evaluate(data, { loss })).loss + penalty);
    const still = { loss, optimizer: sgd({ learningRate: 0 }), batchSize: 3, shuffle: false } as const;
    const batches: number[] = [];
    const { epochs } = await network.fit(data, { ...still, onBatch: ({ loss: value }) => void batches.push(value) });
    expect(Math.abs(epochs[0].loss - whole.loss)).toBeLessThan(close);
    expect(Math.abs((3 * batches[0] + batches[1]) / 4 - whole.loss)).toBeLessThan(close);
    expect(
      Math.abs(network.trainOnBatch(data, still.loss && { loss, optimizer: still.optimizer }) - whole.loss),
    ).toBeLessThan(close);
    const summed = { type: 'squaredError', reduction: 'sum' } as const;
    const sums = await network.fit(data, { ...still, loss: summed });
    const { loss: sum } = await network.evaluate(data, { loss: summed });
    expect(Math.abs(sums.epochs[0].loss - sum)).toBeLessThan(8 * close);
  });

  it('each layer has its own penalty', () => {
    const layers = [
      dense(1, { kernelInitializer: [2, 0], regularizer: l2(0.5) }),
      dense(1, { kernelInitializer: [3], regularizer: l2(2) }),
    ];
    const { loss } = create(2, layers).gradients({ x: [[0, 0]], y: [0] }, { loss: 'meanSquaredError' });
    expect(loss).toBe(0.5 * 4 + 2 * 9);
  });

  it.each<Dtype>(['float32', 'float64'])('constraints hold after each update in %s', async (dtype) => {
    const x = someNumbers(60);
    // The one output falls with the first input, the other rises with the second.
    const data = { x, y: Array.from({ length: 20 }, (___, i) => [-10 * x[i * 3], 10 * x[i * 3 + 1]]) };
    const options = {
      loss: 'meanSquaredError',
      optimizer: sgd({ learningRate: 0.3 }),
      batchSize: 4,
      epochs: 3,
    } as const;
    const limited = create(3, [dense(2, { constraint: maxNorm(0.5) })], dtype);
    const positive = create(3, [dense(2, { constraint: nonNegative() })], dtype);
    let largest = 0;
    const onBatch = (): void => {
      const { weights } = limited.parameters()[0];
      for (const column of [0, 1]) {
        const norm = Math.hypot(...[0, 1, 2].map((row) => weights![row * 2 + column]));
        largest = Math.max(largest, norm);
      }
    };
    await limited.fit(data, { ...options, onBatch });
    // Scaled by a factor of a few roundings.
    expect(largest).toBeLessThanOrEqual(0.5 * (1 + 8 * units[dtype]));
    expect(largest).toBeGreaterThan(0.49);
    await positive.fit(data, options);
    const { weights } = positive.parameters()[0];
    expect(weights!.every((weight) => weight >= 0)).toBe(true);
    expect(weights![0]).toBe(0);
    expect(weights![3]).toBeGreaterThan(1);
  });

  it('a training with normalizations, penalties and clipping is PyTorch’s', async () => {
    const network = create(3, [
      dense(4, { bias: false, regularizer: l1(0.01) }),
      batchNormalization(),
      activation('silu'),
      layerNormalization(),
      dense(2, { regularizer: l2(0.02) }),
    ]);
    let at = 0;
    network.setParameters(
      network.parameters().map((layer) =>
        Object.fromEntries(
          Object.entries(layer).map(([name, { length }]) => {
            at += length;
            return [name, pytorch.training.initial.slice(at - length, at)];
          }),
        ),
      ),
    );
    await network.fit(
      { x: Float64Array.from(pytorch.optimizers.x), y: Float64Array.from(pytorch.optimizers.y) },
      {
        loss: 'meanSquaredError',
        optimizer: adam({ learningRate: 0.01 }),
        batchSize: 3,
        epochs: 20,
        shuffle: false,
        clip: { norm: 0.5 },
      },
    );
    // What the project promises after dozens of updates: 10⁻⁶, of 1 or of the value.
    allParameters(network).forEach((value, i) => {
      const wanted = pytorch.training.final[i];
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(wanted)));
    });
  });
});
