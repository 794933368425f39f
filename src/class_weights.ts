import type { NumericArray, Samples } from './backend/backend.js';
import { largest } from './classification.js';
import { expected } from './errors.js';
import { isNumericArray } from './matrix.js';
import { type CheckedSamples, totalWeight } from './samples.js';
import type { Steps } from './steps.js';
import { invalid, isObject, nonNegative } from './validate.js';

/**
 * Factors on the rows' weights by class: an array by class index, or a record by class, 1 for a class that is not in it. The
 * class is the index, or where y's row has its largest number; with one output it is y's value itself, such as 0, 1 or −1.
 */
export type ClassWeights = NumericArray | readonly number[] | Readonly<Record<number, number>>;

/** Checks class weights against a network `outputs` wide; throws `INVALID_ARGUMENT` or `SHAPE_MISMATCH`. */
export function resolveClassWeights(given: unknown, outputs: number): ReadonlyMap<number, number> | undefined {
  if (given === undefined) return undefined;
  const isList = Array.isArray(given) || isNumericArray(given);
  if (!isList && !isObject(given)) throw invalid('an array or a record of numbers by class', 'classWeights', given);
  const classes = Math.max(outputs, 2);
  if (isList && given.length !== classes) {
    throw expected('SHAPE_MISMATCH', `${classes} numbers`, 'classWeights', String(given.length));
  }
  const entries = Object.entries(given as Record<string, unknown>).map(([key, value]): [number, number] => {
    const one = Number(key);
    const known =
      outputs === 1 ? Number.isFinite(one) && key.trim() !== '' : Number.isInteger(one) && one >= 0 && one < outputs;
    if (!known)
      throw invalid(
        outputs === 1 ? 'values of y as keys' : `class indices below ${outputs} as keys`,
        'classWeights',
        key,
      );
    return [one, nonNegative(value, `classWeights[${key}]`)];
  });
  return new Map(entries);
}

/** Rows weighed between two turns of the event loop. */
const stepRows = 2 ** 14;

/** The same samples with each row's weight multiplied by its class's. Throws `INVALID_ARGUMENT` where none is left. */
export function* weighClasses(
  { samples, rows }: CheckedSamples,
  classWeights: ReadonlyMap<number, number> | undefined,
  outputs: number,
): Steps<CheckedSamples> {
  if (!classWeights) return { samples, rows };
  const weights = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    weights[i] = (samples.weights?.[i] ?? 1) * (classWeights.get(classOf(samples, i, outputs)) ?? 1);
    if ((i + 1) % stepRows === 0) yield;
  }
  const weighed = { ...samples, weights };
  if (!(totalWeight(weighed, 0, rows) > 0)) {
    throw expected(
      'INVALID_ARGUMENT',
      'weights that leave a row of positive weight',
      'classWeights',
      'zeros for all rows',
    );
  }
  return { samples: weighed, rows };
}

function classOf({ y, classes }: Samples, row: number, outputs: number): number {
  if (classes) return classes[row];
  return outputs === 1 ? y![row] : largest(y!, row * outputs, outputs);
}
