import type { FloatArray, Samples } from './backend/backend.js';
import { resolveSpec, type Settings, type Spec } from './registry.js';
import { invalid } from './validate.js';

/** Figures over rows that come in pieces. */
export interface Accumulator {
  /** Takes the outputs of rows `rows` of the samples, (rows.length, outputs). */
  add(outputs: FloatArray, rows: Uint32Array): void;
  /** NaN where no row was added. */
  result(): number;
}

export interface Metric<S extends Settings = Settings> {
  readonly settings: S;
  start(samples: Samples, outputs: number): Accumulator;
}

/** Position of the largest of `length` numbers; the first of equals. */
function largest(values: ArrayLike<number>, from: number, length: number): number {
  let at = 0;
  for (let j = 1; j < length; j++) if (values[from + j] > values[from + at]) at = j;
  return at;
}

export const metrics = {
  /**
   * Share of rows that are right: the largest output is the class, or where y's row has its largest number; with one
   * output, output and y are on the same side of 0.5.
   */
  accuracy: {
    settings: {},
    start({ y, classes }, outputs) {
      let right = 0;
      let seen = 0;
      return {
        add(values, rows) {
          seen += rows.length;
          for (let i = 0; i < rows.length; i++) {
            const row = rows[i];
            if (classes) right += Number(largest(values, i * outputs, outputs) === classes[row]);
            else if (!y) continue;
            else if (outputs === 1) right += Number(values[i] > 0.5 === y[row] > 0.5);
            else right += Number(largest(values, i * outputs, outputs) === largest(y, row * outputs, outputs));
          }
        },
        result: () => right / seen,
      };
    },
  },
} satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;
export type MetricSpec = Spec<typeof metrics>;
export type MetricValues = Partial<Record<MetricName, number>>;

export type Accumulators = Readonly<Partial<Record<MetricName, Accumulator>>>;

/** Checks a list of metrics; throws `INVALID_ARGUMENT`. The result starts accumulators over some samples. */
export function resolveMetrics(
  given: unknown,
  outputs: number,
): { count: number; start(samples: Samples): Accumulators } {
  if (given !== undefined && !Array.isArray(given)) throw invalid('an array', 'metrics', given);
  const entries = ((given ?? []) as unknown[]).map((spec, i) => resolveSpec(metrics, spec, `metrics[${i}]`));
  return {
    count: entries.length,
    start: (samples) => Object.fromEntries(entries.map(({ type, entry }) => [type, entry.start(samples, outputs)])),
  };
}

export function results(accumulators: Accumulators): MetricValues {
  return Object.fromEntries(Object.entries(accumulators).map(([name, accumulator]) => [name, accumulator.result()]));
}
