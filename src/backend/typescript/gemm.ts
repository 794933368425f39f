import type { FloatArray } from '../backend.js';

/** A matrix somewhere in an array: element (i, j) is data[from + i·rowStride + j·columnStride]. */
export interface View {
  readonly data: FloatArray;
  readonly from: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** A row-major matrix, or its transpose. */
export function view(data: FloatArray, leadingDimension: number, transposed = false): View {
  return transposed
    ? { data, from: 0, rowStride: 1, columnStride: leadingDimension }
    : { data, from: 0, rowStride: leadingDimension, columnStride: 1 };
}

/** 16 sums and 8 operands: as many doubles as a loop can hold without spilling much on 16 registers. */
const tile = 4;

// Operands are packed into doubles, so that the inner loop sees one kind of array, whatever mixture of dtypes is about,
// and reads it one element behind the other. Work is synchronous: one set of buffers serves all.
let packedA = new Float64Array(0); // (m / tile, k, tile)
let packedB = new Float64Array(0); // (n / tile, k, tile)
const sums = new Float64Array(tile * tile);

/**
 * C = A·B, or C += A·B, for A (m, k), B (k, n) and C (m, n). Each element of C is one sum in double, over k in order,
 * that starts with the element's old value or 0, and is rounded to C's dtype once.
 */
export function multiply(m: number, n: number, k: number, a: View, b: View, c: View, accumulate: boolean): void {
  packedA = pack(packedA, m, k, a.data, a.from, a.rowStride, a.columnStride);
  packedB = pack(packedB, n, k, b.data, b.from, b.columnStride, b.rowStride);
  for (let i = 0; i < m; i += tile) {
    const rows = Math.min(tile, m - i);
    for (let j = 0; j < n; j += tile) {
      const columns = Math.min(tile, n - j);
      const from = c.from + i * c.rowStride + j * c.columnStride;
      if (accumulate) load(c, from, rows, columns);
      else sums.fill(0);
      multiplyTile(k, i * k, j * k);
      store(c, from, rows, columns);
    }
  }
}

/** Rows in groups of `tile`, a group's rows interleaved; a last group that is not whole is filled up with zeros. */
function pack(
  buffer: Float64Array<ArrayBuffer>,
  rows: number,
  k: number,
  data: FloatArray,
  from: number,
  rowStride: number,
  kStride: number,
): Float64Array<ArrayBuffer> {
  const size = Math.ceil(rows / tile) * tile * k;
  const packed = buffer.length >= size ? buffer : new Float64Array(size);
  for (let i = 0; i < Math.ceil(rows / tile) * tile; i++) {
    let to = (i - (i % tile)) * k + (i % tile);
    let source = from + i * rowStride;
    for (let p = 0; p < k; p++) {
      packed[to] = i < rows ? data[source] : 0;
      to += tile;
      source += kStride;
    }
  }
  return packed;
}

function multiplyTile(k: number, aFrom: number, bFrom: number): void {
  const a = packedA;
  const b = packedB;
  let c00 = sums[0];
  let c01 = sums[1];
  let c02 = sums[2];
  let c03 = sums[3];
  let c10 = sums[4];
  let c11 = sums[5];
  let c12 = sums[6];
  let c13 = sums[7];
  let c20 = sums[8];
  let c21 = sums[9];
  let c22 = sums[10];
  let c23 = sums[11];
  let c30 = sums[12];
  let c31 = sums[13];
  let c32 = sums[14];
  let c33 = sums[15];
  for (let p = 0; p < tile * k; p += tile) {
    const a0 = a[aFrom + p];
    const a1 = a[aFrom + p + 1];
    const a2 = a[aFrom + p + 2];
    const a3 = a[aFrom + p + 3];
    const b0 = b[bFrom + p];
    const b1 = b[bFrom + p + 1];
    const b2 = b[bFrom + p + 2];
    const b3 = b[bFrom + p + 3];
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
  }
  sums[0] = c00;
  sums[1] = c01;
  sums[2] = c02;
  sums[3] = c03;
  sums[4] = c10;
  sums[5] = c11;
  sums[6] = c12;
  sums[7] = c13;
  sums[8] = c20;
  sums[9] = c21;
  sums[10] = c22;
  sums[11] = c23;
  sums[12] = c30;
  sums[13] = c31;
  sums[14] = c32;
  sums[15] = c33;
}

function load(c: View, from: number, rows: number, columns: number): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) sums[i * tile + j] = c.data[from + i * c.rowStride + j * c.columnStride];
  }
}

function store(c: View, from: number, rows: number, columns: number): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) c.data[from + i * c.rowStride + j * c.columnStride] = sums[i * tile + j];
  }
}
