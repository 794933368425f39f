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

/** `kept` if it is the view wanted: small networks would spend a good part of their time on making them anew. */
export function viewAgain(kept: View, data: FloatArray, leadingDimension: number, transposed = false): View {
  return kept.data === data ? kept : view(data, leadingDimension, transposed);
}

export function transpose({ data, from, rowStride, columnStride }: View): View {
  return { data, from, rowStride: columnStride, columnStride: rowStride };
}

/** A matrix each of whose rows is the same array. */
export function repeated(data: FloatArray): View {
  return { data, from: 0, rowStride: 0, columnStride: 1 };
}

const zeros: View = { data: new Float32Array(1), from: 0, rowStride: 0, columnStride: 0 };

/**
 * C = start + A·B for A (m, k), B (k, n) and C (m, n); C may start with itself. Each element of C is one sum in double, over k in
 * order, that begins with the start, and is rounded to C's dtype once.
 */
export function multiply(m: number, n: number, k: number, a: View, b: View, c: View, start = zeros): void {
  // Strips along the longer side of C: A·B = (Bᵀ·Aᵀ)ᵀ.
  if (Math.min(m, n, k) >= packingPays) multiplyPacked(m, n, k, a, b, c, start);
  else if (n >= m) multiplyInPlace(m, n, k, a, b, c, start);
  else multiplyInPlace(n, m, k, transpose(b), transpose(a), transpose(c), transpose(start));
}

/** With fewer rows, columns or terms, packing operands and unpacking sums costs more than it saves. */
const packingPays = 8;

/** Nine sums and six operands: what 15 registers of doubles hold. */
const tile = 3;

// The rows' panels stay in the second-level cache while the columns' pass by, each in the first level. Common widths, powers
// of 2, are whole blocks.
const blockRows = 86 * tile;
const blockColumns = 171 * tile;
const blockDepth = 256;

// Operands are packed into panels of doubles, (depth, tile): the inner loop sees one kind of array, whatever mixture of
// dtypes is about, and indices that start with 0. Work is synchronous: one set of buffers serves all.
//
// Here and below, `| 0` is for V8: whole numbers of 32 bits need no checks for overflow, which would cost as much as the work.
const panelsA: Float64Array[] = [];
const panelsB: Float64Array[] = [];
let sums = new Float64Array(0); // (rows, columns) of a block, both filled up to whole tiles

function multiplyPacked(m: number, n: number, k: number, a: View, b: View, c: View, start: View): void {
  const bTransposed = transpose(b);
  for (let i = 0; i < m; i += blockRows) {
    const rows = Math.min(blockRows, m - i);
    for (let j = 0; j < n; j += blockColumns) {
      const columns = Math.min(blockColumns, n - j);
      const width = Math.ceil(columns / tile) * tile;
      load(start, i, j, rows, columns, width);
      for (let p = 0; p < k; p += blockDepth) {
        const depth = Math.min(blockDepth, k - p);
        pack(panelsA, a, i, p, rows, depth);
        pack(panelsB, bTransposed, j, p, columns, depth);
        multiplyPanels(rows, columns, depth, width);
      }
      store(c, i, j, rows, columns, width);
    }
  }
}

/** Packs (rows, depth) elements from (row, column) on; a last panel that is not whole is filled up with its first row. */
function pack(panels: Float64Array[], source: View, row: number, column: number, rows: number, depth: number): void {
  const { data, rowStride, columnStride } = source;
  for (let i = 0; i < rows; i += tile) {
    if (i === panels.length * tile) panels.push(new Float64Array(blockDepth * tile));
    const panel = panels[i / tile];
    const second = i + 1 < rows ? rowStride : 0;
    const third = i + 2 < rows ? 2 * rowStride : 0;
    let from = source.from + (row + i) * rowStride + column * columnStride;
    for (let p = 0; p < depth * tile; p += tile) {
      panel[p] = data[from];
      panel[p + 1] = data[(from + second) | 0];
      panel[p + 2] = data[(from + third) | 0];
      from = (from + columnStride) | 0;
    }
  }
}

function multiplyPanels(rows: number, columns: number, depth: number, width: number): void {
  for (let j = 0; j < columns; j += tile) {
    for (let i = 0; i < rows; i += tile)
      multiplyTile(panelsA[i / tile], panelsB[j / tile], depth, i * width + j, width);
  }
}

/** Adds the product of two panels to the tile of `sums` at `first`. */
function multiplyTile(a: Float64Array, b: Float64Array, depth: number, first: number, width: number): void {
  const second = first + width;
  const third = second + width;
  let c00 = sums[first];
  let c01 = sums[first + 1];
  let c02 = sums[first + 2];
  let c10 = sums[second];
  let c11 = sums[second + 1];
  let c12 = sums[second + 2];
  let c20 = sums[third];
  let c21 = sums[third + 1];
  let c22 = sums[third + 2];
  // At most blockDepth · tile = 768: the mask changes nothing, but shows V8 that no index below overflows.
  const end = (depth * tile) & 1023;
  for (let p = 0; p < end; p += tile) {
    const a0 = a[p];
    const a1 = a[p + 1];
    const a2 = a[p + 2];
    const b0 = b[p];
    c00 += a0 * b0;
    c10 += a1 * b0;
    c20 += a2 * b0;
    const b1 = b[p + 1];
    c01 += a0 * b1;
    c11 += a1 * b1;
    c21 += a2 * b1;
    const b2 = b[p + 2];
    c02 += a0 * b2;
    c12 += a1 * b2;
    c22 += a2 * b2;
  }
  sums[first] = c00;
  sums[first + 1] = c01;
  sums[first + 2] = c02;
  sums[second] = c10;
  sums[second + 1] = c11;
  sums[second + 2] = c12;
  sums[third] = c20;
  sums[third + 1] = c21;
  sums[third + 2] = c22;
}

function load(start: View, i: number, j: number, rows: number, columns: number, width: number): void {
  const size = Math.ceil(rows / tile) * tile * width;
  if (sums.length < size) sums = new Float64Array(size);
  if (start === zeros) {
    sums.fill(0, 0, size);
    return;
  }
  const { data, rowStride, columnStride } = start;
  for (let r = 0; r < rows; r++) {
    let from = start.from + (i + r) * rowStride + j * columnStride;
    for (let to = r * width; to < r * width + columns; to++) {
      sums[to] = data[from];
      from = (from + columnStride) | 0;
    }
  }
}

function store(c: View, i: number, j: number, rows: number, columns: number, width: number): void {
  const { data, rowStride, columnStride } = c;
  for (let r = 0; r < rows; r++) {
    let to = c.from + (i + r) * rowStride + j * columnStride;
    for (let from = r * width; from < r * width + columns; from++) {
      data[to] = sums[from];
      to = (to + columnStride) | 0;
    }
  }
}

/** From the operands as they are: eight elements of a row of C at once, then those that are left. */
function multiplyInPlace(m: number, n: number, k: number, a: View, b: View, c: View, start: View): void {
  const { data: aData, columnStride: aStep } = a;
  const { data: bData, columnStride: bStep, rowStride: bRow } = b;
  const { data: cData, columnStride: cStep } = c;
  const { data: startData, columnStride: startStep } = start;
  const eights = n - (n % 8);
  for (let i = 0; i < m; i++) {
    const aFrom = a.from + i * a.rowStride;
    let bFrom = b.from;
    let to = c.from + i * c.rowStride;
    let from = start.from + i * start.rowStride;
    for (let j = 0; j < eights; j += 8) {
      let c0 = startData[from];
      from = (from + startStep) | 0;
      let c1 = startData[from];
      from = (from + startStep) | 0;
      let c2 = startData[from];
      from = (from + startStep) | 0;
      let c3 = startData[from];
      from = (from + startStep) | 0;
      let c4 = startData[from];
      from = (from + startStep) | 0;
      let c5 = startData[from];
      from = (from + startStep) | 0;
      let c6 = startData[from];
      from = (from + startStep) | 0;
      let c7 = startData[from];
      from = (from + startStep) | 0;
      let r = aFrom;
      let row = bFrom;
      for (let p = 0; p < k; p++) {
        const x = aData[r];
        r = (r + aStep) | 0;
        let s = row;
        row = (row + bRow) | 0;
        c0 += x * bData[s];
        s = (s + bStep) | 0;
        c1 += x * bData[s];
        s = (s + bStep) | 0;
        c2 += x * bData[s];
        s = (s + bStep) | 0;
        c3 += x * bData[s];
        s = (s + bStep) | 0;
        c4 += x * bData[s];
        s = (s + bStep) | 0;
        c5 += x * bData[s];
        s = (s + bStep) | 0;
        c6 += x * bData[s];
        s = (s + bStep) | 0;
        c7 += x * bData[s];
      }
      cData[to] = c0;
      to = (to + cStep) | 0;
      cData[to] = c1;
      to = (to + cStep) | 0;
      cData[to] = c2;
      to = (to + cStep) | 0;
      cData[to] = c3;
      to = (to + cStep) | 0;
      cData[to] = c4;
      to = (to + cStep) | 0;
      cData[to] = c5;
      to = (to + cStep) | 0;
      cData[to] = c6;
      to = (to + cStep) | 0;
      cData[to] = c7;
      to = (to + cStep) | 0;
      bFrom = (bFrom + 8 * bStep) | 0;
    }
    for (let j = eights; j < n; j++) {
      let sum = startData[from];
      let r = aFrom;
      let s = bFrom;
      for (let p = 0; p < k; p++) {
        sum += aData[r] * bData[s];
        r = (r + aStep) | 0;
        s = (s + bRow) | 0;
      }
      cData[to] = sum;
      from = (from + startStep) | 0;
      to = (to + cStep) | 0;
      bFrom = (bFrom + bStep) | 0;
    }
  }
}
