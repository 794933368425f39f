import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  constant,
  type DenseSpec,
  dense,
  dropout,
  fanInNormal,
  type InitializerSpec,
  Matrix,
  type MatrixLike,
  type Network,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError, someNumbers } from './support/api.js';

const units = { float32: 2 ** -24, float64: 2 ** -53 } as const;

describe.each(backends)('Network on %s', (_, backend) => {
  const small = (seed = 0): Network =>
    createNetwork(backend, { inputs: 3, layers: [dense(4, { activation: 'tanh' }), dropout(0.5), dense(2)], seed });

  it('says what it is', () => {
    const network = small();
    expect([network.inputs, network.outputs, network.parameterCount, network.dtype]).toEqual([3, 2, 26, 'float32']);
    expect(network.layers.map(({ type }) => type)).toEqual(['dense', 'dropout', 'dense']);
    expect(network.backend.reason).not.toBe('');
    expect(network.backend.threads).toBeGreaterThanOrEqual(1);
    expect(network.summary().split('\n').slice(0, -1)).toEqual(
      [
        'layer         outputs  parameters',
        'inputs              3            ',
        'dense, tanh         4          16',
        'dropout, 0.5        4           0',
        'dense, identity     2          10',
        'total                          26',
      ].map((line) => expect.stringMatching(new RegExp(`^${line.trim().replaceAll(/\s+/g, '\\s+')}\\s*$`))),
    );
    expect(network.summary()).toContain(`float32, ${backend.name} backend`);
  });

  it('takes plain JSON as layers', () => {
    const layers = JSON.parse(JSON.stringify(small().layers));
    const network = createNetwork(backend, { inputs: 3, layers });
    expect(allParameters(network)).toEqual(allParameters(small()));
  });

  it('gives its parameters shaped by layer, as copies', () => {
    const network = small();
    const parameters = network.parameters();
    expect(parameters.map(({ weights, bias }) => [weights?.length, bias?.length])).toEqual([
      [12, 4],
      [undefined, undefined],
      [8, 2],
    ]);
    expect(parameters[1]).toEqual({});
    expect(parameters[0].weights).toBeInstanceOf(Float32Array);
    const before = allParameters(network);
    parameters[0].weights!.fill(9);
    expect(allParameters(network)).toEqual(before);
    network.setParameters(parameters);
    expect(network.parameters()).toEqual(parameters);
    parameters[0].weights!.fill(7);
    expect(network.parameters()[0].weights![0]).toBe(9);
  });

  it.each<Dtype>(['float32', 'float64'])('computes x·W + b in %s from any kind of x', async (dtype) => {
    const network = createNetwork(backend, { inputs: 3, layers: [dense(2)], dtype });
    network.setParameters([
      {
        weights: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        bias: [0.5, -0.5],
      },
    ]);
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const flat = rows.flat();
    // Small integers: exact in any order of summation.
    const wanted = [22.5, 27.5, 49.5, 63.5];
    const shared = new Float32Array(new SharedArrayBuffer(24));
    shared.set(flat);
    const padded = new Float32Array([0, ...flat, 0]);
    const kinds = [
      rows,
      rows.map((row) => Float64Array.from(row)),
      Float32Array.from(flat),
      Float64Array.from(flat),
      Uint8Array.from(flat),
      Buffer.from(flat),
      Int8Array.from(flat),
      Int32Array.from(flat),
      Uint16Array.from(flat),
      shared,
      padded.subarray(1, 7),
      new Matrix(Int16Array.from(flat), 2, 3),
      new Matrix(dtype === 'float32' ? Float32Array.from(flat) : Float64Array.from(flat), 2, 3),
      { data: Float32Array.from(flat), rows: 2, columns: 3 },
    ] as const;
    for (const x of kinds as readonly MatrixLike[]) {
      const predicted = await network.predict(x);
      expect(predicted).toBeInstanceOf(Matrix);
      expect(predicted.data).toBeInstanceOf(dtype === 'float32' ? Float32Array : Float64Array);
      expect([predicted.rows, predicted.columns, ...predicted.data]).toEqual([2, 2, ...wanted]);
      expect([...network.predictSync(x).data]).toEqual(wanted);
    }
  });

  it('predicts no rows from no rows, and one column from plain numbers', async () => {
    const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: 'ones' })] });
    expect((await network.predict([])).rows).toBe(0);
    expect(network.predictSync(new Float32Array(0)).toArray()).toEqual([]);
    expect(network.predictSync([1, 2, 3]).toArray()).toEqual([[1], [2], [3]]);
  });

  it('predicts into an array of its own each time', () => {
    const network = small();
    const [x, others] = [someNumbers(3), someNumbers(3, 2)];
    const first = network.predictSync(x);
    const before = [...first.data];
    expect([...network.predictSync(others).data]).not.toEqual(before);
    expect([...first.data]).toEqual(before);
    expect(first.data.buffer.byteLength).toBe(first.data.byteLength);
  });

  it('predicts the same whatever the batch size, and without dropout', async () => {
    const network = small();
    const x = someNumbers(1000 * 3);
    const whole = network.predictSync(x);
    for (const batchSize of [1, 7, 64, 1000, 5000]) expect(await network.predict(x, { batchSize })).toEqual(whole);
  });

  it.each<Dtype>(['float32', 'float64'])('evaluates the mean loss and the accuracy in %s', async (dtype) => {
    const network = createNetwork(backend, { inputs: 2, layers: [dense(3)], dtype });
    const rows = 100_000; // more than one chunk of outputs
    const x = someNumbers(rows * 2);
    const classes = Uint8Array.from({ length: rows }, (__, i) => i % 3);
    const outputs = network.predictSync(x);
    let sum = 0;
    let right = 0;
    for (let i = 0; i < rows; i++) {
      const row = Array.from(outputs.row(i));
      const target = classes[i];
      sum += Math.log(row.reduce((total, z) => total + Math.exp(z), 0)) - row[target];
      right += Number(row.indexOf(Math.max(...row)) === target);
    }
    const report = await network.evaluate({ x, y: classes }, { loss: 'crossEntropy', metrics: ['accuracy'] });
    expect(report.accuracy).toBe(right / rows);
    // A row's loss is below 4 here (|z| < 2): at most eight roundings each of half a unit of 8, and the mean keeps the bound.
    expect(Math.abs(report.loss - sum / rows)).toBeLessThan(8 * 8 * units[dtype]);
    expect(await network.evaluate({ x, y: classes }, { metrics: ['accuracy'] })).toEqual({ accuracy: right / rows });
    expect(await network.evaluate({ x, y: classes }, { loss: 'crossEntropy' })).toEqual({ loss: report.loss });
    const oneHot = new Uint8Array(rows * 3);
    for (let i = 0; i < rows; i++) oneHot[i * 3 + classes[i]] = 1;
    const distributions = await network.evaluate({ x, y: oneHot }, { loss: 'crossEntropy', metrics: ['accuracy'] });
    expect(distributions.accuracy).toBe(report.accuracy);
    expect(Math.abs(distributions.loss - report.loss)).toBeLessThan(8 * 8 * units[dtype]);
  });

  it('judges one output by which side of a half it is on', async () => {
    const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: 'ones' })] });
    const data = { x: [0.2, 0.4, 0.6, 0.8], y: [0, 1, 1, 0] };
    expect(await network.evaluate(data, { metrics: ['accuracy'] })).toEqual({ accuracy: 0.5 });
  });

  it('weighs rows in evaluate', async () => {
    const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: 'ones' })] });
    const data = { x: [1, 2, 3], y: [0, 0, 0], weight: [1, 0.5, 0] };
    // (1·1 + 0.5·4) / 1.5
    expect(await network.evaluate(data, { loss: 'squaredError' })).toEqual({ loss: 2 });
    const summed = { loss: { type: 'squaredError', reduction: 'sum', half: true } } as const;
    expect(await network.evaluate(data, summed)).toEqual({ loss: 1.5 });
  });

  it('gives gradients of the loss, with the inputs', () => {
    const network = createNetwork(backend, { inputs: 2, layers: [dense(1)], dtype: 'float64' });
    network.setParameters([{ weights: [2, -1], bias: [1] }]);
    // f = 2a − b + 1: 1 and 4; f − t: 1 and 2.
    const { loss, layers, inputs } = network.gradients(
      {
        x: [
          [1, 2],
          [2, 1],
        ],
        y: [0, 2],
      },
      { loss: 'meanSquaredError' },
    );
    expect(loss).toBe(2.5);
    expect([...layers[0].weights!]).toEqual([5, 4]); // Σ (f − t)·x
    expect([...layers[0].bias!]).toEqual([3]);
    expect(inputs.toArray()).toEqual([
      [2, -1],
      [4, -2],
    ]);
  });

  it('keeps dropout on in gradients: the masks of the coming update', () => {
    const network = small(3);
    const batch = { x: someNumbers(12), y: someNumbers(8) };
    const options = { loss: 'meanSquaredError', optimizer: { type: 'sgd', learningRate: 1 } } as const;
    const first = network.gradients(batch, options.loss ? { loss: options.loss } : options);
    expect(network.gradients(batch, { loss: options.loss })).toEqual(first);
    const before = network.parameters();
    expect(network.trainOnBatch(batch, options)).toBe(first.loss);
    network.parameters().forEach(({ weights }, layer) => {
      weights?.forEach((weight, i) => {
        // One rounding of w − g; |w − g| < 4.
        const wanted = before[layer].weights![i] - first.layers[layer].weights![i];
        expect(Math.abs(weight - wanted)).toBeLessThanOrEqual(4 * units.float32);
      });
    });
    expect(network.gradients(batch, { loss: options.loss }).loss).not.toBe(first.loss);
  });

  it('keeps the optimizer’s state from batch to batch', async () => {
    const batch = { x: someNumbers(12), y: someNumbers(8) };
    const options = { loss: 'meanSquaredError', optimizer: 'adam' } as const;
    const [batchwise, whole] = [small(), small()];
    const losses = [0, 1, 2].map(() => batchwise.trainOnBatch(batch, options));
    const history = await whole.fit(batch, { ...options, epochs: 3, batchSize: 'full', shuffle: false });
    expect(history.epochs.map(({ loss }) => loss)).toEqual(losses);
    expect(allParameters(batchwise)).toEqual(allParameters(whole));
  });

  it('serves calls in order', async () => {
    const network = small();
    const x = someNumbers(30_000 * 3);
    const done: number[] = [];
    const sizes = [30_000, 1, 1000, 2, 0];
    const predicted = await Promise.all(
      sizes.map(async (rows, i) => {
        const result = await network.predict(x.subarray(0, rows * 3));
        done.push(i);
        return result;
      }),
    );
    expect(done).toEqual([0, 1, 2, 3, 4]);
    sizes.forEach((rows, i) => {
      expect(predicted[i]).toEqual(network.predictSync(x.subarray(0, rows * 3)));
    });
  });

  it('is BUSY for synchronous calls while it predicts', async () => {
    const network = small();
    const x = someNumbers(3);
    const predicting = network.predict(x);
    await expectError(() => network.predictSync(x), 'BUSY', /for predictSync/);
    await predicting;
    expect(network.predictSync(x)).toEqual(await predicting);
  });

  it('goes on after a call that failed', async () => {
    const network = small();
    const failed = network.predict([[1]]);
    const served = network.predict([[1, 2, 3]]);
    await expectError(() => failed, 'SHAPE_MISMATCH', /x\[0\]/);
    expect((await served).rows).toBe(1);
  });

  it('is DISPOSED after dispose', async () => {
    const network = small();
    const waiting = network.predict(someNumbers(30_000));
    network.dispose();
    network.dispose();
    network[Symbol.dispose]();
    const batch = { x: someNumbers(3), y: someNumbers(2) };
    const options = { loss: 'squaredError', optimizer: 'sgd' } as const;
    await expectError(() => waiting, 'DISPOSED', /a disposed one/);
    await expectError(() => network.fit(batch, options), 'DISPOSED', /disposed/);
    await expectError(() => network.evaluate(batch, { loss: 'squaredError' }), 'DISPOSED', /disposed/);
    await expectError(() => network.predict(batch.x), 'DISPOSED', /disposed/);
    await expectError(() => network.predictSync(batch.x), 'DISPOSED', /disposed/);
    await expectError(() => network.trainOnBatch(batch, options), 'DISPOSED', /disposed/);
    await expectError(() => network.gradients(batch, { loss: 'squaredError' }), 'DISPOSED', /disposed/);
    await expectError(() => network.parameters(), 'DISPOSED', /disposed/);
    await expectError(() => network.setParameters([]), 'DISPOSED', /disposed/);
    await expectError(() => network.jacobian(batch.x), 'DISPOSED', /disposed/);
    await expectError(() => network.forward(batch.x), 'DISPOSED', /disposed/);
    await expectError(() => network.backward(batch.y), 'DISPOSED', /disposed/);
    await expectError(() => network.applyGradients(options), 'DISPOSED', /disposed/);
    await expectError(() => network.toJSON(), 'DISPOSED', /disposed/);
    expect(network.summary()).toContain('total');
  });

  it('starts with the same weights for a seed, and others for another, rounded to the dtype', () => {
    const layers = [dense(50), dense(50)];
    const create = (seed: number, dtype: Dtype): number[] =>
      allParameters(createNetwork(backend, { inputs: 50, layers, seed, dtype }));
    expect(create(1, 'float32')).toEqual(create(1, 'float32'));
    expect(create(1, 'float32')).toEqual(create(1, 'float64').map(Math.fround));
    expect(create(1, 'float32')).not.toEqual(create(2, 'float32'));
    const weights = create(1, 'float64');
    expect(weights.slice(0, 2500)).not.toEqual(weights.slice(2550, 5050));
  });

  const [inputs, outputs] = [300, 200];
  const initializers: [string, InitializerSpec, number, number][] = [
    ['zeros', 'zeros', 0, 0],
    ['ones', 'ones', 1, 0],
    ['constant', constant(0.25), 0.25, 0],
    ['randomNormal', 'randomNormal', 0, 0.05],
    ['randomNormal(…)', randomNormal({ mean: 1, standardDeviation: 3 }), 1, 3],
    ['randomUniform', 'randomUniform', 0, 0.05 / Math.sqrt(3)],
    ['randomUniform(…)', randomUniform({ minimum: 1, maximum: 3 }), 2, 1 / Math.sqrt(3)],
    ['fanInNormal', fanInNormal({ sigma: 2 }), 0, 2 / Math.sqrt(inputs)],
    ['glorotUniform', 'glorotUniform', 0, Math.sqrt(2 / (inputs + outputs))],
    ['glorotNormal', 'glorotNormal', 0, Math.sqrt(2 / (inputs + outputs))],
    ['heUniform', 'heUniform', 0, Math.sqrt(2 / inputs)],
    ['heNormal', 'heNormal', 0, Math.sqrt(2 / inputs)],
    ['lecunUniform', 'lecunUniform', 0, Math.sqrt(1 / inputs)],
    ['lecunNormal', 'lecunNormal', 0, Math.sqrt(1 / inputs)],
    // A normal distribution cut off at two deviations: variance 1 − 4φ(2) / (2Φ(2) − 1).
    ['truncatedNormal', 'truncatedNormal', 0, 0.05 * Math.sqrt(0.7737413)],
    ['truncatedNormal(…)', truncatedNormal({ mean: 2, standardDeviation: 0.5 }), 2, 0.5 * Math.sqrt(0.7737413)],
    // Orthonormal columns of 300 numbers.
    ['orthogonal', 'orthogonal', 0, Math.sqrt(1 / inputs)],
  ];
  it.each(initializers)('initializes by %s', (__, kernelInitializer, mean, deviation) => {
    const layers = [dense(outputs, { kernelInitializer })];
    const network = createNetwork(backend, { inputs, layers, dtype: 'float64' });
    const weights = Array.from(network.parameters()[0].weights!);
    const count = weights.length;
    const sampleMean = weights.reduce((sum, weight) => sum + weight, 0) / count;
    const variance = weights.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / count;
    // Five standard errors: of the mean σ/√n, of the variance at most σ²·√(2/n), the normal distribution's.
    expect(Math.abs(sampleMean - mean)).toBeLessThanOrEqual((5 * deviation) / Math.sqrt(count));
    expect(Math.abs(variance - deviation ** 2)).toBeLessThanOrEqual(5 * deviation ** 2 * Math.sqrt(2 / count));
    expect(network.parameters()[0].bias!.every((bias) => bias === 0)).toBe(true);
    expect((network.layers[0] as DenseSpec).kernelInitializer).toBe(kernelInitializer);
  });

  it('truncates at two standard deviations', () => {
    const layers = [dense(outputs, { kernelInitializer: truncatedNormal({ standardDeviation: 1 }) })];
    const { weights } = createNetwork(backend, { inputs, layers }).parameters()[0];
    const largest = Math.max(...weights!.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(2);
    expect(largest).toBeGreaterThan(1.99);
  });

  it.each([
    [40, 7],
    [7, 40],
    [12, 12],
  ])('makes %i × %i weights orthogonal', (rows, columns) => {
    const layers = [dense(columns, { kernelInitializer: orthogonal({ gain: 2 }) })];
    const weights = createNetwork(backend, { inputs: rows, layers, dtype: 'float64' }).parameters()[0].weights!;
    const at = (i: number, j: number): number => weights[rows >= columns ? j * columns + i : i * columns + j];
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) {
        let product = 0;
        for (let k = 0; k < length; k++) product += at(i, k) * at(j, k);
        // Gram–Schmidt twice: a rounding per term of two unit vectors, times gain².
        expect(Math.abs(product - (i === j ? 4 : 0))).toBeLessThan(4 * 4 * length * 2 ** -53);
      }
    }
  });

  it('takes explicit values as initializers', () => {
    const layers = [
      dense(2, {
        kernelInitializer: [
          [1, 2],
          [3, 4],
        ],
        biasInitializer: Float64Array.of(5, 6),
      }),
    ];
    const network = createNetwork(backend, { inputs: 2, layers });
    expect(allParameters(network)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
