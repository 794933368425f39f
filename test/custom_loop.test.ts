import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  adam,
  batchNormalization,
  dense,
  dropout,
  type LayerSpec,
  layerNormalization,
  Matrix,
  type Network,
  sgd,
} from '../src/index.js';
import { allParameters, backends, createNetwork, expectError, someNumbers } from './support/api.js';

const units = { float32: 2 ** -24, float64: 2 ** -53 } as const;

describe.each(backends)('custom loop on %s', (_, backend) => {
  const layers = [
    dense(4, { activation: 'tanh' }),
    batchNormalization(),
    dropout(0.25),
    dense(2, { activation: 'sigmoid' }),
  ];
  const create = (dtype: Dtype = 'float64', of: readonly LayerSpec[] = layers): Network =>
    createNetwork(backend, { inputs: 3, layers: of, dtype });
  const [x, y] = [someNumbers(15), someNumbers(10, 3)];

  /** ∂L/∂outputs of the mean squared error. */
  const gradientOf = ({ data }: Matrix): number[][] =>
    Array.from({ length: 5 }, (__, i) => [0, 1].map((j) => (2 * (data[i * 2 + j] - y[i * 2 + j])) / 10));

  it.each<Dtype>(['float32', 'float64'])('does in %s what trainOnBatch does', (dtype) => {
    const [own, whole] = [create(dtype), create(dtype)];
    for (let update = 0; update < 3; update++) {
      const wanted = whole.gradients({ x, y }, { loss: 'meanSquaredError' });
      const inputs = own.backward(gradientOf(own.forward(x)));
      expect([inputs.rows, inputs.columns]).toEqual([5, 3]);
      // Gradients below 4 (batch normalization divides by deviations of about a half), three layers, some ten roundings in
      // each, and three updates.
      inputs.data.forEach((value, i) => {
        expect(Math.abs(value - wanted.inputs.data[i])).toBeLessThan(4 * 3 * 10 * 3 ** update * units[dtype]);
      });
      own.applyGradients({ optimizer: sgd({ learningRate: 0.5 }) });
      whole.trainOnBatch({ x, y }, { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 0.5 }) });
      const after = allParameters(whole);
      allParameters(own).forEach((value, i) => {
        expect(Math.abs(value - after[i])).toBeLessThan(4 * 3 * 10 * 3 ** update * units[dtype]);
      });
    }
  });

  it('keeps the optimizer’s state, and limits the gradient', () => {
    const [own, whole] = [create(), create()];
    const options = { optimizer: adam({ learningRate: 0.01 }), clip: { norm: 0.01 } };
    for (let update = 0; update < 4; update++) {
      own.backward(new Matrix(Float64Array.from(gradientOf(own.forward(x)).flat()), 5, 2));
      own.applyGradients({ ...options, reset: update === 2 });
      whole.trainOnBatch({ x, y }, { ...options, loss: 'meanSquaredError', reset: update === 2 });
    }
    const after = allParameters(whole);
    // A relative error of a gradient changes adam's step by at most twice as much; each gradient is a sum of some 30 roundings
    // of terms at most 10⁴ times as large, and there are four steps of the learning rate.
    allParameters(own).forEach((value, i) => {
      expect(Math.abs(value - after[i])).toBeLessThan(4 * 0.01 * 2 * 30 * 1e4 * units.float64);
    });
  });

  it('has dropout and batch statistics off without training', () => {
    const network = create();
    expect(network.forward(x, { training: false })).toEqual(network.predictSync(x));
    expect(network.forward(x)).not.toEqual(network.predictSync(x));
  });

  it('wants its steps in order', async () => {
    const network = create();
    const outputGradient = gradientOf(network.predictSync(x));
    const wants = (pass: string): [() => unknown, RegExp] =>
      pass === 'forward'
        ? [() => network.backward(outputGradient), /a forward pass right before for backward/]
        : [() => network.applyGradients({ optimizer: 'sgd' }), /a backward pass before for applyGradients/];
    for (const pass of ['forward', 'backward']) await expectError(wants(pass)[0], 'INVALID_ARGUMENT', wants(pass)[1]);
    const others: (() => unknown)[] = [
      () => network.predictSync(x),
      () => network.predict(x),
      () => network.evaluate({ x, y }, { loss: 'meanSquaredError' }),
      () => network.gradients({ x, y }, { loss: 'meanSquaredError' }),
      () => network.jacobian(x),
      () => network.setParameters(network.parameters()),
      () => network.trainOnBatch({ x, y }, { loss: 'meanSquaredError', optimizer: 'sgd' }),
      () => network.fit({ x, y }, { loss: 'meanSquaredError', optimizer: 'sgd' }),
    ];
    for (const other of others) {
      network.forward(x);
      network.backward(outputGradient);
      await other();
      for (const pass of ['forward', 'backward']) await expectError(wants(pass)[0], 'INVALID_ARGUMENT', wants(pass)[1]);
    }
    network.forward(x);
    const first = network.backward(outputGradient);
    network.parameters();
    expect(network.backward(outputGradient)).toEqual(first);
    network.applyGradients({ optimizer: 'sgd' });
    await expectError(wants('backward')[0], 'INVALID_ARGUMENT', wants('backward')[1]);
  });

  it('checks what it is given', async () => {
    const network = create();
    await expectError(() => network.forward([[1, 2]]), 'SHAPE_MISMATCH', /x\[0\], got 2/);
    await expectError(() => network.forward([]), 'INVALID_ARGUMENT', /one row for x/);
    await expectError(() => network.forward([[1, 2, Number.NaN]]), 'NOT_FINITE', /x at row 0, column 2/);
    network.forward(x);
    await expectError(() => network.backward(someNumbers(8)), 'SHAPE_MISMATCH', /5 rows.* for outputGradient, got 4/);
    const bad = gradientOf(network.forward(x));
    bad[3][1] = Number.POSITIVE_INFINITY;
    await expectError(() => network.backward(bad), 'NOT_FINITE', /outputGradient at row 3, column 1/);
    network.backward(gradientOf(network.forward(x)));
    await expectError(
      () => network.applyGradients({ optimizer: 'lbfgs' }),
      'INVALID_ARGUMENT',
      /one gradient for optimizer, got lbfgs/,
    );
    network.applyGradients({ optimizer: 'rprop' });
  });

  it('gives the jacobian of each row', () => {
    // f = tanh(x·W): ∂fⱼ/∂xᵢ = (1 − fⱼ²)·Wᵢⱼ.
    const network = create('float64', [dense(2, { activation: 'tanh', bias: false })]);
    const outputs = network.predictSync(x);
    const { weights } = network.parameters()[0];
    const matrices = network.jacobian(x);
    expect(matrices.map(({ rows, columns }) => [rows, columns])).toEqual(Array(5).fill([2, 3]));
    matrices.forEach((matrix, row) => {
      for (let j = 0; j < 2; j++) {
        for (let i = 0; i < 3; i++) {
          const wanted = (1 - outputs.row(row)[j] ** 2) * weights![i * 2 + j];
          // Weights below 2 and a handful of roundings.
          expect(Math.abs(matrix.row(j)[i] - wanted)).toBeLessThan(2 * 8 * units.float64);
        }
      }
    });
    expect(network.jacobian([])).toEqual([]);
  });

  it.each<[string, LayerSpec[]]>([
    ['dropout and batch normalization', layers],
    [
      'layer normalization and softmax',
      [dense(5, { activation: 'gelu' }), layerNormalization(), dense(4, { activation: 'softmax' })],
    ],
  ])('the jacobian agrees with central differences through %s, over many rows', (__, of) => {
    const network = create('float64', of);
    const many = Float64Array.from(someNumbers(600 * 3)); // more than go through at once
    const matrices = network.jacobian(many);
    expect(matrices).toHaveLength(600);
    const step = 2 ** -17; // ∛ε
    for (const row of [0, 1, 257, 599]) {
      for (let i = 0; i < 3; i++) {
        const [above, below] = [step, -step].map((change) => {
          const moved = many.slice(row * 3, row * 3 + 3);
          moved[i] += change;
          return network.predictSync(moved).data;
        });
        matrices[row].toArray().forEach((derivatives, j) => {
          // Third derivatives below 100: step²/6·100; outputs below 1 with some 50 roundings: 50·ε/step.
          const bound = (step ** 2 / 6) * 100 + (50 * units.float64) / step;
          expect(Math.abs(derivatives[i] - (above[j] - below[j]) / (2 * step))).toBeLessThan(bound);
        });
      }
    }
  });
});
