import type { NumericArray } from '../backend/backend.js';
import { expected } from '../errors.js';
import { isNumericArray, Matrix, type MatrixLike, readRows } from '../matrix.js';
import { runNow } from '../steps.js';
import { integer, invalid, isObject } from '../validate.js';

/** Rows whose columns have mean 0 and standard deviation 1, and what it took to make them so. */
export class Standardized extends Matrix<Float64Array> {
  /** Of each column before, (columns). */
  readonly mean: Float64Array;
  /** Of each column before, (columns): √(Σ (x − mean)² / rows); 1 for a constant column, which becomes 0. */
  readonly standardDeviation: Float64Array;

  constructor(data: Float64Array, rows: number, mean: Float64Array, standardDeviation: Float64Array) {
    super(data, rows, mean.length);
    this.mean = mean;
    this.standardDeviation = standardDeviation;
  }

  /** Other rows, (rows, columns), by the same means and deviations: those to judge by. Throws as `standardize`. */
  apply(x: MatrixLike): Matrix<Float64Array> {
    const other = readMatrix(x, this.columns);
    return new Matrix(scale(other.data, this.mean, this.standardDeviation), other.rows, this.columns);
  }
}

/**
 * Subtracts from each column its mean and divides it by its standard deviation, both over all rows and in double; x,
 * (rows, columns), stays as it is. A flat typed array needs `columns`.
 *
 * Throws `INVALID_ARGUMENT` without rows or without a width, `SHAPE_MISMATCH` or, naming row and column, `NOT_FINITE`.
 */
export function standardize(x: MatrixLike, columns?: number): Standardized {
  const { data, rows, width } = readMatrix(x, columns);
  if (rows === 0) throw expected('INVALID_ARGUMENT', 'at least one row', 'x', 'none');
  const mean = new Float64Array(width);
  const standardDeviation = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width] += data[i] / rows;
  for (let i = 0; i < data.length; i++) standardDeviation[i % width] += (data[i] - mean[i % width]) ** 2 / rows;
  for (let j = 0; j < width; j++) standardDeviation[j] = Math.sqrt(standardDeviation[j]) || 1;
  return new Standardized(scale(data, mean, standardDeviation), rows, mean, standardDeviation);
}

function scale(data: NumericArray, mean: Float64Array, standardDeviation: Float64Array): Float64Array {
  const width = mean.length;
  return Float64Array.from(data, (value, i) => (value - mean[i % width]) / standardDeviation[i % width]);
}

function readMatrix(x: MatrixLike, columns: number | undefined): { data: NumericArray; rows: number; width: number } {
  const width = columns === undefined ? widthOf(x) : integer(columns, 'columns', 1);
  const { data, rows } = runNow(readRows(x, width, 'float64', 'x'));
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    const place = `x at row ${Math.floor(i / width)}, column ${i % width}`;
    throw expected('NOT_FINITE', 'a finite number', place, String(data[i]));
  }
  return { data, rows, width };
}

function widthOf(x: unknown): number {
  if (isObject(x)) return integer(x.columns, 'x.columns', 1);
  if (!Array.isArray(x)) throw invalid('a Matrix or an array of rows (or columns beside it)', 'x', x);
  return Array.isArray(x[0]) || isNumericArray(x[0]) ? x[0].length : 1;
}
