import { countRows, rowOrder, takeSamples } from '../rows.js';
import type { Data } from '../samples.js';
import { boolean, integer, number, options } from '../validate.js';

/** How `split` deals the rows out. */
export interface SplitOptions {
  /** Share of the rows to set apart, between 0 and 1; default 0.25. At least one row is on either side. */
  readonly test?: number;
  /** Draws the rows at random, both parts in random order; otherwise the test rows are the last. Default true. */
  readonly shuffle?: boolean;
  /** Unsigned 32-bit integer; default 0. */
  readonly seed?: number;
  /** Numbers per row of x: needed where that is a flat typed array. */
  readonly inputs?: number;
}

/** The rows of both parts. */
export interface Split {
  readonly training: Data;
  readonly test: Data;
}

/**
 * Copies the rows of `{ x, y, weight? }` into those to train on and those to judge by; each part's x, y and weight are of
 * the kind that came. Throws `INVALID_ARGUMENT`, also for fewer than two rows, or `SHAPE_MISMATCH`.
 */
export function split(data: Data, given: SplitOptions = {}): Split {
  const fields = options(given, 'options of split', ['test', 'shuffle', 'seed', 'inputs']);
  const test = number(fields.test ?? 0.25, 'test', 'a share between 0 and 1', (share) => share > 0 && share < 1);
  const seed = integer(fields.seed ?? 0, 'seed', 0, 2 ** 32 - 1);
  const inputs = fields.inputs === undefined ? undefined : integer(fields.inputs, 'inputs', 1);
  const rows = integer(countRows(data.x, inputs), 'the number of rows of x', 2);
  const testRows = Math.min(rows - 1, Math.max(1, Math.round(test * rows)));
  const order = rowOrder(rows, seed, boolean(fields.shuffle ?? true, 'shuffle'));
  return {
    training: takeSamples(data, rows, order.subarray(0, rows - testRows)),
    test: takeSamples(data, rows, order.subarray(rows - testRows)),
  };
}
