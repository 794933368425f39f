import { expect, it } from 'vitest';
import { xor } from '../../src/data/index.js';
import { dense, type FitOptions, type History, sgd, squaredError } from '../../src/index.js';
import { RandomGenerator } from '../../src/random.js';
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

/**
 * Backpropagation: hard-threshold units and the perceptron rule w_j += x_ij·y_i; sigmoid and tanh units, D_out = f′(v·h)(y − ŷ),
 * D_k = f′(w_k·x) Σ v_k D_out, w += η·input·D; online and batch learning.
 */
describeLecture('Backpropagation', (create, dtype) => {
  const unit = (inputs: number) =>
    create({ inputs, layers: [dense(1, { activation: 'step', kernelInitializer: 'zeros' })] });
  const rule: FitOptions = {
    loss: 'perceptron',
    optimizer: sgd({ learningRate: 1 }),
    batchSize: 1,
    metrics: ['zeroOne'],
  };
  /** An epoch without a mistake: no weight changes ever after. */
  const converged = ({ epochs }: History): boolean => epochs.at(-1)?.zeroOne === 0;

  it('a unit fires where in > −b', () => {
    const network = unit(2);
    network.setParameters([{ weights: [1, 2], bias: [-2] }]);
    const x = [
      [0, 1],
      [0, 1.25],
      [2, 0.25],
      [-4, 2],
    ];
    expect([...network.predictSync(x).data]).toEqual([0, 1, 1, 0]);
  });

  it('the perceptron rule: w += x·y on a mistake, and nothing else', async () => {
    const x = [
      [2, -1],
      [-1, 3],
      [1, 1],
      [-2, -2],
      [0, 1],
    ];
    const y = [1, -1, 1, -1, -1];
    const w = [0, 0];
    let b = 0;
    const network = unit(2);
    for (let epoch = 0; epoch < 4; epoch++) {
      let mistakes = 0;
      x.forEach((row, i) => {
        if (y[i] * (w[0] * row[0] + w[1] * row[1] + b) > 0) return;
        mistakes++;
        row.forEach((value, j) => {
          w[j] += value * y[i];
        });
        b += y[i];
      });
      const { epochs } = await network.fit({ x, y }, { ...rule, shuffle: false });
      // Integers: the same to the last bit.
      const [{ weights, bias }] = network.parameters();
      expect([...weights!, ...bias!]).toEqual([...w, b]);
      if (mistakes === 0) expect(epochs[0].zeroOne).toBe(0);
    }
  });

  it('the perceptron rule converges on linearly separable sets, within the bound on its mistakes', async () => {
    for (const inputs of [2, 3, 5]) {
      const random = new RandomGenerator(inputs);
      const teacher = Array.from({ length: inputs + 1 }, () => random.normal());
      const length = Math.hypot(...teacher);
      const margin = 0.1;
      const x: number[][] = [];
      const y: number[] = [];
      while (x.length < 60) {
        const row = Array.from({ length: inputs }, () => Math.fround(2 * random.uniform() - 1));
        const distance = row.reduce((sum, value, j) => sum + teacher[j] * value, teacher[inputs]) / length;
        if (Math.abs(distance) < margin) continue;
        x.push(row);
        y.push(Math.sign(distance));
      }
      // Novikoff 1962: at most (R/γ)² mistakes, R² ≤ inputs + 1 with the bias's input of 1; an epoch not yet the last has one.
      const bound = Math.ceil((inputs + 1) / margin ** 2);
      const network = unit(inputs);
      const history = await network.fit({ x, y }, { ...rule, epochs: bound + 1 });
      expect(converged(history)).toBe(true);
      const mistakes = history.epochs.reduce((sum, epoch) => sum + (epoch.zeroOne ?? 0) * x.length, 0);
      expect(Math.round(mistakes)).toBeLessThanOrEqual(bound);
      const judged = await network.evaluate({ x, y }, { loss: 'perceptron', metrics: ['zeroOne', 'accuracy'] });
      expect(judged).toEqual({ loss: 0, zeroOne: 0, accuracy: 1 });
    }
  });

  it('the perceptron rule does not converge on XOR, and says so', async () => {
    const { x, y } = xor();
    const signs = Float32Array.from(y.data, (label) => 2 * label - 1);
    for (const shuffle of [true, false]) {
      const network = unit(2);
      const history = await network.fit({ x, y: signs }, { ...rule, epochs: 500, shuffle });
      expect(history.stoppedBy).toBe('epochs');
      expect(converged(history)).toBe(false);
      for (const { zeroOne } of history.epochs) expect(zeroOne).toBeGreaterThan(0);
    }
  });

  // m features, d hidden nodes, several output nodes.
  const X = [
    [1, 0.5, -0.25],
    [-0.5, 1, 1],
    [0.25, -1, 0.5],
    [-1, -0.5, 0.75],
  ];
  const Y = [
    [1, 0],
    [0, 1],
    [0.5, 0.5],
    [0, 0],
  ];
  const n = X.length;
  const half = squaredError({ half: true });

  /** One step of the lecture's: the sum of input·D over the examples, times η, divided by their number. */
  function learn(layers: readonly Layer[], rows: number[][], targets: number[][], η: number): Layer[] {
    const pass = forward(rows, layers);
    const last = layers.length - 1;
    const error = combine(targets, pass.A[layers.length], (target, ŷ) => target - ŷ);
    const D = combine(error, pass.Z[last], (e, z) => e * slope[layers[last].φ](z));
    const { dW, db } = backward(layers, pass, D);
    return layers.map((layer, l) => ({
      ...layer,
      W: combine(layer.W, dW[l], (w, step) => w + (η * step) / rows.length),
      b: layer.b?.map((value, j) => value + (η * db[l][j]) / rows.length),
    }));
  }

  it.each(['sigmoid', 'tanh'] as const)('%s units, several outputs, online and batch learning', async (hidden) => {
    const η = 0.5;
    const names: Layer['φ'][] = [hidden, 'sigmoid'];
    const make = () =>
      create({ inputs: 3, layers: [dense(4, { activation: hidden }), dense(2, { activation: 'sigmoid' })], seed: 9 });
    const epochs = 6;
    const [online, batch, accumulated] = [make(), make(), make()];
    let [byOne, byAll] = [layersOf(online, names), layersOf(batch, names)];
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (let i = 0; i < n; i++) byOne = learn(byOne, [X[i]], [Y[i]], η);
      byAll = learn(byAll, X, Y, η);
    }
    const options = { loss: half, optimizer: sgd({ learningRate: η }), epochs, shuffle: false } as const;
    const data = { x: X, y: Y };
    await online.fit(data, { ...options, batchSize: 1 });
    await batch.fit(data, { ...options, batchSize: 'full' });
    // Weight accumulators, one example after the other, divided by the number of examples.
    await accumulated.fit(data, { ...options, batchSize: 1, accumulate: n });
    // Each update: some fifty roundings of sums below 4.
    const check = (network: typeof online, layers: Layer[], updates: number) =>
      network.parameters().forEach(({ weights, bias }, l) => {
        expectWithin(dtype, 50 * updates, 4, weights, layers[l].W.flat());
        expectWithin(dtype, 50 * updates, 4, bias, layers[l].b!);
      });
    check(online, byOne, epochs * n);
    check(batch, byAll, epochs);
    check(accumulated, byAll, epochs);
  });

  it('online learning takes the examples in another order each epoch', async () => {
    const orders = new Set<string>();
    for (let epoch = 0; epoch < 6; epoch++) {
      const losses: number[] = [];
      const network = create({ inputs: 3, layers: [dense(2)], seed: 9 });
      // A learning rate of 0 leaves the weights, so that a loss tells the example.
      await network.fit(
        { x: X, y: Y },
        {
          ...{ loss: half, optimizer: sgd({ learningRate: 0 }), batchSize: 1, initialEpoch: epoch },
          onBatch: ({ loss }) => losses.push(loss),
        },
      );
      expect(new Set(losses).size).toBe(n);
      orders.add(losses.join());
    }
    // Six draws of 24 orders: all alike once in 24⁵ seeds.
    expect(orders.size).toBeGreaterThan(1);
  });

  it.each([
    ['online', { batchSize: 1, epochs: 2000, optimizer: sgd({ learningRate: 0.2 }) }],
    ['batch', { batchSize: 'full', epochs: 5000, optimizer: sgd({ learningRate: 2 }) }],
  ] as const)('XOR is learned by one hidden layer, %s: 4 of 4 from at least 19 of 20 seeds', async (_, options) => {
    const data = xor();
    let learned = 0;
    for (let seed = 0; seed < 20; seed++) {
      const network = create({
        inputs: 2,
        layers: [dense(4, { activation: 'tanh' }), dense(1, { activation: 'sigmoid' })],
        seed,
      });
      await network.fit(data, { loss: half, ...options });
      const { accuracy } = await network.evaluate(data, { metrics: ['accuracy'] });
      if (accuracy === 1) learned++;
      network.dispose();
    }
    expect(learned).toBeGreaterThanOrEqual(19);
  });
});
