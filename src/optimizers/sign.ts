import { setting } from '../registry.js';
import { fraction, nonNegative, number, positive } from '../validate.js';
import { direct, learningRate, weightDecay } from './optimizer.js';

/**
 * Lion (Chen et al. 2023): w ← w − η·(sign(β₁m + (1 − β₁)g) + weightDecay·w), then m ← β₂m + (1 − β₂)g, g being the gradient alone.
 * Defaults: learningRate 1e-4, beta1 0.9, beta2 0.99, weightDecay 0. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const lion = direct(
  {
    learningRate: learningRate(1e-4),
    beta1: setting(0.9, fraction),
    beta2: setting(0.99, fraction),
    weightDecay,
  },
  {
    name: 'lion',
    parameters: ['beta1', 'beta2', 'weightDecay'],
    slots: 1,
    prepare: (_, learningRate, parameters) => [learningRate, ...parameters],
    update(weights, gradient, [means], [learningRate, beta1, beta2, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const direction = Math.sign(beta1 * means[i] + (1 - beta1) * gradient[i]);
        weights[i] = weight - learningRate * (direction + weightDecay * weight);
        means[i] = beta2 * means[i] + (1 - beta2) * gradient[i];
      }
    },
  },
);

/**
 * Rprop (Riedmiller & Braun 1993), as PyTorch's, for full batches: w ← w − stepSize·sign(g), with a step size per weight, η at first, that
 * grows by etaPlus where the gradient's sign stays and shrinks by etaMinus where it changes; after a change the gradient counts as 0.
 * Defaults: learningRate 0.01, etaMinus 0.5, etaPlus 1.2, minimumStep 1e-6, maximumStep 50. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const rprop = direct(
  {
    learningRate: learningRate(0.01),
    etaMinus: setting(0.5, (value, name) => number(value, name, 'a number in (0, 1)', (v) => v > 0 && v < 1)),
    etaPlus: setting(1.2, (value, name) => number(value, name, 'a number > 1', (v) => v > 1)),
    minimumStep: setting(1e-6, nonNegative),
    maximumStep: setting(50, positive),
  },
  {
    name: 'rprop',
    parameters: ['etaMinus', 'etaPlus', 'minimumStep', 'maximumStep'],
    slots: 2,
    prepare: (step, learningRate, parameters) => [step === 0 ? learningRate : 0, ...parameters],
    update(weights, gradient, [previous, stepSizes], [start, etaMinus, etaPlus, minimumStep, maximumStep]) {
      for (let i = 0; i < weights.length; i++) {
        const agreement = Math.sign(gradient[i] * previous[i]);
        const factor = agreement > 0 ? etaPlus : agreement < 0 ? etaMinus : 1;
        const stepSize = Math.min(Math.max((stepSizes[i] + start) * factor, minimumStep), maximumStep);
        const kept = agreement < 0 ? 0 : gradient[i];
        stepSizes[i] = stepSize;
        previous[i] = kept;
        weights[i] -= stepSize * Math.sign(kept);
      }
    },
  },
  true,
);
