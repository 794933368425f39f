import type { Dtype, FloatArray } from '../backend.js';

export function createArray(dtype: Dtype, length: number): FloatArray {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** sums += Σᵢ matrix[i], in row order. */
export function addColumnSums(
  matrix: FloatArray,
  leadingDimension: number,
  rows: number,
  columns: number,
  sums: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) sums[j] += matrix[i * leadingDimension + j];
  }
}
