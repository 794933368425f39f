import type { FloatArray, Samples } from './backend/backend.js';
import { byClass, classesOf, shareOfRows } from './classification.js';
import { expected } from './errors.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { areaUnderCurve } from './roc.js';
import { integer, invalid } from './validate.js';

/** Figures over rows that come in pieces. */
export interface Accumulator {
  /** Takes the outputs of rows `rows` of the samples, (rows.length, outputs). */
  add(outputs: FloatArray, rows: Uint32Array): void;
  /** NaN where no row was added. */
  result(): number;
}

export interface Metric<S extends Settings = Settings> {
  readonly settings: S;
  readonly higherIsBetter: boolean;
  /** `areDecisions`: outputs are classes, 0 and 1, not scores. */
  start(samples: Samples, outputs: number, settings: SettingsOf<S>, areDecisions: boolean): Accumulator;
}

function metric<const S extends Settings>(entry: Metric<S>): Metric<S> {
  return entry;
}

/** Nothing over nothing counts as 0. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** What the outputs of a row should be: class indices stand for 1 there and 0 elsewhere. */
function targetOf({ y, classes }: Samples, outputs: number): (row: number, j: number) => number {
  return classes ? (row, j) => Number(classes[row] === j) : (row, j) => y![row * outputs + j];
}

/** Mean over all elements of a function of output − target. */
function meanOfErrors(of: (error: number) => number): Metric<Record<never, never>> {
  return {
    settings: {},
    higherIsBetter: false,
    start(samples, outputs) {
      const target = targetOf(samples, outputs);
      let sum = 0;
      let seen = 0;
      return {
        add(values, rows) {
          seen += values.length;
          for (let i = 0; i < rows.length; i++) {
            for (let j = 0; j < outputs; j++) sum += of(values[i * outputs + j] - target(rows[i], j));
          }
        },
        result: () => sum / seen,
      };
    },
  };
}

export const metrics = {
  /** Share of rows whose class is right; the class is as in `classesOf`. */
  accuracy: metric({
    settings: {},
    higherIsBetter: true,
    start(samples, outputs, _, areDecisions) {
      return shareOfRows(outputs, classesOf(samples, outputs, areDecisions).isRight);
    },
  }),
  /** The mean zero-one loss: the share of rows whose class is wrong; with labels ±1, where y·output ≤ 0. */
  zeroOne: metric({
    settings: {},
    higherIsBetter: false,
    start(samples, outputs, _, areDecisions) {
      const { isRight } = classesOf(samples, outputs, areDecisions);
      return shareOfRows(outputs, (values, from, row) => !isRight(values, from, row));
    },
  }),
  /** Of the rows taken for a class, the share that are of it; with several outputs the mean over the classes that occur. */
  precision: byClass(({ found, wrong }) => ratio(found, found + wrong)),
  /** Of the rows of a class, the share that are taken for it; with several outputs the mean over the classes that occur. */
  recall: byClass(({ found, missed }) => ratio(found, found + missed)),
  /** The harmonic mean of precision and recall; with several outputs the mean over the classes that occur. */
  f1: byClass(({ found, wrong, missed }) => ratio(2 * found, 2 * found + wrong + missed)),
  /**
   * Area under the receiver operating characteristic: the chance that a row of the class has a larger output than one that is
   * not of it, equal outputs counting half (Hanley and McNeil 1982). With several outputs the mean over the classes against
   * the rest; NaN where all rows are of one class. Keeps every output until the end.
   */
  auc: metric({
    settings: {},
    higherIsBetter: true,
    start(samples, outputs) {
      const { target } = classesOf(samples, outputs);
      const pieces: { scores: FloatArray; targets: Int32Array }[] = [];
      return {
        add(values, rows) {
          pieces.push({ scores: values.slice(), targets: Int32Array.from(rows, target) });
        },
        result: () => areaUnderCurve(pieces, outputs),
      };
    },
  }),
  /** Share of rows with fewer than k outputs larger than their class's. */
  topK: metric({
    settings: { k: setting(5, (value, name) => integer(value, name, 1)) },
    higherIsBetter: true,
    start(samples, outputs, { k }) {
      const { target } = classesOf(samples, outputs);
      return shareOfRows(outputs, (values, from, row) => {
        const own = values[from + target(row)];
        let larger = 0;
        for (let j = 0; j < outputs; j++) larger += Number(values[from + j] > own);
        return larger < k;
      });
    },
  }),
  /** Mean of (output − target)² over all elements; a class index stands for 1 there and 0 elsewhere. */
  meanSquaredError: meanOfErrors((error) => error * error),
  /** Mean of |output − target| over all elements. */
  meanAbsoluteError: meanOfErrors(Math.abs),
  /**
   * Coefficient of determination: 1 − Σ(y − output)² / Σ(y − ȳ)², the mean over the outputs; for a constant y it is 1 where
   * all outputs are right and 0 elsewhere.
   */
  rSquared: metric({
    settings: {},
    higherIsBetter: true,
    start(samples, outputs) {
      const target = targetOf(samples, outputs);
      const errors = new Float64Array(outputs);
      // Running mean and sum of squared distances from it: Welford 1962.
      const means = new Float64Array(outputs);
      const spreads = new Float64Array(outputs);
      let seen = 0;
      return {
        add(values, rows) {
          for (let i = 0; i < rows.length; i++) {
            seen++;
            for (let j = 0; j < outputs; j++) {
              const y = target(rows[i], j);
              errors[j] += (y - values[i * outputs + j]) ** 2;
              const distance = y - means[j];
              means[j] += distance / seen;
              spreads[j] += distance * (y - means[j]);
            }
          }
        },
        result() {
          if (seen === 0) return Number.NaN;
          let sum = 0;
          for (let j = 0; j < outputs; j++) {
            sum += spreads[j] === 0 ? Number(errors[j] === 0) : 1 - errors[j] / spreads[j];
          }
          return sum / outputs;
        },
      };
    },
  }),
} satisfies Readonly<Record<string, Metric>>;

/**
 * The metrics there are. Shares of rows: accuracy, whose class is right; zeroOne, whose class is wrong, with labels ±1 where y·output ≤ 0;
 * topK. Of the classes, with several outputs the mean over those that occur: precision, recall, f1 and auc, the area under the receiver
 * operating characteristic. Of the outputs: meanSquaredError, meanAbsoluteError, and rSquared, 1 − Σ(y − output)² / Σ(y − ȳ)². The class is
 * the largest output's, or with one output 1 above ½ (above 0 where y has a negative number) and 0 else.
 */
export type MetricName = keyof typeof metrics;
/** A metric's name, or `{ type, … }` with its settings. */
export type MetricSpec = Spec<typeof metrics>;
/** Figures by the names of their metrics. */
export type MetricValues = Partial<Record<MetricName, number>>;

/** The share of rows whose class is among the `k` (default 5) largest outputs. Throws `INVALID_ARGUMENT`. */
export function topK(
  settings: Partial<SettingsOf<(typeof metrics)['topK']['settings']>> = {},
): Required<SpecObject<typeof metrics, 'topK'>> {
  return makeSpec(metrics, 'topK', settings);
}

export type Accumulators = Readonly<Partial<Record<MetricName, Accumulator>>>;

export interface ResolvedMetrics {
  readonly names: readonly MetricName[];
  start(samples: Samples): Accumulators;
}

/** Checks a list of metrics; throws `INVALID_ARGUMENT`. The result starts accumulators over some samples. */
export function resolveMetrics(given: unknown, outputs: number, areDecisions = false): ResolvedMetrics {
  if (given !== undefined && !Array.isArray(given)) throw invalid('an array', 'metrics', given);
  const resolved = ((given ?? []) as unknown[]).map((spec, i) => resolveSpec(metrics, spec, `metrics[${i}]`));
  const names = resolved.map(({ type }) => type);
  const again = names.findIndex((name, i) => names.indexOf(name) < i);
  if (again >= 0) throw expected('INVALID_ARGUMENT', 'each metric once', `metrics[${again}]`, names[again]);
  return {
    names,
    start: (samples) =>
      Object.fromEntries(
        resolved.map(({ type, entry, settings }) => [
          type,
          (entry as unknown as Metric).start(samples, outputs, settings, areDecisions),
        ]),
      ),
  };
}

export function results(accumulators: Accumulators): MetricValues {
  return Object.fromEntries(Object.entries(accumulators).map(([name, accumulator]) => [name, accumulator.result()]));
}
