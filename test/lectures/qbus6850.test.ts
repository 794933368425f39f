import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/backend/backend.js';
import { standardize } from '../../src/data/index.js';
import { binaryCrossEntropy, dense, l2, search, sgd, squaredError } from '../../src/index.js';
import { backends, createNetwork } from '../support/api.js';
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
 * QBUS6850, Lectures 4 and 5: the three-row expense example, 2-3-1 without biases, sigmoid in both layers, loss
 * ½ Σ (f − t)², trained by full-batch gradient descent with learning rate 3.
 */
const x = [
  [1, 0.875],
  [0.25, 1],
  [0.75, 0.25],
];
const t = [1, 0.4, 0.6];
const firstWeights = [
  [1.764052345967664, 0.4001572083672233, 0.9787379841057392],
  [2.2408931992014578, 1.8675579901499675, -0.977277879876411],
];
const secondWeights = [0.9500884175255894, -0.1513572082976979, -0.10321885179355784];
const loss = squaredError({ half: true, reduction: 'sum' });

/** As printed in Lecture 5 after 5000 iterations, to eight decimals. */
const printed = [
  [5.16731003, -3.53264626, 6.55122938, 3.68593837, 6.68709015, -3.87191772],
  [-7.28588035, 6.26743831, 6.03562133],
];

/** Computed with NumPy from the same set-up, to twelve decimals. */
const start = {
  loss: 0.0912855477048306,
  outputs: [0.676791746906, 0.673252895691, 0.658654714543],
  firstGradient: [0.000388078887, 0.000525515801, 0.001236854156, 0.002431044962, -0.00012943, 0.000149772339],
  secondGradient: [-0.001327782314, -0.00077963979, -0.009841945466],
};

/** Half a digit of what is printed, and in float32 the figure the design gives: 5000 updates of rounding errors. */
const trainedTolerance: Record<Dtype, number> = { float64: 6e-9, float32: 5e-5 };
/**
 * One pass: half a unit of the twelfth decimal, and in float32 some thirty roundings, each of half an ε of a value below
 * 4, on the way to a result (at most 3 products a sum, two layers, forward and back).
 */
const passTolerance: Record<Dtype, number> = { float64: 6e-13, float32: 30 * 4 * 2 ** -24 };

describe.each(backends)('QBUS6850, lecture 4 and 5, on %s', (_, backend) => {
  describe.each<Dtype>(['float64', 'float32'])('%s', (dtype) => {
    const create = () =>
      createNetwork(backend, {
        inputs: 2,
        layers: [
          dense(3, { activation: 'sigmoid', bias: false, kernelInitializer: firstWeights }),
          dense(1, { activation: 'sigmoid', bias: false, kernelInitializer: secondWeights }),
        ],
        dtype,
      });

    function expectClose(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number): void {
      expect(actual.length).toBe(wanted.length);
      for (let i = 0; i < wanted.length; i++) expect(Math.abs(actual[i] - wanted[i])).toBeLessThanOrEqual(tolerance);
    }

    it('gives the outputs, the loss and the gradients of iteration 0', () => {
      const network = create();
      const { loss: value, layers } = network.gradients({ x, y: t }, { loss });
      expectClose([value], [start.loss], passTolerance[dtype]);
      expectClose(network.predictSync(x).data, start.outputs, passTolerance[dtype]);
      expectClose(layers[0].weights!, start.firstGradient, passTolerance[dtype]);
      expectClose(layers[1].weights!, start.secondGradient, passTolerance[dtype]);
      expect(layers.map(({ bias }) => bias)).toEqual([undefined, undefined]);
    });

    it('reaches the printed weights after 5000 iterations', async () => {
      const network = create();
      const options = { loss, optimizer: sgd({ learningRate: 3 }), batchSize: 'full', epochs: 5000 } as const;
      const history = await network.fit({ x, y: t }, options);
      expect(history.epochs).toHaveLength(5000);
      expectClose([history.epochs[0].loss], [start.loss], passTolerance[dtype]);
      const trained = network.parameters().map(({ weights }) => weights!);
      trained.forEach((weights, layer) => {
        expectClose(weights, printed[layer], trainedTolerance[dtype]);
      });
      // That the tolerance means something: one iteration more misses it.
      await network.fit({ x, y: t }, { ...options, epochs: 1 });
      const after = network.parameters().map(({ weights }) => weights!);
      const moved = Math.max(...after[1].map((weight, i) => Math.abs(weight - printed[1][i])));
      expect(moved).toBeGreaterThan(trainedTolerance[dtype]);
    });
  });
});

describeLecture('QBUS6850, lecture 4, the matrix form', (create, dtype, backend) => {
  const X = [
    [1, 0.875],
    [0.25, 1],
    [0.5, 0.45],
    [0.75, 0.25],
  ];
  const expense = [1, 0.4, 0.5, 0.6];
  const N = X.length;
  const column = (values: readonly number[]) => values.map((value) => [value]);
  const names: Layer['φ'][] = ['sigmoid', 'tanh', 'identity'];
  const make = (output: Layer['φ'], seed: number, λ = 0) => {
    const regularizer = λ > 0 ? l2(λ) : undefined;
    return create({
      inputs: 2,
      layers: [
        dense(3, { activation: 'sigmoid', biasInitializer: 'glorotUniform', regularizer }),
        dense(4, { activation: 'tanh', biasInitializer: 'glorotUniform', regularizer }),
        dense(1, { activation: output, biasInitializer: 'glorotUniform', regularizer }),
      ],
      seed,
    });
  };

  it('regression: identity output, 1/(2N) Σ (f − t)² and the same without 1/N, biases as rows', () => {
    const network = make('identity', 2);
    const layers = layersOf(network, names);
    const pass = forward(X, layers);
    const error = combine(pass.A[3], column(expense), (f, t) => f - t);
    for (const [reduction, scale] of [
      ['mean', 1 / N],
      ['sum', 1],
    ] as const) {
      const δ = combine(error, pass.Z[2], (e, z) => scale * e * slope.identity(z));
      const wanted = backward(layers, pass, δ);
      const actual = network.gradients({ x: X, y: expense }, { loss: squaredError({ half: true, reduction }) });
      const L = (scale * error.flat().reduce((sum, e) => sum + e * e, 0)) / 2;
      // Three layers of some forty roundings each, of sums below 4.
      expectWithin(dtype, 120, 4, [actual.loss], [L]);
      actual.layers.forEach(({ weights, bias }, l) => {
        expectWithin(dtype, 120, 4, weights, wanted.dW[l].flat());
        expectWithin(dtype, 120, 4, bias, wanted.db[l]);
      });
    }
  });

  it('binary classification: the summed cross entropy, whose δ is f − t however sure the network is', () => {
    const t = [1, 0, 0, 1];
    const network = make('sigmoid', 3);
    const layers = layersOf(network, ['sigmoid', 'tanh', 'sigmoid']);
    const loss = binaryCrossEntropy({ reduction: 'sum' });
    const pass = forward(X, layers);
    const f = pass.A[3].flat();
    const L = -f.reduce((sum, p, i) => sum + t[i] * Math.log(p) + (1 - t[i]) * Math.log(1 - p), 0);
    const wanted = backward(
      layers,
      pass,
      combine(pass.A[3], column(t), (p, target) => p - target),
    );
    const actual = network.gradients({ x: X, y: t }, { loss });
    expectWithin(dtype, 120, 4, [actual.loss], [L]);
    actual.layers.forEach(({ weights, bias }, l) => {
      expectWithin(dtype, 120, 4, weights, wanted.dW[l].flat());
      expectWithin(dtype, 120, 4, bias, wanted.db[l]);
    });
    // f(1 − f) is 0 here: dividing by it would give NaN.
    const sure = create({ inputs: 1, layers: [dense(1, { activation: 'sigmoid', kernelInitializer: [[1000]] })] });
    const { loss: wrong, layers: gradients } = sure.gradients({ x: [[1], [-1]], y: [0, 0] }, { loss });
    expect(wrong).toBe(1000);
    expect([...gradients[0].weights!, ...gradients[0].bias!]).toEqual([1, 1]);
  });

  it('regularisation: λ‖W‖² per layer, not for the biases', () => {
    const λ = 0.125;
    const loss = squaredError({ half: true });
    const [plain, penalized] = [make('identity', 2), make('identity', 2, λ)].map((network) =>
      network.gradients({ x: X, y: expense }, { loss }),
    );
    const W = make('identity', 2)
      .parameters()
      .map(({ weights }) => Array.from(weights!));
    const squares = W.flat().reduce((sum, w) => sum + w * w, 0);
    expectWithin(dtype, 60, 8, [penalized.loss], [plain.loss + λ * squares]);
    W.forEach((weights, l) => {
      const wanted = weights.map((w, i) => plain.layers[l].weights![i] + 2 * λ * w);
      expectWithin(dtype, 10, 4, penalized.layers[l].weights, wanted);
      expect(penalized.layers[l].bias).toEqual(plain.layers[l].bias);
    });
  });

  it('chooses the number of hidden layers and units by rows held out', async () => {
    // A ring around a disc: no line parts them, a hidden layer does.
    const points = Array.from({ length: 80 }, (_, i) => {
      const radius = i % 2 === 0 ? 0.5 : 1.5;
      return [radius * Math.cos(2.4 * i), radius * Math.sin(2.4 * i)];
    });
    const data = { x: standardize(points), y: points.map((_, i) => i % 2) };
    const hidden = (units: number[]) => [
      ...units.map((count) => dense(count, { activation: 'tanh' })),
      dense(1, { activation: 'sigmoid' }),
    ];
    const configurations = [[], [1], [8], [8, 4]];
    const before = process.env.CHAINRULE_ISA;
    if (backend.name === 'native') process.env.CHAINRULE_ISA = backend.isa;
    try {
      const { best, trials, network } = await search(
        { inputs: 2, dtype, backend: backend.name, seed: 1 },
        data,
        {
          loss: 'binaryCrossEntropy',
          optimizer: sgd({ learningRate: 0.5 }),
          batchSize: 8,
          epochs: 150,
          metrics: ['accuracy'],
        },
        { network: { layers: configurations.map(hidden) }, folds: 4, monitor: 'accuracy' },
      );
      expect(network.backend.isa).toBe(backend.isa);
      expect(trials).toHaveLength(4);
      // A line, and a single unit, can do little better than half; eight units see the ring.
      expect(Math.max(trials[0].score, trials[1].score)).toBeLessThan(0.8);
      expect(Math.max(trials[2].score, trials[3].score)).toBe(1);
      expect([2, 3]).toContain(trials.indexOf(best));
      expect((await network.evaluate(data, { metrics: ['accuracy'] })).accuracy).toBe(1);
      network.dispose();
    } finally {
      if (before === undefined) delete process.env.CHAINRULE_ISA;
      else process.env.CHAINRULE_ISA = before;
    }
  });
});
