import type { FloatArray } from './backend/backend.js';

/** An update kernel: the same elementwise rule for every parameter. */
export interface OptimizerKernel {
  /** Names of the numeric parameters, in the order in which they cross. */
  readonly parameters: readonly string[];
  /** State arrays kept beside each parameter array, zero at the start. */
  readonly slots: number;
  /**
   * What is the same for all elements of update number `step`, counted from 0. Steps come in sequence: `state` has
   * `stateLength` numbers that stay from one to the next, zero before the first.
   */
  prepare(step: number, learningRate: number, parameters: readonly number[], state: Float64Array): readonly number[];
  update(weights: FloatArray, gradient: FloatArray, slots: readonly FloatArray[], constants: readonly number[]): void;
}

export const stateLength = 4;

/** In the formulas g is the gradient, weightDecay·w added where nothing else is said, η the learning rate and t the step counted from 1. */
export const optimizerKernels = {
  /** w ← w − η·g */
  sgd: {
    parameters: ['weightDecay'],
    slots: 0,
    prepare: (_, learningRate, parameters) => [learningRate, ...parameters],
    update(weights, gradient, _, [learningRate, weightDecay]) {
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        weights[i] = weight - learningRate * (gradient[i] + weightDecay * weight);
      }
    },
  },
  /** b ← momentum·b + (1 − dampening)·g, w ← w − η·b; with nesterov w ← w − η·(g + momentum·b). */
  momentum: {
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
  },
  /** m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − η·m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). */
  adam: {
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
  /** w ← w − η·weightDecay·w, then adam without decay. */
  adamW: {
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
  /** adam with the largest v so far in place of v. */
  amsgrad: {
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
  /**
   * m and v of adam, μₜ = β₁·(1 − ½·0.96^(t·momentumDecay)), Πₜ = μ₁·…·μₜ,
   * w ← w − η·((1 − μₜ)/(1 − Πₜ)·g + μₜ₊₁/(1 − Πₜ₊₁)·m) / (√v̂ + ε)
   */
  nadam: {
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
  /**
   * m and v of adam; ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ), ρ∞ = 2/(1 − β₂) − 1. Where ρₜ > 5, w ← w − η·r·m̂·√(1 − β₂ᵗ) / (√v + ε) with
   * r² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ), else w ← w − η·m̂.
   */
  radam: {
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
  /**
   * v ← ρv + (1 − ρ)g², a ← ρa + (1 − ρ)g if centered, else 0; b ← momentum·b + g / (√(v − a²) + ε), w ← w − η·b
   */
  rmsprop: {
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
  /** s ← s + g², w ← w − η/(1 + (t − 1)·learningRateDecay)·g / (√s + ε); s starts at initialAccumulator. */
  adagrad: {
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
  /** v ← ρv + (1 − ρ)g², d = √(u + ε) / √(v + ε)·g, u ← ρu + (1 − ρ)d², w ← w − η·d */
  adadelta: {
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
  /** m ← β₁m + (1 − β₁)g, u ← max(β₂u, |g| + ε), w ← w − η/(1 − β₁ᵗ)·m/u */
  adamax: {
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
  /** w ← w − η·(sign(β₁m + (1 − β₁)g) + weightDecay·w), then m ← β₂m + (1 − β₂)g, g being the gradient alone. */
  lion: {
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
  /**
   * A step size per weight, η at first, that grows by etaPlus where the gradient's sign stays and shrinks by etaMinus where it changes;
   * after a change the gradient counts as 0. w ← w − stepSize·sign(g)
   */
  rprop: {
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
} satisfies Readonly<Record<string, OptimizerKernel>>;

export type OptimizerKernelName = keyof typeof optimizerKernels;

/** Of a plan's kernel name. */
export function optimizerKernelNamed(name: string): OptimizerKernel {
  return (optimizerKernels as Readonly<Record<string, OptimizerKernel>>)[name];
}

/** The constants of one update, without those before it. */
export function constantsAt(
  kernel: OptimizerKernel,
  step: number,
  learningRate: number,
  parameters: readonly number[],
): readonly number[] {
  const state = new Float64Array(stateLength);
  for (let before = 0; before < step; before++) kernel.prepare(before, learningRate, parameters, state);
  return kernel.prepare(step, learningRate, parameters, state);
}
