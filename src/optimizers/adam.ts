import { setting } from '../registry.js';
import { fraction, nonNegative } from '../validate.js';
import { direct, learningRate, weightDecay } from './optimizer.js';

/** Of adam and those made after it. */
const moments = {
  beta1: setting(0.9, fraction),
  beta2: setting(0.999, fraction),
  epsilon: setting(1e-8, nonNegative),
};

/**
 * Adam (Kingma & Ba 2015), as PyTorch's: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − η·m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ) and
 * v̂ = v/(1 − β₂ᵗ).
 * Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8, weightDecay 0. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const adam = direct(
  { learningRate: learningRate(1e-3), ...moments, weightDecay },
  {
    name: 'adam',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare: (step, learningRate, [beta1, beta2, epsilon, weightDecay]) => [
      learningRate / (1 - beta1 ** (step + 1)),
      Math.sqrt(1 - beta2 ** (step + 1)),
      beta1,
      beta2,
      epsilon,
      weightDecay,
    ],
    update(weights, gradient, [means, squares], [stepSize, rootCorrection, beta1, beta2, epsilon, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const square = beta2 * squares[i] + (1 - beta2) * decayed * decayed;
        means[i] = mean;
        squares[i] = square;
        weights[i] = weight - (stepSize * mean) / (Math.sqrt(square) / rootCorrection + epsilon);
      }
    },
  },
);

/**
 * Adam with the decay apart from the gradient (Loshchilov & Hutter 2019), as PyTorch's AdamW: w ← w − η·weightDecay·w, then `adam`
 * without decay.
 * Defaults: as `adam`, weightDecay 0.01. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const adamW = direct(
  { learningRate: learningRate(1e-3), ...moments, weightDecay: setting(0.01, nonNegative) },
  {
    name: 'adamW',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare: (step, learningRate, [beta1, beta2, epsilon, weightDecay]) => [
      learningRate / (1 - beta1 ** (step + 1)),
      Math.sqrt(1 - beta2 ** (step + 1)),
      beta1,
      beta2,
      epsilon,
      1 - learningRate * weightDecay,
    ],
    update(weights, gradient, [means, squares], [stepSize, rootCorrection, beta1, beta2, epsilon, kept]) {
      for (let i = 0; i < weights.length; i++) {
        const mean = beta1 * means[i] + (1 - beta1) * gradient[i];
        const square = beta2 * squares[i] + (1 - beta2) * gradient[i] * gradient[i];
        means[i] = mean;
        squares[i] = square;
        weights[i] = kept * weights[i] - (stepSize * mean) / (Math.sqrt(square) / rootCorrection + epsilon);
      }
    },
  },
);

/**
 * Adam with the largest v so far in place of v (Reddi, Kale & Kumar 2018), as PyTorch's Adam with `amsgrad`.
 * Defaults: as `adam`. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const amsgrad = direct(
  { learningRate: learningRate(1e-3), ...moments, weightDecay },
  {
    name: 'amsgrad',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 3,
    prepare: (step, learningRate, [beta1, beta2, epsilon, weightDecay]) => [
      learningRate / (1 - beta1 ** (step + 1)),
      Math.sqrt(1 - beta2 ** (step + 1)),
      beta1,
      beta2,
      epsilon,
      weightDecay,
    ],
    update(weights, gradient, slots, [stepSize, rootCorrection, beta1, beta2, epsilon, weightDecay]) {
      const [means, squares, largestSquares] = slots;
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const square = beta2 * squares[i] + (1 - beta2) * decayed * decayed;
        const largest = Math.max(largestSquares[i], square);
        means[i] = mean;
        squares[i] = square;
        largestSquares[i] = largest;
        weights[i] = weight - (stepSize * mean) / (Math.sqrt(largest) / rootCorrection + epsilon);
      }
    },
  },
);

/**
 * Adam with Nesterov momentum (Dozat 2016), as PyTorch's NAdam: m and v of `adam`, μₜ = β₁·(1 − ½·0.96^(t·momentumDecay)),
 * Πₜ = μ₁·…·μₜ, w ← w − η·((1 − μₜ)/(1 − Πₜ)·g + μₜ₊₁/(1 − Πₜ₊₁)·m) / (√v̂ + ε).
 * Defaults: as `adam`, learningRate 2e-3, momentumDecay 0.004. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const nadam = direct(
  {
    learningRate: learningRate(2e-3),
    ...moments,
    weightDecay,
    momentumDecay: setting(0.004, nonNegative),
  },
  {
    name: 'nadam',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay', 'momentumDecay'],
    slots: 2,
    prepare(step, learningRate, [beta1, beta2, epsilon, weightDecay, momentumDecay], state) {
      const momentumAt = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
      const momentum = momentumAt(step + 1);
      const next = momentumAt(step + 2);
      const product = (step === 0 ? 1 : state[0]) * momentum;
      state[0] = product;
      return [
        (learningRate * (1 - momentum)) / (1 - product),
        (learningRate * next) / (1 - product * next),
        Math.sqrt(1 - beta2 ** (step + 1)),
        beta1,
        beta2,
        epsilon,
        weightDecay,
      ];
    },
    update(weights, gradient, [means, squares], constants) {
      const [gradientStep, meanStep, rootCorrection, beta1, beta2, epsilon, weightDecay] = constants;
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const square = beta2 * squares[i] + (1 - beta2) * decayed * decayed;
        means[i] = mean;
        squares[i] = square;
        const root = Math.sqrt(square) / rootCorrection + epsilon;
        weights[i] = weight - (gradientStep * decayed + meanStep * mean) / root;
      }
    },
  },
);

/**
 * Rectified Adam (Liu et al. 2020), as PyTorch's RAdam: m and v of `adam`; ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ), ρ∞ = 2/(1 − β₂) − 1. Where ρₜ > 5,
 * w ← w − η·r·m̂·√(1 − β₂ᵗ) / (√v + ε) with r² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ), else w ← w − η·m̂.
 * Defaults: as `adam`. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const radam = direct(
  { learningRate: learningRate(1e-3), ...moments, weightDecay },
  {
    name: 'radam',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare(step, learningRate, [beta1, beta2, epsilon, weightDecay]) {
      const t = step + 1;
      const stepSize = learningRate / (1 - beta1 ** t);
      const decay = beta2 ** t;
      const limit = 2 / (1 - beta2) - 1;
      const length = limit - (2 * t * decay) / (1 - decay);
      const adapts = length > 5;
      const rectification = adapts
        ? Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length))
        : 1;
      const correction = adapts ? Math.sqrt(1 - decay) : 1;
      return [stepSize * rectification * correction, Number(adapts), beta1, beta2, epsilon, weightDecay];
    },
    update(weights, gradient, [means, squares], [stepSize, adapts, beta1, beta2, epsilon, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const square = beta2 * squares[i] + (1 - beta2) * decayed * decayed;
        means[i] = mean;
        squares[i] = square;
        weights[i] = weight - (stepSize * mean) / (adapts !== 0 ? Math.sqrt(square) + epsilon : 1);
      }
    },
  },
);

/**
 * Adam with the largest gradient (Kingma & Ba 2015, section 7), as PyTorch's Adamax: m ← β₁m + (1 − β₁)g, u ← max(β₂u, |g| + ε),
 * w ← w − η/(1 − β₁ᵗ)·m/u.
 * Defaults: as `adam`, learningRate 2e-3. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const adamax = direct(
  { learningRate: learningRate(2e-3), ...moments, weightDecay },
  {
    name: 'adamax',
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare: (step, learningRate, [beta1, beta2, epsilon, weightDecay]) => [
      learningRate / (1 - beta1 ** (step + 1)),
      beta1,
      beta2,
      epsilon,
      weightDecay,
    ],
    update(weights, gradient, [means, norms], [stepSize, beta1, beta2, epsilon, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const norm = Math.max(beta2 * norms[i], Math.abs(decayed) + epsilon);
        means[i] = mean;
        norms[i] = norm;
        weights[i] = weight - (stepSize * mean) / norm;
      }
    },
  },
);
