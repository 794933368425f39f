import type { Dtype, FloatArray, Kernels, NumericArray } from './backend/backend.js';
import { describe, expected } from './errors.js';
import type { Steps } from './steps.js';
import { integer, invalid, isObject } from './validate.js';

/** Row-major numbers, (rows, columns); `data` is kept, not copied. */
export class Matrix<T extends NumericArray = NumericArray> {
  /** (rows, columns), row after row. */
  readonly data: T;
  readonly rows: number;
  readonly columns: number;

  /** Throws `SHAPE_MISMATCH` unless data has rows · columns elements. */
  constructor(data: T, rows: number, columns: number) {
    if (!isNumericArray(data)) throw invalid('a typed array of numbers', 'data', data);
    integer(rows, 'rows', 0);
    integer(columns, 'columns', 0);
    if (data.length !== rows * columns) throw wrongLength(`${rows} × ${columns} elements`, 'data', data.length);
    this.data = data;
    this.rows = rows;
    this.columns = columns;
  }

  /** Row i as a view, (columns). Throws `INVALID_ARGUMENT` for a row there is not. */
  row(i: number): T {
    integer(i, 'row', 0, this.rows - 1);
    return this.data.subarray(i * this.columns, (i + 1) * this.columns) as T;
  }

  /** A copy, one array for each row. */
  toArray(): number[][] {
    return Array.from({ length: this.rows }, (_, i) => Array.from(this.row(i)));
  }
}

/** Rows of numbers: typed arrays are used in place; a plain `number[]` serves where the width is 1. */
export type MatrixLike =
  | { readonly data: NumericArray; readonly rows: number; readonly columns: number }
  | NumericArray
  | readonly ArrayLike<number>[]
  | readonly number[];

export interface Rows {
  readonly data: NumericArray;
  readonly rows: number;
}

const numericArrays: ReadonlySet<string> = new Set([
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
]);

/**
 * Gives the name of a typed array's type, and undefined for anything else; typed arrays of another realm (a vm context, a test
 * runner) and Buffers count. An array's own `Symbol.toStringTag` may lie, and the addon relies on what is found here.
 */
const { get: typeName } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
) as { get(this: unknown): string | undefined };

export function isNumericArray(value: unknown): value is NumericArray {
  const name = typeName.call(value);
  return name !== undefined && numericArrays.has(name);
}

export function createFloats(dtype: Dtype, length: number): FloatArray {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** Undefined for what is no array of floating-point numbers. */
export function dtypeOf(array: unknown): Dtype | undefined {
  const name = typeName.call(array);
  return name === 'Float32Array' ? 'float32' : name === 'Float64Array' ? 'float64' : undefined;
}

export function isOfDtype(array: unknown, dtype: Dtype): array is FloatArray {
  return dtypeOf(array) === dtype;
}

/** Elements looked at between two turns of the event loop. */
const stepElements = 2 ** 18;

/**
 * Reads a `MatrixLike` of the width given: typed arrays as they are, nested arrays into a new array of the dtype.
 * Throws `SHAPE_MISMATCH` (width, ragged rows, a length that is no whole number of rows) or `INVALID_ARGUMENT`.
 */
export function* readRows(value: unknown, width: number, dtype: Dtype, name: string): Steps<Rows> {
  if (isNumericArray(value)) return { data: value, rows: wholeRows(value.length, width, name) };
  if (Array.isArray(value)) {
    if (value.length > 0 && !Array.isArray(value[0]) && !isNumericArray(value[0])) {
      if (width !== 1)
        throw expected('SHAPE_MISMATCH', `rows of ${width} numbers`, name, 'an array that is not nested');
      return { data: yield* copyRows([value], value.length, dtype, name, true), rows: value.length };
    }
    return { data: yield* copyRows(value, width, dtype, name, false), rows: value.length };
  }
  if (isObject(value) && isNumericArray(value.data)) {
    const rows = integer(value.rows, `${name}.rows`, 0);
    const columns = integer(value.columns, `${name}.columns`, 0);
    if (columns !== width) throw expected('SHAPE_MISMATCH', `${width} columns`, name, String(columns));
    if (value.data.length !== rows * columns)
      throw wrongLength(`${rows} × ${columns} elements`, `${name}.data`, value.data.length);
    return { data: value.data, rows };
  }
  throw invalid('a Matrix, a typed array of numbers or an array of rows', name, value);
}

/** Nested arrays of numbers to one dense array; `flat` says that the one row is a column, for messages. */
function* copyRows(
  values: readonly unknown[],
  width: number,
  dtype: Dtype,
  name: string,
  flat: boolean,
): Steps<FloatArray> {
  const data = createFloats(dtype, values.length * width);
  let untilStep = stepElements;
  for (let i = 0; i < values.length; i++) {
    const row = values[i] as ArrayLike<unknown> | undefined;
    if (!Array.isArray(row) && !isNumericArray(row)) throw invalid('an array of numbers', `${name}[${i}]`, row);
    if (row.length !== width) throw wrongLength(`${width} numbers`, `${name}[${i}]`, row.length);
    for (let j = 0; j < width; j++) {
      const element: unknown = row[j];
      if (typeof element !== 'number')
        throw invalid('a number', flat ? `${name}[${j}]` : `${name}[${i}][${j}]`, element);
      data[i * width + j] = element;
      if (--untilStep === 0) {
        untilStep = stepElements;
        yield;
      }
    }
  }
  return data;
}

function wholeRows(length: number, width: number, name: string): number {
  if (length % width !== 0) throw expected('SHAPE_MISMATCH', `a multiple of ${width} numbers`, name, String(length));
  return length / width;
}

function wrongLength(what: string, name: string, got: number): Error {
  return expected('SHAPE_MISMATCH', what, name, String(got));
}

/** Elements checked between two turns of the event loop: they take a quarter of a millisecond in a kernel, one in TypeScript. */
const checkedElements = 2 ** 20;

/** Throws `NOT_FINITE` with the row and column of the first element that is NaN, infinite or beyond the dtype's range. */
export function* checkFinite(
  { data, rows }: Rows,
  width: number,
  name: string,
  { dtype, threads, firstNotFinite }: { dtype: Dtype; threads: number; firstNotFinite: Kernels['firstNotFinite'] },
): Steps<void> {
  const inKernel = isOfDtype(data, dtype);
  if (!inKernel && !isOfDtype(data, 'float32') && !isOfDtype(data, 'float64')) return;
  const length = rows * width;
  for (let from = 0; from < length; from += checkedElements) {
    if (from > 0) yield;
    const to = Math.min(from + checkedElements, length);
    const at = inKernel ? firstNotFinite(data, from, to, threads) : firstOutOfRange(data, from, to, dtype);
    if (at < 0) continue;
    const place = `${name} at row ${Math.floor(at / width)}, column ${at % width}`;
    throw expected('NOT_FINITE', `a finite ${dtype} number`, place, String(data[at]));
  }
}

/** As the kernel, for an array that is converted when it is read: what float64 still holds may overflow float32. */
function firstOutOfRange(array: FloatArray, from: number, to: number, dtype: Dtype): number {
  for (let i = from; i < to; i++) {
    const value = dtype === 'float32' ? Math.fround(array[i]) : array[i];
    if (!Number.isFinite(value)) return i;
  }
  return -1;
}

/**
 * Copies (rows, columns) values, flat or nested, into a new array of the dtype: explicit weights.
 * Throws `SHAPE_MISMATCH`, `NOT_FINITE` or `INVALID_ARGUMENT`.
 */
export function copyValues(value: unknown, rows: number, columns: number, dtype: Dtype, name: string): FloatArray {
  const into = createFloats(dtype, rows * columns);
  const source = isObject(value) && isNumericArray(value.data) ? checkedShape(value, rows, columns, name) : value;
  if (Array.isArray(source) && Array.isArray(source[0])) {
    if (source.length !== rows) throw wrongLength(`${rows} rows`, name, source.length);
    for (let i = 0; i < rows; i++) {
      copyFlat(source[i], into.subarray(i * columns, (i + 1) * columns), dtype, `${name}[${i}]`);
    }
  } else {
    copyFlat(source, into, dtype, name);
  }
  return into;
}

function checkedShape(matrix: Record<string, unknown>, rows: number, columns: number, name: string): unknown {
  if (matrix.rows !== rows || matrix.columns !== columns) {
    throw expected(
      'SHAPE_MISMATCH',
      `${rows} × ${columns}`,
      name,
      `${String(matrix.rows)} × ${String(matrix.columns)}`,
    );
  }
  return matrix.data;
}

function copyFlat(values: unknown, into: FloatArray, dtype: Dtype, name: string): void {
  if (!Array.isArray(values) && !isNumericArray(values)) throw invalid('an array of numbers', name, values);
  if (values.length !== into.length) throw wrongLength(`${into.length} numbers`, name, values.length);
  for (let i = 0; i < into.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== 'number') throw invalid('a number', `${name}[${i}]`, value);
    into[i] = value;
    if (!Number.isFinite(into[i]))
      throw expected('NOT_FINITE', `a finite ${dtype} number`, `${name}[${i}]`, describe(value));
  }
}
