import type { FloatArray } from '../backend.js';

// Products of row-major matrices so small that setting up `multiply`'s views and tiles takes longer than the product itself. Four rows go
// together: what they share is loaded once for them, and their sums do not wait for each other. Every element is the same sum in double,
// in the same sequence, as `multiply` makes it.
//
// `| 0` is for V8, as in gemm.ts.

const rowsAtOnce = 4;

/** Multiply-adds up to which these are the faster ones: at 128 by a quarter, at 256 no more. */
const smallWork = 128;

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
  let i = 0;
  for (; i + rowsAtOnce <= m; i += rowsAtOnce) {
    const a0 = (i * k) | 0;
    const a1 = (a0 + k) | 0;
    const a2 = (a1 + k) | 0;
    const a3 = (a2 + k) | 0;
    const c0 = (i * n) | 0;
    const c1 = (c0 + n) | 0;
    const c2 = (c1 + n) | 0;
    const c3 = (c2 + n) | 0;
    for (let j = 0; j < n; j++) {
      let sum0 = start ? start[j] : 0;
      let sum1 = sum0;
      let sum2 = sum0;
      let sum3 = sum0;
      let from = (j * columnStride) | 0;
      for (let p = 0; p < k; p++) {
        const factor = b[from];
        sum0 += a[(a0 + p) | 0] * factor;
        sum1 += a[(a1 + p) | 0] * factor;
        sum2 += a[(a2 + p) | 0] * factor;
        sum3 += a[(a3 + p) | 0] * factor;
        from = (from + rowStride) | 0;
      }
      c[(c0 + j) | 0] = sum0;
      c[(c1 + j) | 0] = sum1;
      c[(c2 + j) | 0] = sum2;
      c[(c3 + j) | 0] = sum3;
    }
  }
  for (; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = start ? start[j] : 0;
      let from = (j * columnStride) | 0;
      for (let p = 0; p < k; p++) {
        sum += a[(i * k + p) | 0] * b[from];
        from = (from + rowStride) | 0;
      }
      c[(i * n + j) | 0] = sum;
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
  // The inner loop goes along the longer side.
  if (units >= inputs) addOuterProducts(rows, inputs, units, x, delta, weightGradient, units, 1, accumulate);
  else addOuterProducts(rows, units, inputs, delta, x, weightGradient, 1, units, accumulate);
  if (biasGradient) addOuterProducts(rows, 1, units, ones, delta, biasGradient, units, 1, accumulate);
}

const ones = new Float32Array(smallWork).fill(1);

/** C = Aᵀ·B, or C += Aᵀ·B, for A (rows, m) and B (rows, n); element (i, j) of C (m, n) is c[i·rowStride + j·columnStride]. */
function addOuterProducts(
  rows: number,
  m: number,
  n: number,
  a: FloatArray,
  b: FloatArray,
  c: Float64Array,
  rowStride: number,
  columnStride: number,
  accumulate: boolean,
): void {
  let isStarted = accumulate;
  let row = 0;
  for (; row + rowsAtOnce <= rows; row += rowsAtOnce) {
    const a0 = (row * m) | 0;
    const a1 = (a0 + m) | 0;
    const a2 = (a1 + m) | 0;
    const a3 = (a2 + m) | 0;
    const b0 = (row * n) | 0;
    const b1 = (b0 + n) | 0;
    const b2 = (b1 + n) | 0;
    const b3 = (b2 + n) | 0;
    for (let i = 0; i < m; i++) {
      const factor0 = a[(a0 + i) | 0];
      const factor1 = a[(a1 + i) | 0];
      const factor2 = a[(a2 + i) | 0];
      const factor3 = a[(a3 + i) | 0];
      let to = (i * rowStride) | 0;
      for (let j = 0; j < n; j++) {
        let sum = isStarted ? c[to] : 0;
        sum += factor0 * b[(b0 + j) | 0];
        sum += factor1 * b[(b1 + j) | 0];
        sum += factor2 * b[(b2 + j) | 0];
        sum += factor3 * b[(b3 + j) | 0];
        c[to] = sum;
        to = (to + columnStride) | 0;
      }
    }
    isStarted = true;
  }
  for (; row < rows; row++) {
    for (let i = 0; i < m; i++) {
      const factor = a[(row * m + i) | 0];
      let to = (i * rowStride) | 0;
      for (let j = 0; j < n; j++) {
        c[to] = (isStarted ? c[to] : 0) + factor * b[(row * n + j) | 0];
        to = (to + columnStride) | 0;
      }
    }
    isStarted = true;
  }
}
