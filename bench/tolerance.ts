import type { Dtype } from '../src/index.js';
import type { GemmShape, Workload } from './shapes.js';

/** Unit roundoff: what bounds the relative error of one operation. */
export const unitRoundoff: Record<Dtype, number> = { float32: 2 ** -24, float64: 2 ** -53 };

/**
 * Rounding errors of n operations one behind the other add up like a random walk: to at most λ·u·√n, relative to the
 * operands' norms, but for a probability that vanishes with λ as exp(−λ²/2) (Higham and Mary 2019, "A new approach to
 * probabilistic rounding error analysis"). With λ = 8 and a million results, none is expected beyond.
 */
const confidence = 8;

/** |error| of an element of C whose row of A and column of B have these Euclidean norms. */
export function gemmTolerance({ k }: GemmShape, rowNorm: number, columnNorm: number, dtype: Dtype): number {
  return confidence * unitRoundoff[dtype] * Math.sqrt(k) * rowNorm * columnNorm;
}

/**
 * Relative difference of the losses of two trainings from the same start: n is the number of operations between the first
 * weights and the last loss, for each update forward and back through every layer and over the batch. It holds as long as
 * the training itself does not magnify differences, that is over few updates of a moderate step: see `comparedUpdates`.
 */
export function lossTolerance({ inputs, layers, batchSize }: Workload, updates: number, dtype: Dtype): number {
  let width = inputs;
  let chain = batchSize;
  for (const { units } of layers) {
    chain += width + units;
    width = units;
  }
  return confidence * unitRoundoff[dtype] * Math.sqrt(chain * (updates + 1));
}
