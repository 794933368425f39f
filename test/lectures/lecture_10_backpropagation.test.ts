import { expect, it } from 'vitest';
import { dense, fanInNormal, type LayerSpec, sgd, squaredError } from '../../src/index.js';
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

/** Lecture 10, Backpropagation: any number of layers L, W ~ N(0, σ²/m_l), gradient descent with step size η. */
describeLecture('Lecture 10, Backpropagation', (create, dtype) => {
  const x = [
    [1, 0.5, -0.25, 0.75],
    [-0.5, 2, 1, 0],
    [0.25, -1, 1.5, -2],
  ];

  it('any number of layers: δ from the last to the first, and W ← W − η ∂L/∂W', async () => {
    const η = 0.25;
    for (const L of [1, 2, 3, 5]) {
      const names: Layer['φ'][] = [...Array(L - 1).fill('tanh'), 'sigmoid'];
      const network = create({
        inputs: 4,
        layers: names.map((activation, l) => dense(l === L - 1 ? 2 : 5, { activation })),
        seed: L,
      });
      const layers = layersOf(network, names);
      const y = [
        [1, 0],
        [0.5, -1],
        [0, 0.25],
      ];
      // d = ½ (y − f)², and φ_out = σ: δ_L = −(y − f) φ_out′(z).
      const pass = forward(x, layers);
      const error = combine(pass.A[L], y, (f, target) => f - target);
      const δ = combine(error, pass.Z[L - 1], (e, z) => e * slope.sigmoid(z));
      const wanted = backward(layers, pass, δ);
      const loss = squaredError({ half: true, reduction: 'sum' });
      const { layers: gradients, inputs, loss: value } = network.gradients({ x, y }, { loss });
      // Per layer some 40 roundings of sums that stay below 8: five terms, each below 1 but for x.
      const roundings = 40 * L;
      expectWithin(dtype, roundings, 8, [value], [error.flat().reduce((sum, e) => sum + e * e, 0) / 2]);
      expectWithin(dtype, roundings, 8, inputs.data, wanted.dX.flat());
      gradients.forEach(({ weights, bias }, l) => {
        expectWithin(dtype, roundings, 8, weights, wanted.dW[l].flat());
        expectWithin(dtype, roundings, 8, bias, wanted.db[l]);
      });

      await network.fit({ x, y }, { loss, optimizer: sgd({ learningRate: η }), batchSize: 'full' });
      network.parameters().forEach(({ weights, bias }, l) => {
        expectWithin(dtype, roundings, 8, weights, combine(layers[l].W, wanted.dW[l], (w, d) => w - η * d).flat());
        expectWithin(
          dtype,
          roundings,
          8,
          bias,
          wanted.db[l].map((d) => -η * d),
        );
      });
    }
  });

  it('weights drawn from N(0, σ²/m_l), m_l being the fan-in', () => {
    const σ = 0.3;
    const kernelInitializer = fanInNormal({ sigma: σ });
    const widths = [16, 400, 25, 100];
    const network = create({
      inputs: widths[0],
      layers: widths.slice(1).map((units) => dense(units, { kernelInitializer })),
      seed: 4,
    });
    network.parameters().forEach((parameters, l) => {
      const weights = Array.from(parameters.weights!);
      const n = weights.length;
      const mean = weights.reduce((sum, w) => sum + w, 0) / n;
      const variance = weights.reduce((sum, w) => sum + w * w, 0) / n;
      const expected = σ ** 2 / widths[l];
      // Five standard deviations of the mean, √(σ²/n), and of the variance, σ²·√(2/n).
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(expected / n));
      expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    });
  });

  it('r-way classification: r outputs, δ = f − y', async () => {
    const r = 3;
    const classes = [2, 0, 1];
    const network = create({ inputs: 4, layers: [dense(r, { activation: 'softmax' })], seed: 6 });
    const [{ W, b = [] }] = layersOf(network, ['identity']);
    const Z = forward(x, [{ W, b, φ: 'identity' }]).Z[0];
    const f = Z.map((z) => {
      const exponentials = z.map((value) => Math.exp(value));
      const total = exponentials.reduce((sum, value) => sum + value, 0);
      return exponentials.map((value) => value / total);
    });
    const y = classes.map((label) => [0, 1, 2].map((k) => Number(k === label)));
    const δ = combine(f, y, (probability, target) => (probability - target) / x.length);
    const { dW } = backward([{ W, b, φ: 'identity' }], forward(x, [{ W, b, φ: 'identity' }]), δ);
    const loss = 'crossEntropy' as const;
    for (const labels of [classes, y]) {
      const { layers, loss: value } = network.gradients({ x, y: labels }, { loss });
      expectWithin(dtype, 60, 4, layers[0].weights, dW[0].flat());
      const entropy = -classes.reduce((sum, label, i) => sum + Math.log(f[i][label]), 0) / x.length;
      expectWithin(dtype, 60, 4, [value], [entropy]);
    }
    const options = { loss, optimizer: sgd({ learningRate: 1 }), epochs: 300, batchSize: 'full' } as const;
    await network.fit({ x, y: classes }, options);
    const { accuracy } = await network.evaluate({ x, y: classes }, { metrics: ['accuracy'] });
    expect(accuracy).toBe(1);
  });

  it('shows the size of each layer’s gradient: it vanishes where |φ′| is small, and explodes where it is large', async () => {
    const depth = 8;
    const norms = async (activation: 'sigmoid' | 'identity', sigma: number) => {
      const kernelInitializer = fanInNormal({ sigma });
      const hidden: LayerSpec[] = Array.from({ length: depth }, () => dense(32, { activation, kernelInitializer }));
      const network = create({ inputs: 4, layers: [...hidden, dense(1, { kernelInitializer })], seed: 1 });
      const data = { x, y: [1, -1, 0.5] };
      const loss = squaredError({ half: true, reduction: 'sum' });
      const { layers } = network.gradients(data, { loss });
      const { epochs } = await network.fit(data, {
        loss,
        optimizer: sgd({ learningRate: 1e-6 }),
        batchSize: 'full',
        gradientNorms: true,
      });
      const reported = epochs[0].gradientNorms!;
      const wanted = layers.map(({ weights, bias }) => Math.hypot(...weights!, ...bias!));
      expect(reported).toHaveLength(depth + 1);
      // A square, a sum and a root of at most 32 · 33 elements, each carrying the pass's roundings.
      reported.forEach((norm, l) => {
        expectWithin(dtype, 40 * (depth + 1) + 32 * 33, wanted[l], [norm], [wanted[l]]);
      });
      return reported;
    };
    // σ′ ≤ ¼: each layer of weights around 1/√32 takes away more than half on the way back.
    const vanishing = await norms('sigmoid', 1);
    for (let l = 1; l < depth; l++) expect(vanishing[l - 1]).toBeLessThan(vanishing[l] / 2);
    // φ′ = 1 and weights of variance 9/m: each layer triples what passes, forward and back; with all as large as that, the
    // gradient of every layer is larger by 3^depth than with σ = 1.
    const [steady, exploding] = [await norms('identity', 1), await norms('identity', 3)];
    for (let l = 0; l <= depth; l++) expect(exploding[l]).toBeGreaterThan(3 ** (depth - 1) * steady[l]);
  });
});
