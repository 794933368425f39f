import { describe, expect, it } from 'vitest';
import { dense, lbfgs, type Network, sgd } from '../src/index.js';
import { allParameters, backends, createNetwork, expectError } from './support/api.js';

describe.each(backends)('numbers that are not finite on %s', (_, backend) => {
  /** Dense layers of one unit with these weights and biases. */
  const chain = (weights: readonly number[], biases = weights.map(() => 0)): Network => {
    const layers = weights.map(() => dense(1));
    const network = createNetwork(backend, { inputs: 1, layers, dtype: 'float64', threads: 1 });
    network.setParameters(weights.map((weight, i) => ({ weights: [weight], bias: [biases[i]] })));
    return network;
  };
  const still = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 0 }) } as const;
  /** 1e200 · 1e200 is not finite. */
  const overflowing = [1e200, 1e200, 1];
  const expectUnchanged = async (network: Network, run: () => unknown, message: RegExp): Promise<void> => {
    const before = allParameters(network);
    await expectError(run, 'NOT_FINITE', message);
    expect(allParameters(network)).toEqual(before);
  };

  describe('end a fit', () => {
    it.each([false, true])('whose outputs they are; epochs watched: %s', async (watched) => {
      const network = chain(overflowing);
      const options = { ...still, batchSize: 2, shuffle: false, initialEpoch: 7, epochs: 3 };
      const data = { x: [0, 0, 0, 0, 0, 1, 0, 0], y: new Float64Array(8) };
      const history = await network.fit(data, { ...options, ...(watched && { onEpoch: () => undefined }) });
      expect([history.stoppedBy, history.epochs.length]).toEqual(['notFinite', 0]);
      expect(history.error).toMatchObject({
        code: 'NOT_FINITE',
        message: 'expected finite outputs for layer 1, epoch 7, batch 2, got a loss of Infinity',
      });
    });

    it('where the loss alone is one', async () => {
      // Each update multiplies f by 1 − 2·10⁶: the square of (2·10⁶)²⁵ is the first beyond 1.8·10³⁰⁸.
      const network = chain([1]);
      const diverging = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 5e5 }), epochs: 100 } as const;
      const { error, epochs } = await network.fit({ x: [1], y: [0] }, diverging);
      expect(error?.message).toBe('expected a finite loss for layer 0, epoch 25, batch 0, got Infinity');
      expect(epochs).toHaveLength(25);
      expect(allParameters(network).every(Number.isFinite)).toBe(true);
    });

    it('whose last update made them', async () => {
      const options = { loss: 'meanSquaredError', optimizer: sgd({ learningRate: 1e308 }) } as const;
      const data = { x: [0, 1], y: [0, 0] };
      const ended = await chain([1]).fit(data, { ...options, batchSize: 1, shuffle: false });
      expect([ended.stoppedBy, ended.epochs.length]).toEqual(['notFinite', 1]);
      const ofLast = 'expected finite parameters for layer 0, epoch 0, batch 1, got others after its update';
      expect(ended.error?.message).toBe(ofLast);
      const longer = await chain([1]).fit(data, { ...options, batchSize: 1, shuffle: false, epochs: 2 });
      expect([longer.stoppedBy, longer.epochs.length]).toEqual(['notFinite', 1]);
      expect(longer.error?.message).toMatch(
        /^expected finite parameters for layer 0, epoch 1, batch 0, got a loss of /,
      );
    });

    it('and no other', async () => {
      const history = await chain([1]).fit({ x: [1], y: [0] }, { ...still, epochs: 2 });
      expect(history.stoppedBy).toBe('epochs');
      expect(history).not.toHaveProperty('error');
    });
  });

  it('are refused by trainOnBatch, which counts updates since the last whole epoch', async () => {
    const network = chain(overflowing);
    const [good, bad] = [0, 1].map((x) => ({ x: [0, x], y: [0, 0] }));
    const train = (): number => network.trainOnBatch(bad, still);
    await expectUnchanged(network, train, /finite outputs for layer 1, epoch 0, batch 0, got a loss of Infinity$/);
    for (let i = 0; i < 3; i++) expect(network.trainOnBatch(good, still)).toBe(0);
    await expectUnchanged(network, train, /layer 1, epoch 0, batch 3,/);
    await network.fit(good, { ...still, epochs: 2, batchSize: 1 });
    await expectUnchanged(network, train, /layer 1, epoch 2, batch 0,/);
  });

  it('are refused by a step of L-BFGS, wherever on its way they come', async () => {
    const network = chain([1]);
    const options = { loss: 'meanSquaredError', optimizer: lbfgs({ learningRate: 1e300 }) } as const;
    const message = /layer 0, epoch 0, batch 0, got (a loss of )?one that is not$/;
    await expectUnchanged(network, () => network.trainOnBatch({ x: [1, 2], y: [0, 1] }, options), message);
  });

  describe('are refused by gradients', () => {
    it('where the loss is one, in whichever part of a large batch', async () => {
      const x = new Float64Array(5000);
      for (const row of [5, 1030, 4999]) {
        const network = chain(overflowing);
        const run = () => network.gradients({ x: x.with(row, 1), y: x }, { loss: 'meanSquaredError' });
        await expectUnchanged(network, run, /finite outputs for layer 1, epoch 0, batch 0, got a loss of Infinity$/);
      }
    });

    it('where a gradient is one, naming the layer at which it began', async () => {
      // ∂L/∂p = −t / p is beyond 1.8·10³⁰⁸, L = t·ln(t / p) is not.
      const network = chain([1, 3e-308]);
      const run = () => network.gradients({ x: [1], y: [100] }, { loss: 'klDivergence' });
      await expectUnchanged(network, run, /expected finite gradients for layer 1, epoch 0, batch 0, got others$/);
    });

    it('where ∂L/∂x alone has one', async () => {
      const network = chain([1e200], [1e150]);
      const run = () => network.gradients({ x: [0], y: [0] }, { loss: 'meanSquaredError' });
      await expectUnchanged(network, run, /expected finite gradients for layer 0, epoch 0, batch 0, got others$/);
    });
  });

  it('are refused by applyGradients', async () => {
    const network = chain([1, 1]);
    const pass = (x: number): void => {
      network.forward([x]);
      network.backward([1e200]);
    };
    pass(0);
    network.applyGradients({ optimizer: still.optimizer });
    pass(1e200);
    const apply = (): void => network.applyGradients({ optimizer: still.optimizer });
    await expectUnchanged(network, apply, /expected finite gradients for layer 1, epoch 0, batch 1, got others$/);
  });
});
