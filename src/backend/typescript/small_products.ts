import type { FloatArray } from '../backend.js';

// Products of row-major matrices so small that setting up `multiply`'s views and tiles takes longer than the product itself, for layers of
// stacks that are not small as a whole: in float64, or beside layers of other kinds. Four rows go together: what they share is loaded once
// for them, and their sums do not wait for each other. Every element is the same sum in double, in the same sequence, as `multiply` makes
// it.
//
// `| 0` is for V8, as in gemm.ts.

const rowsAtOnce = 4;

/** Multiply-adds up to which these are the faster ones: at 128 by a quarter, at 256 by a tenth for most shapes. */
const smallWork = 256;

export function isSmall(rows: number, inputs: number, units: number): boolean {
  return rows >= rowsAtOnce && rows * inputs * units <= smallWork;
}

/** C = A·B, or with a start 1·start + A·B, for A (m, k) and C (m, n); element (p, j) of B (k, n) is b[p·rowStride + j·columnStride]. */
export function multiplyRows(
  m: number,
  n: number,
  k: number,
  a: FloatArray,
  b: FloatArray,
  rowStride: number,
  columnStride: number,
  c: FloatArray,
  start?: FloatArray,
): void {
  let row = 0;
  let aFrom = 0;
  let cFrom = 0;
  for (; row + rowsAtOnce <= m; row += rowsAtOnce) {
    const end = (aFrom + k) | 0;
    for (let j = 0; j < n; j++) {
      let sum0 = start !== undefined ? start[j] : 0;
      let sum1 = sum0;
      let sum2 = sum0;
      let sum3 = sum0;
      let from = (j * columnStride) | 0;
      for (let first = aFrom; first < end; first++) {
        const factor = b[from];
        from = (from + rowStride) | 0;
        let at = first;
        sum0 += a[at] * factor;
        at = (at + k) | 0;
        sum1 += a[at] * factor;
        at = (at + k) | 0;
        sum2 += a[at] * factor;
        at = (at + k) | 0;
        sum3 += a[at] * factor;
      }
      let to = (cFrom + j) | 0;
      c[to] = sum0;
      to = (to + n) | 0;
      c[to] = sum1;
      to = (to + n) | 0;
      c[to] = sum2;
      to = (to + n) | 0;
      c[to] = sum3;
    }
    aFrom = (aFrom + rowsAtOnce * k) | 0;
    cFrom = (cFrom + rowsAtOnce * n) | 0;
  }
  for (; row < m; row++) {
    for (let j = 0; j < n; j++) {
      let sum = start !== undefined ? start[j] : 0;
      for (let p = 0; p < k; p++) sum += a[(row * k + p) | 0] * b[(p * rowStride + j * columnStride) | 0];
      c[(row * n + j) | 0] = sum;
    }
  }
}

/**
 * The gradients of weights (inputs, units) and bias (units) of a dense layer: xᵀ·δ and 1ᵀ·δ for x (rows, inputs) and δ (rows, units), in
 * place of what there was or added to it.
 */
export function multiplyColumns(
  rows: number,
  inputs: number,
  units: number,
  x: FloatArray,
  delta: FloatArray,
  weightGradient: Float64Array,
  biasGradient: Float64Array | undefined,
  accumulate: boolean,
): void {
  let isStarted = accumulate;
  let row = 0;
  let xFrom = 0;
  let deltaFrom = 0;
  for (; row + rowsAtOnce <= rows; row += rowsAtOnce) {
    const end = (xFrom + inputs) | 0;
    for (let j = 0; j < units; j++) {
      let from = (deltaFrom + j) | 0;
      const delta0 = delta[from];
      from = (from + units) | 0;
      const delta1 = delta[from];
      from = (from + units) | 0;
      const delta2 = delta[from];
      from = (from + units) | 0;
      const delta3 = delta[from];
      if (biasGradient !== undefined) {
        biasGradient[j] = (isStarted ? biasGradient[j] : 0) + delta0 + delta1 + delta2 + delta3;
      }
      let to = j;
      for (let first = xFrom; first < end; first++) {
        let sum = isStarted ? weightGradient[to] : 0;
        let at = first;
        sum += x[at] * delta0;
        at = (at + inputs) | 0;
        sum += x[at] * delta1;
        at = (at + inputs) | 0;
        sum += x[at] * delta2;
        at = (at + inputs) | 0;
        sum += x[at] * delta3;
        weightGradient[to] = sum;
        to = (to + units) | 0;
      }
    }
    isStarted = true;
    xFrom = (xFrom + rowsAtOnce * inputs) | 0;
    deltaFrom = (deltaFrom + rowsAtOnce * units) | 0;
  }
  for (; row < rows; row++) {
    for (let j = 0; j < units; j++) {
      const factor = delta[(row * units + j) | 0];
      if (biasGradient !== undefined) biasGradient[j] = (isStarted ? biasGradient[j] : 0) + factor;
      for (let i = 0; i < inputs; i++) {
        const to = (i * units + j) | 0;
        weightGradient[to] = (isStarted ? weightGradient[to] : 0) + x[(row * inputs + i) | 0] * factor;
      }
    }
    isStarted = true;
  }
}
