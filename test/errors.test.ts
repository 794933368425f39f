import { beforeEach, describe, expect, it } from 'vitest';
import {
  activation,
  adam,
  batchNormalization,
  cosine,
  crossEntropy,
  dense,
  dropout,
  l2,
  Matrix,
  maxNorm,
  Network,
  type NetworkOptions,
  sgd,
  tolerance,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError } from './support/api.js';

/** For values that the types forbid. */
const any = <T>(value: unknown): T => value as T;

describe.each(backends)('wrong input on %s', (_, backend) => {
  const x = new Float32Array([1, 2, 3, 4, 5, 6]); // (3, 2)
  const y = new Float32Array([1, 0, 0, 1, 1, 0]); // (3, 2)
  const classes = [0, 1, 0];
  const options = { loss: 'crossEntropy', optimizer: 'adam' } as const;
  let network: Network;

  beforeEach(() => {
    network = createNetwork(backend, { inputs: 2, layers: [dense(2, { activation: 'softmax' })] });
    const before = allParameters(network);
    // Whatever was wrong: nothing was trained, and the network is usable.
    return async () => {
      expect(allParameters(network)).toEqual(before);
      expect((await network.fit({ x, y: classes }, options)).stoppedBy).toBe('epochs');
    };
  });

  it('x of the wrong width', async () => {
    await expectError(
      () => network.fit({ x: new Float32Array(5), y }, options),
      'SHAPE_MISMATCH',
      /2 numbers for x, got 5/,
    );
    await expectError(
      () => network.fit({ x: [[1, 2, 3]], y }, options),
      'SHAPE_MISMATCH',
      /2 numbers for x\[0\], got 3/,
    );
    const wide = new Matrix(new Float32Array(9), 3, 3);
    await expectError(() => network.fit({ x: wide, y }, options), 'SHAPE_MISMATCH', /2 columns for x, got 3/);
    await expectError(() => network.predict(wide), 'SHAPE_MISMATCH', /2 columns for x, got 3/);
    await expectError(() => network.predict([1, 2]), 'SHAPE_MISMATCH', /rows of 2 numbers for x/);
    await expectError(() => network.predictSync(wide), 'SHAPE_MISMATCH', /2 columns for x, got 3/);
    const even = new Matrix(new Float32Array(12), 3, 4);
    await expectError(() => network.predictSync(even), 'SHAPE_MISMATCH', /2 columns for x, got 4/);
    await expectError(() => network.evaluate({ x: wide, y }, options), 'INVALID_ARGUMENT', /optimizer/);
    await expectError(
      () => network.evaluate({ x: wide, y }, { loss: 'crossEntropy' }),
      'SHAPE_MISMATCH',
      /for x, got 3/,
    );
    await expectError(
      () => network.gradients({ x: wide, y }, { loss: 'crossEntropy' }),
      'SHAPE_MISMATCH',
      /for x, got 3/,
    );
    await expectError(() => network.trainOnBatch({ x: wide, y }, options), 'SHAPE_MISMATCH', /for x, got 3/);
  });

  it('a matrix whose data is not rows × columns', async () => {
    const broken = { data: new Float32Array(5), rows: 3, columns: 2 };
    await expectError(() => network.predict(broken), 'SHAPE_MISMATCH', /3 × 2 elements for x.data, got 5/);
    await expectError(() => new Matrix(new Float32Array(5), 3, 2), 'SHAPE_MISMATCH', /3 × 2 elements for data, got 5/);
    await expectError(() => network.predict({ ...broken, rows: -1 }), 'INVALID_ARGUMENT', /x.rows, got -1/);
    const emptied = new Matrix(new Float32Array(6), 3, 2);
    structuredClone(emptied.data, { transfer: [emptied.data.buffer] });
    await expectError(() => network.predictSync(emptied), 'SHAPE_MISMATCH', /3 × 2 elements for x.data, got 0/);
  });

  it('ragged arrays', async () => {
    const ragged = [[1, 2], [3], [5, 6]];
    await expectError(() => network.fit({ x: ragged, y }, options), 'SHAPE_MISMATCH', /2 numbers for x\[1\], got 1/);
    await expectError(() => network.fit({ x, y: ragged }, options), 'SHAPE_MISMATCH', /2 numbers for y\[1\], got 1/);
    await expectError(() => network.predict(any([[1, 2], 3])), 'INVALID_ARGUMENT', /x\[1\], got 3/);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s in x or y', async (bad) => {
    const badX = x.slice();
    badX[3] = bad;
    const badY = y.slice();
    badY[4] = bad;
    const inX = new RegExp(`for x at row 1, column 1, got ${bad}$`);
    await expectError(() => network.fit({ x: badX, y }, options), 'NOT_FINITE', inX);
    await expectError(() => network.fit({ x: Float64Array.from(badX), y }, options), 'NOT_FINITE', inX);
    await expectError(
      () =>
        network.fit(
          {
            x: [
              [1, 2],
              [3, bad],
              [5, 6],
            ],
            y,
          },
          options,
        ),
      'NOT_FINITE',
      inX,
    );
    await expectError(() => network.predict(badX), 'NOT_FINITE', inX);
    await expectError(() => network.predictSync(badX), 'NOT_FINITE', inX);
    await expectError(() => network.predictSync(new Matrix(badX, 3, 2)), 'NOT_FINITE', inX);
    await expectError(() => network.trainOnBatch({ x: badX, y }, options), 'NOT_FINITE', inX);
    await expectError(() => network.gradients({ x: badX, y }, { loss: 'crossEntropy' }), 'NOT_FINITE', inX);
    const inY = new RegExp(`for y at row 2, column 0, got ${bad}$`);
    await expectError(() => network.fit({ x, y: badY }, options), 'NOT_FINITE', inY);
    await expectError(() => network.evaluate({ x, y: badY }, { loss: 'crossEntropy' }), 'NOT_FINITE', inY);
    await expectError(() => network.fit({ x, y: [0, bad, 1] }, options), 'NOT_FINITE', /y at row 1, column 0/);
    const validation = { x: badX, y };
    await expectError(() => network.fit({ x, y }, { ...options, validation }), 'NOT_FINITE', /validation.x at row 1/);
  });

  it('a number that overflows the dtype', async () => {
    const large = Float64Array.of(1, 2, 3, 4, 5, 1e300);
    await expectError(
      () => network.fit({ x: large, y }, options),
      'NOT_FINITE',
      /float32 number for x at row 2, column 1/,
    );
  });

  it('y longer or shorter than x', async () => {
    await expectError(
      () => network.fit({ x, y: new Float32Array(8) }, options),
      'SHAPE_MISMATCH',
      /3 rows.* for y, got 4/,
    );
    await expectError(() => network.fit({ x, y: [[1, 0]] }, options), 'SHAPE_MISMATCH', /3 rows.* for y, got 1/);
    await expectError(() => network.fit({ x, y: [0, 1] }, options), 'SHAPE_MISMATCH', /3 class indices.* for y, got 2/);
    await expectError(
      () => network.fit({ x, y: [0, 1, 0, 1] }, options),
      'SHAPE_MISMATCH',
      /3 class indices.* for y, got 4/,
    );
    const squared = { ...options, loss: 'squaredError' } as const;
    await expectError(
      () => network.fit({ x, y: new Float32Array(4) }, squared),
      'SHAPE_MISMATCH',
      /3 rows.* for y, got 2/,
    );
  });

  it('class indices where the loss takes none', async () => {
    const squared = { ...options, loss: 'squaredError' } as const;
    await expectError(() => network.fit({ x, y: Int32Array.of(0, 1, 0) }, squared), 'SHAPE_MISMATCH', /for y, got 3/);
  });

  it('class indices out of range or not whole', async () => {
    const range = /an integer from 0 to 1 for y\[1\], got/;
    await expectError(() => network.fit({ x, y: [0, 2, 0] }, options), 'INVALID_ARGUMENT', range);
    await expectError(() => network.fit({ x, y: Int32Array.of(0, -1, 0) }, options), 'INVALID_ARGUMENT', range);
    await expectError(() => network.fit({ x, y: Uint8Array.of(0, 255, 0) }, options), 'INVALID_ARGUMENT', range);
    await expectError(() => network.fit({ x, y: [0, 0.5, 0] }, options), 'INVALID_ARGUMENT', range);
    await expectError(
      () => network.evaluate({ x, y: [0, 2, 0] }, { metrics: ['accuracy'] }),
      'INVALID_ARGUMENT',
      range,
    );
  });

  it('empty data', async () => {
    const none = /at least one row for x, got none/;
    await expectError(() => network.fit({ x: [], y: [] }, options), 'INVALID_ARGUMENT', none);
    await expectError(() => network.fit({ x: new Float32Array(0), y: [] }, options), 'INVALID_ARGUMENT', none);
    await expectError(() => network.evaluate({ x: [], y: [] }, { loss: 'crossEntropy' }), 'INVALID_ARGUMENT', none);
    await expectError(() => network.trainOnBatch({ x: [], y: [] }, options), 'INVALID_ARGUMENT', none);
  });

  it('data that are no numbers', async () => {
    await expectError(() => network.fit(any(undefined), options), 'INVALID_ARGUMENT', /data, got undefined/);
    await expectError(() => network.fit(any({ x }), options), 'INVALID_ARGUMENT', /for y, got undefined/);
    await expectError(() => network.fit(any({ y }), options), 'INVALID_ARGUMENT', /for x, got undefined/);
    await expectError(
      () => network.fit(any({ x, y, z: 1 }), options),
      'INVALID_ARGUMENT',
      /data, got unknown option "z"/,
    );
    await expectError(() => network.predict(any('1,2')), 'INVALID_ARGUMENT', /x, got "1,2"/);
    await expectError(() => network.predict(any([['1', 2]])), 'INVALID_ARGUMENT', /x\[0\]\[0\], got "1"/);
    await expectError(() => network.predict(any(BigInt64Array.of(1n, 2n))), 'INVALID_ARGUMENT', /x, got BigInt64Array/);
    await expectError(
      () => network.predict(any(new DataView(new ArrayBuffer(8)))),
      'INVALID_ARGUMENT',
      /x, got DataView/,
    );
    await expectError(() => network.predict(any(null)), 'INVALID_ARGUMENT', /x, got null/);
  });

  it('weights', async () => {
    const fit = (weight: unknown) => () => network.fit({ x, y, weight: any(weight) }, options);
    await expectError(fit([1, 2]), 'SHAPE_MISMATCH', /3 numbers.* for weight, got 2/);
    await expectError(fit([1, -1, 1]), 'INVALID_ARGUMENT', /≥ 0 for weight\[1\], got -1/);
    await expectError(fit([1, Number.NaN, 1]), 'INVALID_ARGUMENT', /≥ 0 for weight\[1\], got NaN/);
    await expectError(fit([0, 0, 0]), 'INVALID_ARGUMENT', /positive number for weight, got zeros/);
    await expectError(fit([1, Number.POSITIVE_INFINITY, 1]), 'NOT_FINITE', /weight/);
  });

  it('options of fit', async () => {
    const wrong: [string, unknown, object?][] = [
      ['loss', undefined],
      ['loss', 'squareError'],
      ['loss', 'constructor'],
      ['optimizer', undefined],
      ['optimizer', 'adamm'],
      ['optimizer', { type: 'adam', learningRate: -1 }],
      ['optimizer', { type: 'adam', rate: 1 }],
      ['batchSize', 0],
      ['batchSize', 2.5],
      ['batchSize', 'all'],
      ['epochs', 0],
      ['epochs', Number.NaN],
      ['epochs', '3'],
      ['validation', 0],
      ['validation', 1],
      ['validation', 'half'],
      ['metrics', 'accuracy'],
      ['metrics', ['accurate']],
      ['shuffle', 1],
      ['signal', {}],
      ['onEpoch', 1],
      ['onBatch', 'log'],
      ['initialEpoch', -1],
      ['reset', 'yes'],
      ['metrics', ['accuracy', 'accuracy']],
      ['metrics', [{ type: 'topK', k: 0 }]],
      ['schedule', 'linear'],
      ['schedule', 0.1],
      ['schedule', { type: 'stepDecay', every: 0 }],
      ['schedule', { type: 'oneCycle', rise: 1 }],
      ['schedule', { type: 'inverseTime', c: 1 }],
      ['schedule', () => -1],
      ['schedule', () => Number.NaN],
      ['stop', 'tolerance'],
      ['stop', [{ type: 'tolerance', change: 0 }]],
      ['stop', [{ type: 'earlyStopping', monitor: 'accuracy' }]],
      ['stop', [{ type: 'earlyStopping', monitor: 'validation.loss' }]],
      ['stop', [{ type: 'earlyStopping', patience: -1 }]],
      ['clip', 1],
      ['clip', {}],
      ['clip', { norm: 1, value: 1 }],
      ['clip', { norm: 0 }],
      ['clip', { size: 1 }],
      ['accumulate', 0],
      ['accumulate', 1.5],
      ['gradientNorms', 1],
      ['classWeights', 2],
      ['classWeights', { 2: 1 }],
      ['classWeights', { 0: -1 }],
      ['classWeights', [0, 0]],
      ['batchSize', 16, { optimizer: 'rprop' }],
      ['batchSize', undefined, { optimizer: 'lbfgs' }],
      ['clip', { norm: 1 }, { optimizer: 'lbfgs', batchSize: 'full' }],
    ];
    for (const [option, value, others] of wrong) {
      const fit = (): unknown => network.fit({ x, y }, any({ ...options, ...others, [option]: value }));
      await expectError(fit, 'INVALID_ARGUMENT', new RegExp(` for ${option}`));
    }
    await expectError(
      () => network.fit({ x, y }, { ...options, classWeights: [1, 2, 3] }),
      'SHAPE_MISMATCH',
      /2 numbers for classWeights, got 3/,
    );
    const unknown = any<typeof options>({ ...options, learningRate: 1 });
    await expectError(
      () => network.fit({ x, y }, unknown),
      'INVALID_ARGUMENT',
      /fit, got unknown option "learningRate"/,
    );
    await expectError(() => network.fit({ x, y }, any(undefined)), 'INVALID_ARGUMENT', /options of fit, got undefined/);
    // A share so large that nothing is left to train on.
    await expectError(
      () => network.fit({ x, y }, { ...options, validation: 0.9 }),
      'INVALID_ARGUMENT',
      /validation, got 0.9/,
    );
  });

  it('options of the other methods', async () => {
    const batch = { x, y };
    const loss = 'crossEntropy';
    await expectError(() => network.evaluate(batch, {}), 'INVALID_ARGUMENT', /a loss or metrics/);
    await expectError(
      () => network.evaluate(batch, any({ loss, epochs: 1 })),
      'INVALID_ARGUMENT',
      /unknown option "epochs"/,
    );
    await expectError(() => network.evaluate(batch, { loss, batchSize: 0 }), 'INVALID_ARGUMENT', /batchSize, got 0/);
    await expectError(() => network.predict(x, any({ batch: 1 })), 'INVALID_ARGUMENT', /unknown option "batch"/);
    await expectError(() => network.predict(x, { batchSize: -1 }), 'INVALID_ARGUMENT', /batchSize, got -1/);
    await expectError(() => network.trainOnBatch(batch, any({ loss })), 'INVALID_ARGUMENT', /optimizer, got undefined/);
    await expectError(
      () => network.trainOnBatch(batch, any({ ...options, clip: 1 })),
      'INVALID_ARGUMENT',
      /clip, got 1/,
    );
    await expectError(
      () => network.trainOnBatch(batch, any({ ...options, epochs: 1 })),
      'INVALID_ARGUMENT',
      /"epochs"/,
    );
    await expectError(() => network.forward(x, any({ train: true })), 'INVALID_ARGUMENT', /"train"/);
    await expectError(() => network.applyGradients(any({})), 'INVALID_ARGUMENT', /optimizer, got undefined/);
    await expectError(() => network.gradients(batch, any({})), 'INVALID_ARGUMENT', /loss, got undefined/);
  });

  it('parameters', async () => {
    const bias = [0, 0];
    const set = (parameters: unknown) => () => network.setParameters(any(parameters));
    await expectError(set({}), 'INVALID_ARGUMENT', /parameters, got an object/);
    await expectError(set([]), 'SHAPE_MISMATCH', /1 layers for parameters, got 0/);
    await expectError(set([1]), 'INVALID_ARGUMENT', /parameters\[0\], got 1/);
    await expectError(
      set([{ weights: new Float32Array(3), bias }]),
      'SHAPE_MISMATCH',
      /4 numbers for .*weights, got 3/,
    );
    await expectError(set([{ weights: [[1, 2], [3]], bias }]), 'SHAPE_MISMATCH', /2 numbers for .*weights\[1\], got 1/);
    await expectError(set([{ weights: [[1, 2]], bias }]), 'SHAPE_MISMATCH', /2 rows for .*weights, got 1/);
    await expectError(set([{ weights: [1, 2, Number.NaN, 4], bias }]), 'NOT_FINITE', /weights\[2\], got NaN/);
    await expectError(set([{ weights: [1, 2, 1e300, 4], bias }]), 'NOT_FINITE', /weights\[2\], got 1e\+300/);
    await expectError(set([{ weights: [1, 2, 3, 4] }]), 'INVALID_ARGUMENT', /bias, got undefined/);
    await expectError(set([{ weights: [1, 2, 3, 4], bias, gamma: 1 }]), 'INVALID_ARGUMENT', /unknown option "gamma"/);
  });

  it('configurations', async () => {
    const layers = [dense(1)];
    const wrong: [unknown, RegExp][] = [
      [undefined, /options of Network, got undefined/],
      [{ inputs: 2, layers, optimizer: 'adam' }, /unknown option "optimizer"/],
      [{ layers }, /inputs, got undefined/],
      [{ inputs: 0, layers }, /inputs, got 0/],
      [{ inputs: 1.5, layers }, /inputs, got 1.5/],
      [{ inputs: 2 }, /layers, got undefined/],
      [{ inputs: 2, layers: [] }, /layers, got an array of length 0/],
      [{ inputs: 2, layers: ['dense'] }, /layers\[0\], got "dense"/],
      [{ inputs: 2, layers: [{ type: 'conv' }] }, /layers\[0\].type, got "conv"/],
      [{ inputs: 2, layers: [{ type: 'dense', units: 0 }] }, /layers\[0\].units, got 0/],
      [{ inputs: 2, layers: [{ type: 'dense', units: 1, rate: 0.5 }] }, /unknown option "rate"/],
      [
        { inputs: 2, layers: [{ type: 'dense', units: 1, activation: 'relux' }] },
        /layers\[0\].activation, got "relux"/,
      ],
      [{ inputs: 2, layers: [{ type: 'activation', activation: 'soft' }] }, /layers\[0\].activation, got "soft"/],
      [{ inputs: 2, layers: [{ type: 'batchNormalization', momentum: 2 }] }, /layers\[0\].momentum, got 2/],
      [{ inputs: 2, layers: [{ type: 'layerNormalization', epsilon: 0 }] }, /layers\[0\].epsilon, got 0/],
      [{ inputs: 2, layers: [{ type: 'dense', units: 1, regularizer: 'l3' }] }, /layers\[0\].regularizer, got "l3"/],
      [{ inputs: 2, layers: [{ type: 'dense', units: 1, constraint: 1 }] }, /layers\[0\].constraint, got 1/],
      [{ inputs: 2, layers, seed: -1 }, /seed, got -1/],
      [{ inputs: 2, layers, seed: 2 ** 32 }, /seed, got 4294967296/],
      [{ inputs: 2, layers, dtype: 'float16' }, /dtype, got "float16"/],
      [{ inputs: 2, layers, threads: 0 }, /threads, got 0/],
    ];
    for (const [options, message] of wrong) {
      const create = (): Network => new Network(any<NetworkOptions>(options));
      await expectError(create, 'INVALID_ARGUMENT', message);
    }
    const backendless = { inputs: 2, layers, backend: any<'auto'>('gpu') };
    await expectError(() => new Network(backendless), 'INVALID_ARGUMENT', /backend, got "gpu"/);
    const shaped = { inputs: 2, layers: [dense(1, { kernelInitializer: [1, 2, 3] })] };
    await expectError(
      () => new Network(shaped),
      'SHAPE_MISMATCH',
      /2 numbers for layers\[0\].kernelInitializer, got 3/,
    );
    const infinite = { inputs: 2, layers: [dense(1, { kernelInitializer: { type: 'constant', value: 1e300 } })] };
    await expectError(() => new Network(infinite), 'NOT_FINITE', /layers\[0\].kernelInitializer, got Infinity/);
  });
});

describe('factories', () => {
  it('check what they are given', async () => {
    await expectError(() => dense(0), 'INVALID_ARGUMENT', /units, got 0/);
    await expectError(() => dense(any('3')), 'INVALID_ARGUMENT', /units, got "3"/);
    await expectError(() => dense(3, any({ units: 4 })), 'INVALID_ARGUMENT', /unknown option "units"/);
    await expectError(() => dense(3, any({ activaton: 'relu' })), 'INVALID_ARGUMENT', /unknown option "activaton"/);
    await expectError(
      () => dense(3, { activation: any('toString') }),
      'INVALID_ARGUMENT',
      /activation, got "toString"/,
    );
    await expectError(() => dense(3, { bias: any(1) }), 'INVALID_ARGUMENT', /bias, got 1/);
    await expectError(
      () => dense(3, { kernelInitializer: any('he') }),
      'INVALID_ARGUMENT',
      /kernelInitializer, got "he"/,
    );
    await expectError(() => dropout(1), 'INVALID_ARGUMENT', /rate, got 1/);
    await expectError(() => dropout(-0.1), 'INVALID_ARGUMENT', /rate, got -0.1/);
    await expectError(() => l2(-1), 'INVALID_ARGUMENT', /l2, got -1/);
    await expectError(() => maxNorm(0), 'INVALID_ARGUMENT', /maximum, got 0/);
    await expectError(() => batchNormalization({ epsilon: 0 }), 'INVALID_ARGUMENT', /epsilon, got 0/);
    await expectError(() => activation(any('sgn')), 'INVALID_ARGUMENT', /activation, got "sgn"/);
    await expectError(() => cosine({ warmup: -1 }), 'INVALID_ARGUMENT', /warmup, got -1/);
    await expectError(() => tolerance({ change: -1 }), 'INVALID_ARGUMENT', /change, got -1/);
    await expectError(() => dropout(Number.NaN), 'INVALID_ARGUMENT', /rate, got NaN/);
    await expectError(() => adam({ learningRate: -1 }), 'INVALID_ARGUMENT', /learningRate, got -1/);
    await expectError(() => adam({ learningRate: Number.NaN }), 'INVALID_ARGUMENT', /learningRate, got NaN/);
    await expectError(() => adam({ beta1: 1 }), 'INVALID_ARGUMENT', /beta1, got 1/);
    await expectError(() => sgd(any({ rate: 1 })), 'INVALID_ARGUMENT', /unknown option "rate"/);
    await expectError(
      () => crossEntropy({ reduction: any('average') }),
      'INVALID_ARGUMENT',
      /reduction, got "average"/,
    );
  });

  it('give frozen plain data', () => {
    const layer = dense(3, { activation: 'relu' });
    expect(Object.isFrozen(layer)).toBe(true);
    expect(JSON.parse(JSON.stringify(layer))).toEqual({
      type: 'dense',
      units: 3,
      activation: 'relu',
      bias: true,
      kernelInitializer: 'glorotUniform',
      biasInitializer: 'zeros',
    });
    expect(JSON.parse(JSON.stringify(dropout(0.25)))).toEqual({ type: 'dropout', rate: 0.25 });
  });
});
