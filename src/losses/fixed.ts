import { sigmoid } from '../activations.js';
import type { FloatArray } from '../backend/backend.js';
import { elementwise, type Loss, meanOf, rowMeanOf, rowwise, squaredErrorKernel } from './loss.js';

/** A point on the boundary counts as a mistake, so that weights of 0 can learn. */
const perceptronKernel = elementwise(
  'perceptron',
  (p, t) => Math.max(0, -t * p),
  (p, t) => (t * p <= 0 ? -t : 0),
);

/** Losses without options. */
export const fixedLosses = {
  /** Mean of (p − t)² over all elements. */
  meanSquaredError: meanOf(squaredErrorKernel),
  /** Mean of |p − t| over all elements; its gradient at 0 is 0. */
  meanAbsoluteError: meanOf(
    elementwise(
      'absoluteError',
      (p, t) => Math.abs(p - t),
      (p, t) => Math.sign(p - t),
    ),
  ),
  /** Mean of ln cosh(p − t) over all elements, as |d| + ln(1 + e^(−2|d|)) − ln 2 with d = p − t, in which nothing overflows. */
  logCosh: meanOf(
    elementwise(
      'logCosh',
      (p, t) => {
        const distance = Math.abs(p - t);
        return distance + Math.log1p(Math.exp(-2 * distance)) - Math.LN2;
      },
      (p, t) => Math.tanh(p - t),
    ),
  ),
  /** Mean of max(0, 1 − t·p) over all elements, for labels ±1; the gradient where t·p = 1 is 0. */
  hinge: meanOf(
    elementwise(
      'hinge',
      (p, t) => Math.max(0, 1 - t * p),
      (p, t) => (t * p < 1 ? -t : 0),
    ),
  ),
  /** Mean of max(0, 1 − t·p)² over all elements, for labels ±1. */
  squaredHinge: meanOf(
    elementwise(
      'squaredHinge',
      (p, t) => Math.max(0, 1 - t * p) ** 2,
      (p, t) => -2 * t * Math.max(0, 1 - t * p),
    ),
  ),
  /** Mean of ln(1 + e^(−t·p)) over all elements, for labels ±1, in the form that does not overflow. */
  logistic: meanOf(
    elementwise(
      'logistic',
      (p, t) => Math.max(-t * p, 0) + Math.log1p(Math.exp(-Math.abs(t * p))),
      (p, t) => -t * sigmoid(-t * p),
    ),
  ),
  /**
   * Mean of max(0, −t·p) over all elements, for labels ±1, p being the pre-activation of a step layer: its gradient is −t
   * where t·p ≤ 0, so that gradient descent is the perceptron rule (Rosenblatt 1958).
   */
  perceptron: meanOf(perceptronKernel, { activations: ['step'], kernel: perceptronKernel }),
  /** Mean of p − t·ln p over all elements, p being rates; 0·ln 0 is 0. */
  poisson: meanOf(
    elementwise(
      'poisson',
      (p, t) => (t === 0 ? p : p - t * Math.log(p)),
      (p, t) => (t === 0 ? 1 : 1 - t / p),
    ),
  ),
  /** Σ t·ln(t / p) of a row; the mean over rows; 0·ln 0 is 0. */
  klDivergence: rowMeanOf(
    elementwise(
      'klDivergence',
      (p, t) => (t === 0 ? 0 : t * (Math.log(t) - Math.log(p))),
      (p, t) => (t === 0 ? 0 : -t / p),
    ),
  ),
  /**
   * 1 − the cosine of the angle between p and t of a row; the mean over rows. It is 1 − p̂·t̂ with p̂ = p / ‖p‖; the gradient is
   * (p̂·(p̂·t̂) − t̂) / ‖p‖. A vector of zeros has cosine 0 with any and gradient 0.
   */
  cosine: rowMeanOf(
    rowwise('cosine', (prediction, from, target, targetFrom, gradient, factor, outputs) => {
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
    }),
  ),
} satisfies Readonly<Record<string, Loss>>;

function largestMagnitude(row: FloatArray, from: number, columns: number): number {
  let maximum = 0;
  for (let j = 0; j < columns; j++) maximum = Math.max(maximum, Math.abs(row[from + j]));
  return maximum;
}
