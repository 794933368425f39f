import type { EpochReport, History } from './history.js';
import { type MetricName, metrics } from './metrics.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { boolean, integer, invalid, nonNegative, oneOf, positive } from './validate.js';

/** A rule as it watches one fit. */
interface Watcher {
  /** Told of each epoch: whether it is the best so far, to be gone back to, and whether the fit ends. */
  epoch(report: EpochReport): { best: boolean; stop: boolean };
}

interface StopRule<S extends Settings = Settings> {
  readonly settings: S;
  readonly stoppedBy: History['stoppedBy'];
  watch(settings: SettingsOf<S>, figure: Figure): Watcher;
}

/** A figure of an epoch's report, and whether more of it is better. */
interface Figure {
  readonly higherIsBetter: boolean;
  of(report: EpochReport): number;
}

function rule<const S extends Settings>(entry: StopRule<S>): StopRule<S> {
  return entry;
}

function monitorName(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalid("a name such as 'loss' or 'validation.accuracy'", name, value);
  return value;
}

export const stopRules = {
  tolerance: rule({
    settings: { change: setting(1e-4, positive) },
    stoppedBy: 'tolerance',
    watch({ change }) {
      let last: number | undefined;
      return {
        epoch({ loss }) {
          const stop = last !== undefined && Math.abs(loss - last) < change;
          last = loss;
          return { best: false, stop };
        },
      };
    },
  }),
  earlyStopping: rule({
    settings: {
      monitor: setting<string | undefined>(undefined, monitorName),
      patience: setting(0, (value, name) => integer(value, name, 0)),
      minDelta: setting(0, nonNegative),
      restoreBest: setting(false, boolean),
    },
    stoppedBy: 'earlyStopping',
    watch({ patience, minDelta, restoreBest }, { higherIsBetter, of }) {
      const sign = higherIsBetter ? -1 : 1;
      let best = Number.POSITIVE_INFINITY;
      let without = 0;
      return {
        epoch(report) {
          const value = sign * of(report);
          const better = value < best - minDelta;
          if (better) {
            best = value;
            without = 0;
          } else without++;
          return { best: better && restoreBest, stop: without > 0 && without >= patience };
        },
      };
    },
  }),
} satisfies Readonly<Record<string, StopRule>>;

/** A stop rule's name, or `{ type, … }` with its settings. */
export type StopSpec = Spec<typeof stopRules>;
type StopObject<N extends keyof typeof stopRules> = Required<SpecObject<typeof stopRules, N>>;
type StopSettings<N extends keyof typeof stopRules> = Partial<SettingsOf<(typeof stopRules)[N]['settings']>>;

/** Ends the fit after the first epoch whose loss differs from the one before by less than `change` (default 1e-4). Throws `INVALID_ARGUMENT`. */
export function tolerance(settings: StopSettings<'tolerance'> = {}): StopObject<'tolerance'> {
  return makeSpec(stopRules, 'tolerance', settings);
}

/**
 * Ends the fit after `patience` epochs in a row (0, the default, is as 1) in which `monitor` was not better than its best by
 * more than `minDelta` (default 0). `monitor` is 'loss', a metric's name, or 'validation.' before one of them; default: the
 * validation's loss where there is validation, else the loss. With `restoreBest`, a fit that ends by a rule or with its last
 * epoch leaves the parameters as after the best epoch; the optimizer's state stays. Throws `INVALID_ARGUMENT`.
 */
export function earlyStopping(settings: StopSettings<'earlyStopping'> = {}): StopObject<'earlyStopping'> {
  return makeSpec(stopRules, 'earlyStopping', settings);
}

/** A fit's stop rules, started. */
export interface Stopping {
  /** Whether the parameters after this epoch are to be kept, and what ends the fit now, if anything. */
  epoch(report: EpochReport): { best: boolean; stoppedBy: History['stoppedBy'] | undefined };
}

/** Checks a list of stop rules; throws `INVALID_ARGUMENT`, also where a rule looks at a figure that the fit does not have. */
export function resolveStop(
  given: unknown,
  fitMetrics: readonly string[],
  validates: boolean,
): { count: number; start(): Stopping } {
  if (given !== undefined && !Array.isArray(given)) throw invalid('an array', 'stop', given);
  const figures = ['loss', ...fitMetrics];
  const known = validates ? [...figures, ...figures.map((name) => `validation.${name}`)] : figures;
  const rules = ((given ?? []) as unknown[]).map((spec, i) => {
    const { entry, settings } = resolveSpec(stopRules, spec, `stop[${i}]`);
    const monitor = settings.monitor ?? (validates ? 'validation.loss' : 'loss');
    const figure = figureOf(oneOf(monitor, `stop[${i}].monitor`, known));
    return { entry: entry as unknown as StopRule, settings, figure };
  });
  return {
    count: rules.length,
    start() {
      const watchers = rules.map(({ entry, settings, figure }) => ({ entry, watcher: entry.watch(settings, figure) }));
      return {
        epoch(report) {
          const seen = watchers.map(({ entry, watcher }) => ({ entry, ...watcher.epoch(report) }));
          return { best: seen.some(({ best }) => best), stoppedBy: seen.find(({ stop }) => stop)?.entry.stoppedBy };
        },
      };
    },
  };
}

function figureOf(monitor: string): Figure {
  const name = monitor.replace('validation.', '') as 'loss' | MetricName;
  const validation = monitor !== name;
  return {
    higherIsBetter: name !== 'loss' && metrics[name].higherIsBetter,
    of: (report) => (validation ? report.validation : report)?.[name] ?? Number.NaN,
  };
}
