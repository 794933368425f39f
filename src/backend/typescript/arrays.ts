import type { Dtype, FloatArray } from '../backend.js';

export function createArray(dtype: Dtype, length: number): FloatArray {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** sums = Σᵢ matrix[i], in row order, or sums += Σᵢ matrix[i]. */
export function sumColumns(
  matrix: FloatArray,
  leadingDimension: number,
  rows: number,
  columns: number,
  sums: Float64Array,
  accumulate: boolean,
): void {
  for (let j = 0; j < columns && !accumulate; j++) sums[j] = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) sums[j] += matrix[i * leadingDimension + j];
  }
}
