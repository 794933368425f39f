import type { Dtype } from '../../src/backend/backend.js';
import { epsilonOf } from './arrays.js';

/** Rows × inputs × units around tiles of 14, 6 and 4 rows, vectors of 2 to 16, panels of 16 and 32 and blocks of 256. */
export const denseShapes = [
  [0, 3, 4],
  [1, 1, 1],
  [1, 0, 3],
  [2, 3, 0],
  [1, 40, 17],
  [3, 2, 4],
  [4, 16, 8],
  [5, 7, 15],
  [13, 31, 33],
  [14, 32, 10],
  [15, 33, 16],
  [29, 5, 32],
  [6, 65, 31],
  [33, 17, 65],
  [3, 257, 34],
  [35, 15, 259],
  [258, 18, 9],
] as const;

/** A·B for A (m, k) and B (k, n) given by element, in double, and the sums of the terms' magnitudes. */
export function product(
  m: number,
  n: number,
  k: number,
  a: (i: number, p: number) => number,
  b: (p: number, j: number) => number,
) {
  const values = new Float64Array(m * n);
  const magnitudes = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const factor = a(i, p);
      for (let j = 0; j < n; j++) {
        const term = factor * b(p, j);
        values[i * n + j] += term;
        magnitudes[i * n + j] += Math.abs(term);
      }
    }
  }
  return { values, magnitudes };
}

/** For each element the largest magnitude in its row. */
export function rowMaxima(values: Float64Array, columns: number): Float64Array {
  const maxima = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += columns) {
    const row = values.subarray(from, from + columns);
    maxima.fill(Math.max(...row.map(Math.abs)), from, from + columns);
  }
  return maxima;
}

/** Bound of the relative error of one chain of k terms and of the double one it is held against (Higham 2002, γ_k). */
export function chainError(dtype: Dtype, k: number): number {
  return (k + 2) * (epsilonOf[dtype] / 2 + epsilonOf.float64 / 2);
}
