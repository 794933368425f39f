import { expect, it } from 'vitest';
import { binaryCrossEntropy, dense, l2, sgd, squaredError } from '../../src/index.js';
import { epsilonOf } from '../support/arrays.js';
import {
  backward,
  combine,
  describeLecture,
  expectWithin,
  forward,
  type Layer,
  layersOf,
  slope,
} from '../support/lecture.js';

/** Foundations of Data Analysis, back propagation: ŷ = φ(Wx), its losses, and two layers with biases and their penalties. */
describeLecture('Foundations of Data Analysis', (create, dtype) => {
  // Halves and quarters: exact in both precisions.
  const x = [
    [1, 0.5, -0.25],
    [-0.5, 2, 1],
    [0.25, -1, 1.5],
    [-1, -0.5, 0.75],
  ];
  const n = x.length;
  const start = [0.5, -0.25, 0.125];
  const single = (φ: 'identity' | 'sigmoid') =>
    create({ inputs: 3, layers: [dense(1, { activation: φ, bias: false, kernelInitializer: start })] });
  const predictions = (φ: 'identity' | 'sigmoid') =>
    forward(x, [{ W: start.map((w) => [w]), φ }]).A[1].map(([value]) => value);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

  it('linear regression: mean squared and mean absolute error', async () => {
    const y = [1, -2, 0.5, 3];
    const ŷ = predictions('identity');
    const squared = sum(y.map((value, i) => (value - ŷ[i]) ** 2)) / n;
    const absolute = sum(y.map((value, i) => Math.abs(value - ŷ[i]))) / n;
    const network = single('identity');
    const mse = await network.evaluate({ x, y }, { loss: 'meanSquaredError', metrics: ['meanAbsoluteError'] });
    const mae = await network.evaluate({ x, y }, { loss: 'meanAbsoluteError', metrics: ['meanSquaredError'] });
    // Three products, a difference and a square: below ten roundings of at most 16.
    expectWithin(dtype, 10, 16, [mse.loss, mse.meanAbsoluteError], [squared, absolute]);
    expectWithin(dtype, 10, 16, [mae.loss, mae.meanSquaredError], [absolute, squared]);
    // ∂L/∂w = 2/n Σ (ŷ − y) x, and −1/n Σ sign(y − ŷ) x.
    const slopes = (each: (difference: number) => number) =>
      [0, 1, 2].map((j) => sum(x.map((row, i) => (each(ŷ[i] - y[i]) * row[j]) / n)));
    const gradient = (loss: 'meanSquaredError' | 'meanAbsoluteError') =>
      network.gradients({ x, y }, { loss }).layers[0].weights;
    expectWithin(
      dtype,
      20,
      8,
      gradient('meanSquaredError'),
      slopes((d) => 2 * d),
    );
    expectWithin(dtype, 20, 8, gradient('meanAbsoluteError'), slopes(Math.sign));
  });

  it('logistic regression: cross entropy with labels 0 and 1', async () => {
    const y = [1, 0, 1, 0];
    const ŷ = predictions('sigmoid');
    const entropy = -sum(y.map((label, i) => label * Math.log(ŷ[i]) + (1 - label) * Math.log(1 - ŷ[i]))) / n;
    const network = single('sigmoid');
    const { loss, accuracy } = await network.evaluate({ x, y }, { loss: 'binaryCrossEntropy', metrics: ['accuracy'] });
    expectWithin(dtype, 20, 2, [loss], [entropy]);
    expect(accuracy).toBe(y.filter((label, i) => label === Number(ŷ[i] > 0.5)).length / n);
    const wanted = [0, 1, 2].map((j) => sum(x.map((row, i) => ((ŷ[i] - y[i]) * row[j]) / n)));
    expectWithin(dtype, 30, 2, network.gradients({ x, y }, { loss: 'binaryCrossEntropy' }).layers[0].weights, wanted);
  });

  it('perceptron: the zero-one loss with labels ±1 is a metric', async () => {
    const y = [1, 1, -1, -1];
    const scores = predictions('identity');
    const network = single('identity');
    const { zeroOne } = await network.evaluate({ x, y }, { metrics: ['zeroOne'] });
    expect(zeroOne).toBe(y.filter((label, i) => label * scores[i] <= 0).length / n);
  });

  it('∂z_k/∂W_ij = φ′(g_k)·x_i where j = k, and 0 elsewhere; ∂z/∂x is the Jacobian', () => {
    const W = [
      [0.5, -1],
      [0.25, 0.75],
      [-0.5, 1],
    ];
    const network = create({
      inputs: 3,
      layers: [dense(2, { activation: 'sigmoid', bias: false, kernelInitializer: W })],
    });
    const layers: Layer[] = [{ W, φ: 'sigmoid' }];
    const jacobians = network.jacobian(x);
    x.forEach((row, p) => {
      const { Z } = forward([row], layers);
      const φʹ = Z[0][0].map(slope.sigmoid);
      expect([jacobians[p].rows, jacobians[p].columns]).toEqual([2, 3]);
      expectWithin(
        dtype,
        10,
        1,
        jacobians[p].data,
        [0, 1].flatMap((k) => W.map((w) => φʹ[k] * w[k])),
      );
      for (const k of [0, 1]) {
        network.forward([row]);
        // With ∂L/∂z the k-th unit vector, ∂L/∂W is ∂z_k/∂W: one update by a rate of 1 subtracts it.
        network.backward([[Number(k === 0), Number(k === 1)]]);
        network.applyGradients({ optimizer: sgd({ learningRate: 1 }) });
        const moved = network.parameters()[0].weights!;
        const wanted = W.flatMap((w, i) => w.map((value, j) => value - (j === k ? φʹ[k] * row[i] : 0)));
        expectWithin(dtype, 10, 2, moved, wanted);
        network.setParameters([{ weights: W }]);
      }
    });
  });

  it('the Jacobians with respect to inputs and weights agree with finite differences', () => {
    const network = create({
      inputs: 3,
      layers: [dense(4, { activation: 'tanh' }), dense(2, { activation: 'sigmoid' })],
      seed: 3,
    });
    const layers = layersOf(network, ['tanh', 'sigmoid']);
    const outputs = (row: number[], changed = layers) => forward([row], changed).A[2][0];
    // Central differences in double are off by h²/6 times a third derivative, and by ε/h: 10⁻¹⁰ at h = 10⁻⁵.
    const h = 1e-5;
    const near = 1e-9 + 100 * epsilonOf[dtype];
    const jacobians = network.jacobian(x);
    x.forEach((row, p) => {
      row.forEach((_, i) => {
        const [up, down] = [h, -h].map((step) => outputs(row.map((value, j) => (i === j ? value + step : value))));
        for (const k of [0, 1]) {
          expect(Math.abs(jacobians[p].data[k * 3 + i] - (up[k] - down[k]) / (2 * h))).toBeLessThanOrEqual(near);
        }
      });
    });
    const row = x[1];
    for (const k of [0, 1]) {
      // ½Σ(ŷ − t)² at t = ŷ − e_k: its gradient is that of ŷ_k.
      const y = outputs(row).map((value, j) => value - Number(j === k));
      const { layers: gradients } = network.gradients({ x: [row], y: [y] }, { loss: squaredError({ half: true }) });
      layers.forEach(({ W }, l) => {
        W.forEach((weights, i) => {
          weights.forEach((weight, j) => {
            const [up, down] = [h, -h].map((step) => {
              const changed = layers.map((layer) => ({ ...layer, W: layer.W.map((w) => [...w]) }));
              changed[l].W[i][j] = weight + step;
              return outputs(row, changed)[k];
            });
            const actual = gradients[l].weights![i * weights.length + j];
            expect(Math.abs(actual - (up - down) / (2 * h))).toBeLessThanOrEqual(near);
          });
        });
      });
    }
  });

  it('two layers with biases, and λ₁‖W_o‖² + λ₂‖W_h‖² with a λ of its own for each', async () => {
    const [λ1, λ2] = [0.25, 0.03125];
    const make = (penalized: boolean) =>
      create({
        inputs: 3,
        layers: [
          dense(4, { activation: 'sigmoid', ...(penalized && { regularizer: l2(λ2) }) }),
          dense(1, { activation: 'sigmoid', ...(penalized && { regularizer: l2(λ1) }) }),
        ],
        seed: 8,
      });
    const [plain, network] = [make(false), make(true)];
    const [Wh, Wo] = network.parameters().map(({ weights }) => Array.from(weights!));
    const penalty = λ1 * sum(Wo.map((w) => w * w)) + λ2 * sum(Wh.map((w) => w * w));
    const data = { x, y: [1, 0, 1, 0] };
    const loss = 'binaryCrossEntropy' as const;
    const before = plain.gradients(data, { loss });
    const after = network.gradients(data, { loss });
    expectWithin(dtype, 40, 2, [after.loss], [before.loss + penalty]);
    expectWithin(dtype, 40, 2, [(await network.evaluate(data, { loss })).loss], [before.loss + penalty]);
    const plus = (l: number, λ: number, W: number[]) => W.map((w, i) => before.layers[l].weights![i] + 2 * λ * w);
    expectWithin(dtype, 40, 2, after.layers[0].weights, plus(0, λ2, Wh));
    expectWithin(dtype, 40, 2, after.layers[1].weights, plus(1, λ1, Wo));
    for (const l of [0, 1]) expect(after.layers[l].bias).toEqual(before.layers[l].bias);
    const history = await network.fit(data, { loss, optimizer: sgd({ learningRate: 0.5 }), batchSize: 'full' });
    expectWithin(dtype, 40, 2, [history.epochs[0].loss], [before.loss + penalty]);
  });

  it('online and full-batch gradient descent', async () => {
    const y = [1, 0, 1, 0];
    const η = 0.5;
    const names = ['tanh', 'sigmoid'] as const;
    for (const batchSize of [1, 'full'] as const) {
      const network = create({
        inputs: 3,
        layers: names.map((activation) => dense(activation === 'tanh' ? 3 : 1, { activation })),
        seed: 2,
      });
      let layers = layersOf(network, names);
      const epochs = 5;
      const batches = batchSize === 1 ? x.map((row, i) => [[row], [y[i]]] as const) : [[x, y] as const];
      for (let epoch = 0; epoch < epochs; epoch++) {
        for (const [rows, labels] of batches) {
          const pass = forward(rows as number[][], layers);
          // Fused with the sigmoid: δ = (f − t) / rows.
          const δ = combine(
            pass.A[2],
            labels.map((label) => [label]),
            (f, t) => (f - t) / labels.length,
          );
          const { dW, db } = backward(layers, pass, δ);
          layers = layers.map((layer, l) => ({
            ...layer,
            W: combine(layer.W, dW[l], (w, d) => w - η * d),
            b: layer.b?.map((value, j) => value - η * db[l][j]),
          }));
        }
      }
      await network.fit(
        { x, y },
        {
          loss: binaryCrossEntropy(),
          optimizer: sgd({ learningRate: η }),
          batchSize,
          epochs,
          shuffle: false,
        },
      );
      const roundings = 40 * epochs * batches.length;
      network.parameters().forEach(({ weights, bias }, l) => {
        expectWithin(dtype, roundings, 2, weights, layers[l].W.flat());
        expectWithin(dtype, roundings, 2, bias, layers[l].b!);
      });
    }
  });
});
