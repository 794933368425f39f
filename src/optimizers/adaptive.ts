import { setting } from '../registry.js';
import { boolean, nonNegative, share } from '../validate.js';
import { direct, learningRate, weightDecay } from './optimizer.js';

/**
 * RMSprop (Tieleman & Hinton 2012), `centered` as in Graves 2013, as PyTorch's: v ← ρv + (1 − ρ)g², a ← ρa + (1 − ρ)g if centered, else 0;
 * b ← momentum·b + g / (√(v − a²) + ε), w ← w − η·b.
 * Defaults: learningRate 0.01, rho 0.99, epsilon 1e-8, momentum 0, centered false, weightDecay 0. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const rmsprop = direct(
  {
    learningRate: learningRate(0.01),
    rho: setting(0.99, share),
    epsilon: setting(1e-8, nonNegative),
    momentum: setting(0, nonNegative),
    centered: setting(false, boolean),
    weightDecay,
  },
  {
    name: 'rmsprop',
    parameters: ['rho', 'epsilon', 'momentum', 'centered', 'weightDecay'],
    slots: 3,
    prepare: (_, learningRate, [rho, epsilon, momentum, centered, weightDecay]) => [
      learningRate,
      rho,
      epsilon,
      momentum,
      centered === 0 ? 0 : 1 - rho,
      weightDecay,
    ],
    update(weights, gradient, slots, [learningRate, rho, epsilon, momentum, meanShare, weightDecay]) {
      const [squares, buffers, means] = slots;
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const square = rho * squares[i] + (1 - rho) * decayed * decayed;
        const mean = means[i] + meanShare * (decayed - means[i]);
        // Rounding may bring the variance below 0 where the gradient hardly changes.
        const change = decayed / (Math.sqrt(Math.max(square - mean * mean, 0)) + epsilon);
        const buffer = momentum * buffers[i] + change;
        squares[i] = square;
        means[i] = mean;
        buffers[i] = buffer;
        weights[i] = weight - learningRate * buffer;
      }
    },
  },
);

/**
 * Adagrad (Duchi, Hazan & Singer 2011), as PyTorch's: s ← s + g², w ← w − η/(1 + (t − 1)·learningRateDecay)·g / (√s + ε); s starts at
 * initialAccumulator.
 * Defaults: learningRate 0.01, epsilon 1e-10, weightDecay 0, learningRateDecay 0, initialAccumulator 0. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const adagrad = direct(
  {
    learningRate: learningRate(0.01),
    epsilon: setting(1e-10, nonNegative),
    weightDecay,
    learningRateDecay: setting(0, nonNegative),
    initialAccumulator: setting(0, nonNegative),
  },
  {
    name: 'adagrad',
    parameters: ['epsilon', 'weightDecay', 'learningRateDecay', 'initialAccumulator'],
    slots: 1,
    prepare: (step, learningRate, [epsilon, weightDecay, learningRateDecay, initialAccumulator]) => [
      learningRate / (1 + step * learningRateDecay),
      epsilon,
      weightDecay,
      step === 0 ? initialAccumulator : 0,
    ],
    update(weights, gradient, [sums], [stepSize, epsilon, weightDecay, start]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const sum = sums[i] + start + decayed * decayed;
        sums[i] = sum;
        weights[i] = weight - (stepSize * decayed) / (Math.sqrt(sum) + epsilon);
      }
    },
  },
);

/**
 * Adadelta (Zeiler 2012), as PyTorch's: v ← ρv + (1 − ρ)g², d = √(u + ε) / √(v + ε)·g, u ← ρu + (1 − ρ)d², w ← w − η·d.
 * Defaults: learningRate 1, rho 0.9, epsilon 1e-6, weightDecay 0. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const adadelta = direct(
  {
    learningRate: learningRate(1),
    rho: setting(0.9, share),
    epsilon: setting(1e-6, nonNegative),
    weightDecay,
  },
  {
    name: 'adadelta',
    parameters: ['rho', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare: (_, learningRate, parameters) => [learningRate, ...parameters],
    update(weights, gradient, [squares, changes], [learningRate, rho, epsilon, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const square = rho * squares[i] + (1 - rho) * decayed * decayed;
        const change = (Math.sqrt(changes[i] + epsilon) / Math.sqrt(square + epsilon)) * decayed;
        squares[i] = square;
        changes[i] = rho * changes[i] + (1 - rho) * change * change;
        weights[i] = weight - learningRate * change;
      }
    },
  },
);
