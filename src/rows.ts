import type { NumericArray } from './backend/backend.js';
import { expected } from './errors.js';
import { isNumericArray, Matrix, type MatrixLike } from './matrix.js';
import { EpochOrders } from './order.js';
import type { Data } from './samples.js';
import { runNow } from './steps.js';
import { invalid, isObject, options } from './validate.js';

/** How many rows x has; `inputs`, their width, is needed where x is a flat typed array. Throws `INVALID_ARGUMENT` or `SHAPE_MISMATCH`. */
export function countRows(x: unknown, inputs: number | undefined, name = 'x'): number {
  if (Array.isArray(x)) return x.length;
  if (isObject(x) && isNumericArray(x.data) && Number.isInteger(x.rows)) return x.rows as number;
  if (!isNumericArray(x) || inputs === undefined) throw invalid('a Matrix or an array of rows', name, x);
  if (x.length % inputs !== 0) {
    throw expected('SHAPE_MISMATCH', `a multiple of ${inputs} numbers`, name, String(x.length));
  }
  return x.length / inputs;
}

/** All rows, at random or in sequence, to be dealt out to parts. */
export function rowOrder(rows: number, seed: number, shuffle: boolean): Uint32Array {
  return runNow(new EpochOrders(seed, rows, shuffle).take({ firstEpoch: 0, epochs: 1, from: 0, to: rows }));
}

/** A copy of some rows of `{ x, y, weight? }` that has `rows` rows. Throws `SHAPE_MISMATCH` or `INVALID_ARGUMENT`. */
export function takeSamples(data: Data, rows: number, chosen: Uint32Array): Data {
  const { x, y, weight } = options(data, 'data', ['x', 'y', 'weight']);
  return {
    x: takeRows(x, rows, chosen, 'x'),
    y: takeRows(y, rows, chosen, 'y'),
    ...(weight !== undefined && { weight: takeRows(weight, rows, chosen, 'weight') as NumericArray | number[] }),
  };
}

/** A copy of some rows, as what came: a flat array of any width is seen as `rows` equal rows. */
export function takeRows(values: MatrixLike, rows: number, chosen: Uint32Array, name: string): MatrixLike {
  if (Array.isArray(values)) {
    if (values.length !== rows) throw expected('SHAPE_MISMATCH', `${rows} rows`, name, String(values.length));
    return Array.from(chosen, (row) => values[row]);
  }
  if (isNumericArray(values)) return takeFlat(values, rows, chosen, name);
  if (!isObject(values) || !isNumericArray(values.data) || values.rows !== rows) {
    throw invalid(`${rows} rows, as many as x has,`, name, values);
  }
  return new Matrix(takeFlat(values.data, rows, chosen, `${name}.data`), chosen.length, values.columns as number);
}

function takeFlat(values: NumericArray, rows: number, chosen: Uint32Array, name: string): NumericArray {
  const width = values.length / rows;
  if (!Number.isInteger(width)) {
    throw expected(
      'SHAPE_MISMATCH',
      `a multiple of ${rows} numbers, for as many rows as x has,`,
      name,
      String(values.length),
    );
  }
  const taken = new (values.constructor as new (length: number) => NumericArray)(chosen.length * width);
  for (let i = 0, end = 1; i < chosen.length; i = end++) {
    // Rows that follow one another in one go.
    while (end < chosen.length && chosen[end] === chosen[end - 1] + 1) end++;
    taken.set(values.subarray(chosen[i] * width, (chosen[end - 1] + 1) * width), i * width);
  }
  return taken;
}
