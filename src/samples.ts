import type { Dtype, Kernels, NumericArray, Samples } from './backend/backend.js';
import { weighClasses } from './class_weights.js';
import { describe, expected } from './errors.js';
import { checkFinite, isNumericArray, isOfDtype, Matrix, type MatrixLike, type Rows, readRows } from './matrix.js';
import { runNow, type Steps } from './steps.js';
import { integer, invalid, isObject, options } from './validate.js';

/** Rows to learn from or to judge by. */
export interface Data {
  /** (rows, inputs). */
  readonly x: MatrixLike;
  /** (rows, outputs), or one class index per row where the loss takes them. */
  readonly y: MatrixLike;
  /** One non-negative number per row; every row counts 1 where absent. */
  readonly weight?: NumericArray | readonly number[];
}

/** What samples have to fit. */
export interface SampleShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly dtype: Dtype;
  /** Compute threads that may share a long check. */
  readonly threads: number;
  readonly firstNotFinite: Kernels['firstNotFinite'];
}

export interface CheckedSamples {
  readonly samples: Samples;
  readonly rows: number;
}

/** Elements looked at between two turns of the event loop. */
const stepElements = 2 ** 18;

/**
 * Checks `{ x, y, weight? }` whole. Typed arrays of x and y are kept, not copied; class indices and weights are copied.
 * Throws `SHAPE_MISMATCH`, `NOT_FINITE` or `INVALID_ARGUMENT`; `prefix` is put before the names x, y and weight.
 */
export function* readSamples(
  data: unknown,
  shape: SampleShape,
  acceptsClasses: boolean,
  prefix = '',
): Steps<CheckedSamples> {
  const { x, y, weight } = options(data, prefix === '' ? 'data' : prefix.slice(0, -1), ['x', 'y', 'weight']);
  const checkedX = yield* readInputs(x, shape, `${prefix}x`);
  const { rows } = checkedX;
  if (rows === 0) throw expected('INVALID_ARGUMENT', 'at least one row', `${prefix}x`, 'none');
  const flat = shape.outputs > 1 && acceptsClasses ? asClasses(y, rows) : undefined;
  const targets: Pick<Samples, 'y' | 'classes'> = flat
    ? { classes: yield* copyClasses(flat, rows, shape.outputs, `${prefix}y`) }
    : { y: (yield* readTargets(y, rows, shape, `${prefix}y`)).data };
  const weights = weight === undefined ? {} : { weights: yield* copyWeights(weight, rows, `${prefix}weight`) };
  return { samples: { x: checkedX.data, ...targets, ...weights }, rows };
}

/** x as rows of the network's inputs, all finite. */
export function* readInputs(x: unknown, shape: SampleShape, name: string): Steps<Rows> {
  const { inputs, dtype } = shape;
  const checked = yield* readRows(x, inputs, dtype, name);
  yield* checkFinite(checked, inputs, name, shape);
  return checked;
}

/** The same at one go; what needs no conversion and no error is checked without generators, which take a microsecond. */
export function readInputsNow(x: unknown, shape: SampleShape, name: string): Rows {
  const { inputs, dtype, threads, firstNotFinite } = shape;
  const data = x instanceof Matrix && x.columns === inputs && x.data.length === x.rows * inputs ? x.data : x;
  if (isOfDtype(data, dtype) && data.length % inputs === 0) {
    if (firstNotFinite(data, 0, data.length, threads) < 0) return { data, rows: data.length / inputs };
  }
  return runNow(readInputs(x, shape, name));
}

function* readTargets(y: unknown, rows: number, shape: SampleShape, name: string): Steps<Rows> {
  const { outputs, dtype } = shape;
  const checked = yield* readRows(y, outputs, dtype, name);
  if (checked.rows !== rows)
    throw expected('SHAPE_MISMATCH', `${rows} rows, as many as x has,`, name, String(checked.rows));
  yield* checkFinite(checked, outputs, name, shape);
  return checked;
}

/** y where it holds one number per row; a distribution has more, because there are several outputs. */
function asClasses(y: unknown, rows: number): NumericArray | readonly unknown[] | undefined {
  if (isObject(y) && y.columns === 1 && isNumericArray(y.data)) return y.data;
  if (isNumericArray(y) && y.length === rows) return y;
  return Array.isArray(y) && !Array.isArray(y[0]) && !isNumericArray(y[0]) ? y : undefined;
}

function* copyClasses(y: ArrayLike<unknown>, rows: number, outputs: number, name: string): Steps<Int32Array> {
  if (y.length !== rows)
    throw expected('SHAPE_MISMATCH', `${rows} class indices, as many as x has rows,`, name, String(y.length));
  const classes = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const value = y[i];
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw expected('NOT_FINITE', 'a class index', `${name} at row ${i}, column 0`, String(value));
    }
    // The name of the element is made only for the error: a string for each of a million rows would take 100 ms.
    const valid = Number.isInteger(value) && (value as number) >= 0 && (value as number) < outputs;
    classes[i] = valid ? (value as number) : integer(value, `${name}[${i}]`, 0, outputs - 1);
    if ((i + 1) % stepElements === 0) yield;
  }
  return classes;
}

function* copyWeights(weight: unknown, rows: number, name: string): Steps<Float64Array> {
  if (!isNumericArray(weight) && !Array.isArray(weight)) throw invalid('an array of numbers', name, weight);
  if (weight.length !== rows)
    throw expected('SHAPE_MISMATCH', `${rows} numbers, as many as x has rows,`, name, String(weight.length));
  const weights = new Float64Array(rows);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const value: unknown = weight[i];
    if (typeof value !== 'number' || !(value >= 0)) throw invalid('a number ≥ 0', `${name}[${i}]`, value);
    sum += value;
    weights[i] = value;
    if ((i + 1) % stepElements === 0) yield;
  }
  if (!Number.isFinite(sum)) throw expected('NOT_FINITE', 'a finite sum', name, describe(sum));
  if (sum === 0) throw expected('INVALID_ARGUMENT', 'at least one positive number', name, 'zeros');
  return weights;
}

/** Σ w over rows `from` to `from + rows`: how many they count for. */
export function totalWeight({ weights }: Samples, from: number, rows: number): number {
  if (!weights) return rows;
  let sum = 0;
  for (let i = from; i < from + rows; i++) sum += weights[i];
  return sum;
}

/** The rows a fit trains on and those it validates on, `from` being the first of the latter. */
export interface FitSamples {
  readonly training: CheckedSamples;
  readonly validation: (CheckedSamples & { readonly from: number }) | undefined;
}

/** Rows that are left to train on where a share is taken from the end for validation. */
export function trainingRows(rows: number, share: number): number {
  return Math.floor(rows * (1 - share));
}

/**
 * Checks a fit's rows and sets apart the validation's: a share from the end, or rows of their own. Class weights are for the
 * rows trained on.
 */
export function* readFitSamples(
  data: unknown,
  validation: unknown,
  shape: SampleShape,
  acceptsClasses: boolean,
  classWeights: ReadonlyMap<number, number> | undefined,
): Steps<FitSamples> {
  const all = yield* readSamples(data, shape, acceptsClasses);
  const { samples } = yield* weighClasses(all, classWeights, shape.outputs);
  if (validation === undefined) return { training: { samples, rows: all.rows }, validation: undefined };
  if (typeof validation !== 'number') {
    const own = yield* readSamples(validation, shape, acceptsClasses, 'validation.');
    return { training: { samples, rows: all.rows }, validation: { ...own, from: 0 } };
  }
  const from = trainingRows(all.rows, validation);
  const rows = all.rows - from;
  if (totalWeight(samples, 0, from) === 0 || totalWeight(all.samples, from, rows) === 0) {
    throw invalid('a share that leaves rows of a positive weight on both sides', 'validation', validation);
  }
  return { training: { samples, rows: from }, validation: { samples: all.samples, rows, from } };
}
