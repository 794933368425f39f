import type { FloatArray, NumericArray, Samples } from './backend/backend.js';
import type { Accumulator, Metric } from './metrics.js';

/** Position of the largest of `length` numbers; the first of equals. */
export function largest(values: ArrayLike<number>, from: number, length: number): number {
  let at = 0;
  for (let j = 1; j < length; j++) if (values[from + j] > values[from + at]) at = j;
  return at;
}

/** The class of a row of the samples, and the class that some outputs name. */
interface Classes {
  readonly count: number;
  target(row: number): number;
  predicted(values: FloatArray, from: number): number;
  /** Whether that class is the row's. */
  isRight(values: FloatArray, from: number, row: number): boolean;
}

/**
 * With several outputs, the class is the index, or where y's row has its largest number, and the largest output names it.
 * With one output there are two: 1 above the threshold and 0 else, the threshold being 0 where y has a negative number (labels
 * ±1) and ½ elsewhere. Beside labels ±1 a score of 0 is wrong for either class, as in the zero-one loss, unless outputs are decisions.
 */
export function classesOf(samples: Samples, outputs: number, areDecisions = false): Classes {
  const { y, classes } = samples;
  if (outputs === 1 && y) {
    const hasSigns = hasNegative(samples, y);
    const threshold = hasSigns ? 0 : 0.5;
    const target = (row: number): number => Number(y[row] > threshold);
    const predicted = (values: FloatArray, from: number): number => Number(values[from] > threshold);
    return {
      count: 2,
      target,
      predicted,
      isRight: (values, from, row) =>
        predicted(values, from) === target(row) && (areDecisions || !hasSigns || values[from] !== 0),
    };
  }
  const target = classes ? (row: number) => classes[row] : (row: number) => largest(y!, row * outputs, outputs);
  const predicted = (values: FloatArray, from: number): number => largest(values, from, outputs);
  return {
    count: Math.max(outputs, 2),
    target,
    predicted,
    isRight: (values, from, row) => predicted(values, from) === target(row),
  };
}

/** Found once for the samples of a fit, not again for each epoch. */
const negativeTargets = new WeakMap<Samples, boolean>();

function hasNegative(samples: Samples, y: NumericArray): boolean {
  let found = negativeTargets.get(samples);
  if (found === undefined) {
    found = y.some((value: number) => value < 0);
    negativeTargets.set(samples, found);
  }
  return found;
}

/** Share of rows for which `counts` holds. */
export function shareOfRows(
  outputs: number,
  counts: (values: FloatArray, from: number, row: number) => boolean,
): Accumulator {
  let counted = 0;
  let seen = 0;
  return {
    add(values, rows) {
      seen += rows.length;
      for (let i = 0; i < rows.length; i++) counted += Number(counts(values, i * outputs, rows[i]));
    },
    result: () => counted / seen,
  };
}

/** Rows of a class that were found, rows taken for it in error, and rows of it that were missed. */
interface Hits {
  readonly found: number;
  readonly wrong: number;
  readonly missed: number;
}

/** A figure of each class's hits: of class 1 where there are two by one output, else the mean over the classes that occur. */
export function byClass(figure: (hits: Hits) => number): Metric<Record<never, never>> {
  return {
    settings: {},
    higherIsBetter: true,
    start(samples, outputs) {
      const { count, target, predicted } = classesOf(samples, outputs);
      const confusion = new Float64Array(count * count); // (targets, predictions)
      const hits = (one: number): Hits => {
        let [wrong, missed] = [0, 0];
        for (let other = 0; other < count; other++) {
          if (other === one) continue;
          wrong += confusion[other * count + one];
          missed += confusion[one * count + other];
        }
        return { found: confusion[one * count + one], wrong, missed };
      };
      return {
        add(values, rows) {
          for (let i = 0; i < rows.length; i++) {
            confusion[target(rows[i]) * count + predicted(values, i * outputs)]++;
          }
        },
        result() {
          if (!confusion.some((rows) => rows > 0)) return Number.NaN;
          if (outputs === 1) return figure(hits(1));
          const present = Array.from({ length: count }, (_, one) => hits(one)).filter(
            ({ found, wrong, missed }) => found + wrong + missed > 0,
          );
          return present.reduce((sum, one) => sum + figure(one), 0) / present.length;
        },
      };
    },
  };
}
