import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/backend/backend.js';
import { dense, sgd, squaredError } from '../../src/index.js';
import { backends, createNetwork } from '../support/api.js';

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
