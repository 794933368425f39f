import { setting } from '../registry.js';
import { boolean, finite, invalid, nonNegative } from '../validate.js';
import { learningRate, type OptimizerKernel, optimizer, weightDecay } from './optimizer.js';

/** w ← w − η·g */
const sgdKernel: OptimizerKernel = {
  name: 'sgd',
  parameters: ['weightDecay'],
  slots: 0,
  prepare: (_, learningRate, [weightDecay]) => [learningRate, weightDecay],
  update(weights, gradient, _, [learningRate, weightDecay]) {
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i];
      weights[i] = weight - learningRate * (gradient[i] + weightDecay * weight);
    }
  },
};

/** b ← momentum·b + (1 − dampening)·g, w ← w − η·b; with nesterov w ← w − η·(g + momentum·b). */
const momentumKernel: OptimizerKernel = {
  name: 'momentum',
  parameters: ['momentum', 'dampening', 'nesterov', 'weightDecay'],
  slots: 1,
  prepare(step, learningRate, [momentum, dampening, nesterov, weightDecay]) {
    // The first gradient is the buffer, undampened, as in PyTorch.
    return [learningRate, momentum, step === 0 ? 1 : 1 - dampening, nesterov, weightDecay];
  },
  update(weights, gradient, [buffers], [learningRate, momentum, share, nesterov, weightDecay]) {
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i];
      const decayed = gradient[i] + weightDecay * weight;
      const buffer = momentum * buffers[i] + share * decayed;
      buffers[i] = buffer;
      weights[i] = weight - learningRate * (nesterov !== 0 ? decayed + momentum * buffer : buffer);
    }
  },
};

/**
 * Gradient descent, as PyTorch's SGD: w ← w − η·g, or with a momentum b ← momentum·b + (1 − dampening)·g, b being the first g at first,
 * and w ← w − η·b, with `nesterov` w ← w − η·(g + momentum·b).
 * Defaults: learningRate 1e-3, momentum 0, dampening 0, nesterov false, weightDecay 0. Throws `INVALID_ARGUMENT`, also for `nesterov`
 * without momentum or with dampening.
 * @function
 */
export const sgd = optimizer('sgd', {
  settings: {
    learningRate: learningRate(1e-3),
    momentum: setting(0, nonNegative),
    dampening: setting(0, finite),
    nesterov: setting(false, boolean),
    weightDecay,
  },
  fullBatch: false,
  kernels: [sgdKernel, momentumKernel],
  plan({ momentum, dampening, nesterov, weightDecay }) {
    if (nesterov && !(momentum > 0 && dampening === 0)) {
      throw invalid('false unless momentum > 0 and dampening is 0', 'optimizer.nesterov', nesterov);
    }
    return momentum === 0
      ? { kernel: sgdKernel, parameters: [weightDecay] }
      : { kernel: momentumKernel, parameters: [momentum, dampening, Number(nesterov), weightDecay] };
  },
});
