import { largest, sigmoid } from './activations.js';
import type { FloatArray } from './backend/backend.js';

/** A loss kernel: the loss lᵢ of one row and its gradient. */
export interface LossKernel {
  /** Names of the numeric parameters, in the order in which they cross. */
  readonly parameters: readonly string[];
  /** Returns lᵢ and writes gradient = factor·∂lᵢ/∂prediction, `outputs` elements from the given positions on. */
  row(
    prediction: FloatArray,
    from: number,
    target: FloatArray,
    targetFrom: number,
    gradient: FloatArray,
    factor: number,
    outputs: number,
    parameters: readonly number[],
  ): number;
}

/** A kernel whose loss is a sum over outputs of l(prediction, target). */
function elementwise(
  value: (prediction: number, target: number, parameters: readonly number[]) => number,
  derivative: (prediction: number, target: number, parameters: readonly number[]) => number,
  parameterNames: readonly string[] = [],
): LossKernel {
  return {
    parameters: parameterNames,
    row(prediction, from, target, targetFrom, gradient, factor, outputs, parameters) {
      let sum = 0;
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j];
        const t = target[targetFrom + j];
        sum += value(p, t, parameters);
        gradient[from + j] = factor * derivative(p, t, parameters);
      }
      return sum;
    },
  };
}

export const lossKernels = {
  squaredError: elementwise(
    (p, t) => (p - t) ** 2,
    (p, t) => 2 * (p - t),
  ),
  absoluteError: elementwise(
    (p, t) => Math.abs(p - t),
    (p, t) => Math.sign(p - t),
  ),
  huber: elementwise(
    (p, t, [delta]) => {
      const distance = Math.abs(p - t);
      return distance <= delta ? 0.5 * distance * distance : delta * (distance - 0.5 * delta);
    },
    (p, t, [delta]) => Math.min(Math.max(p - t, -delta), delta),
    ['delta'],
  ),
  /** ln cosh d = |d| + ln(1 + e^(−2|d|)) − ln 2, in which nothing overflows. */
  logCosh: elementwise(
    (p, t) => {
      const distance = Math.abs(p - t);
      return distance + Math.log1p(Math.exp(-2 * distance)) - Math.LN2;
    },
    (p, t) => Math.tanh(p - t),
  ),
  /** On probabilities. As PyTorch's BCELoss: logarithms no smaller than −100, and p·(1 − p) no smaller than 10⁻¹². */
  binaryCrossEntropy: elementwise(
    (p, t) => -(t * Math.max(Math.log(p), -100) + (1 - t) * Math.max(Math.log1p(-p), -100)),
    (p, t) => (p - t) / Math.max(p * (1 - p), 1e-12),
  ),
  /** On logits: −t·ln σ(z) − (1 − t)·ln(1 − σ(z)), in the form that does not overflow. */
  sigmoidCrossEntropy: elementwise(
    (z, t) => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z))),
    (z, t) => sigmoid(z) - t,
  ),
  /** On logits: Σ tⱼ·(ln Σ eᶻ − zⱼ) of smoothed targets; the gradient is softmax(z)·Σt − t. */
  softmaxCrossEntropy: {
    parameters: ['labelSmoothing'],
    row(prediction, from, target, targetFrom, gradient, factor, outputs, [labelSmoothing]) {
      const maximum = largest(prediction, from, outputs);
      const share = labelSmoothing / outputs;
      let exponentials = 0;
      let targets = 0;
      for (let j = 0; j < outputs; j++) {
        exponentials += Math.exp(prediction[from + j] - maximum);
        targets += (1 - labelSmoothing) * target[targetFrom + j] + share;
      }
      const logarithm = Math.log(exponentials);
      let sum = 0;
      for (let j = 0; j < outputs; j++) {
        const z = prediction[from + j];
        const t = (1 - labelSmoothing) * target[targetFrom + j] + share;
        // A class that is not asked for adds nothing, even where its logit is −∞.
        if (t !== 0) sum += t * (maximum - z + logarithm);
        gradient[from + j] = factor * ((Math.exp(z - maximum) / exponentials) * targets - t);
      }
      return sum;
    },
  },
  /** The gradient where t·p = 1 is 0. */
  hinge: elementwise(
    (p, t) => Math.max(0, 1 - t * p),
    (p, t) => (t * p < 1 ? -t : 0),
  ),
  squaredHinge: elementwise(
    (p, t) => Math.max(0, 1 - t * p) ** 2,
    (p, t) => -2 * t * Math.max(0, 1 - t * p),
  ),
  /** ln(1 + e^(−tp)), in the form that does not overflow. */
  logistic: elementwise(
    (p, t) => Math.max(-t * p, 0) + Math.log1p(Math.exp(-Math.abs(t * p))),
    (p, t) => -t * sigmoid(-t * p),
  ),
  /** A point on the boundary counts as a mistake, so that weights of 0 can learn. */
  perceptron: elementwise(
    (p, t) => Math.max(0, -t * p),
    (p, t) => (t * p <= 0 ? -t : 0),
  ),
  /** 0·ln 0 is 0. */
  poisson: elementwise(
    (p, t) => (t === 0 ? p : p - t * Math.log(p)),
    (p, t) => (t === 0 ? 1 : 1 - t / p),
  ),
  /** 0·ln 0 is 0. */
  klDivergence: elementwise(
    (p, t) => (t === 0 ? 0 : t * (Math.log(t) - Math.log(p))),
    (p, t) => (t === 0 ? 0 : -t / p),
  ),
  /** 1 − p̂·t̂ with p̂ = p / ‖p‖; the gradient is (p̂·(p̂·t̂) − t̂) / ‖p‖. A vector of zeros has cosine 0 with any and gradient 0. */
  cosine: {
    parameters: [],
    row(prediction, from, target, targetFrom, gradient, factor, outputs) {
      const predictionScale = largestMagnitude(prediction, from, outputs);
      const targetScale = largestMagnitude(target, targetFrom, outputs);
      if (predictionScale === 0 || targetScale === 0) {
        gradient.fill(0, from, from + outputs);
        return 1;
      }
      // Squares of numbers no larger than 1 do not overflow.
      let predictionSquares = 0;
      let targetSquares = 0;
      let products = 0;
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j] / predictionScale;
        const t = target[targetFrom + j] / targetScale;
        predictionSquares += p * p;
        targetSquares += t * t;
        products += p * t;
      }
      const predictionNorm = Math.sqrt(predictionSquares);
      const targetNorm = Math.sqrt(targetSquares);
      const cosine = products / (predictionNorm * targetNorm);
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j] / predictionScale / predictionNorm;
        const t = target[targetFrom + j] / targetScale / targetNorm;
        gradient[from + j] = ((factor * (p * cosine - t)) / predictionNorm) * (1 / predictionScale);
      }
      return 1 - cosine;
    },
  },
} satisfies Readonly<Record<string, LossKernel>>;

export type LossKernelName = keyof typeof lossKernels;

function largestMagnitude(row: FloatArray, from: number, columns: number): number {
  let maximum = 0;
  for (let j = 0; j < columns; j++) maximum = Math.max(maximum, Math.abs(row[from + j]));
  return maximum;
}
