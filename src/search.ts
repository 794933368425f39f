import {
  type CrossValidation,
  type Deal,
  dealFolds,
  judgeRound,
  shuffleRows,
  summarizeFolds,
} from './cross_validate.js';
import type { FitOptions } from './fit_options.js';
import type { History } from './history.js';
import { type MetricName, metrics } from './metrics.js';
import type { Network } from './network.js';
import { parameterCount } from './parameters.js';
import { type NetworkOptions, resolveNetwork } from './plan.js';
import { RandomGenerator } from './random.js';
import { countRows } from './rows.js';
import { type Data, trainingRows } from './samples.js';
import { checkArguments, fitNew, resolveConcurrency, type SideBySideOptions, sideBySide } from './side_by_side.js';
import { integer, invalid, isObject, number, options } from './validate.js';

/** Values to choose from, or, in a random search, a function that draws one from numbers uniform in [0, 1). */
export type Choices<T> = readonly T[] | ((random: () => number) => T);
/** Choices for any of the options of T. */
export type ChoicesOf<T> = { readonly [K in keyof T]?: Choices<T[K]> };

/** What `search` tries, and how it judges. */
export interface SearchOptions extends SideBySideOptions {
  /** Options of the network to try, such as `{ layers: [[dense(1)], [dense(8), dense(1)]] }`. */
  readonly network?: ChoicesOf<NetworkOptions>;
  /** Options of the fit to try, such as `{ batchSize: [8, 32] }`. */
  readonly fit?: ChoicesOf<FitOptions>;
  /** Random search (Bergstra and Bengio 2012): so many draws. Default: a grid, every combination of the values. */
  readonly trials?: number;
  /** Judges each by cross-validation of so many folds; default 5. */
  readonly folds?: number;
  /** Instead of `folds`: judges each once, by this share of the rows, the same for all. */
  readonly validation?: number;
  /** 'loss' (default) or one of the fit's metrics. */
  readonly monitor?: string;
  /** Deals the rows out at random; default true. */
  readonly shuffle?: boolean;
  /** Of the dealing and the draws, an unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** One combination, and what came of it. */
export interface Trial extends CrossValidation {
  /** What it differs in from the options that all have in common. */
  readonly network: Partial<NetworkOptions>;
  /** The same of the fit's options. */
  readonly fit: Partial<FitOptions>;
  /** Mean of what is monitored over the folds. */
  readonly score: number;
}

/** What a search found. */
export interface SearchReport {
  /** Trained with the best trial's options on all rows. The caller's to dispose of. */
  readonly network: Network;
  /** Of that training. */
  readonly history: History;
  /** The one of the best score; of equal ones the first. */
  readonly best: Trial;
  /** All, in the order of the grid (the last option running fastest) or of the draws. */
  readonly trials: readonly Trial[];
}

const optionNames = ['network', 'fit', 'trials', 'folds', 'validation', 'monitor', 'shuffle', 'seed', 'concurrency'];

/** First number of the random streams of the draws. */
const searchStream = 4;

/**
 * Tries options of the network and of the fit, in place of or besides those that all have in common, judges each combination by rows it was not trained on, and trains the best
 * on all. Many networks train at once, each on one thread.
 *
 * Rejects as the constructor throws and `fit` rejects, for any of the combinations; with `INVALID_ARGUMENT` for options that
 * are not its own, and with `ABORTED` if a signal ends a fit.
 */
export async function search(
  networkOptions: Pick<NetworkOptions, 'inputs'> & Partial<NetworkOptions>,
  data: Data,
  fitOptions: Partial<FitOptions>,
  given: SearchOptions,
): Promise<SearchReport> {
  checkArguments(networkOptions, data, fitOptions);
  const fields = options(given, 'options of search', optionNames);
  const rows = countRows(data.x, networkOptions.inputs);
  const deal = dealRounds(data, rows, fields);
  const { rounds } = deal;
  const sign = higherIsBetter(fields.monitor ?? 'loss', fitOptions) ? -1 : 1;
  const combinations = combine(fields).map(({ network, fit }) => ({
    network,
    fit,
    // Whether nothing is missing shows when a network is made and fitted.
    networkOptions: { ...networkOptions, ...network } as NetworkOptions,
    fitOptions: { ...fitOptions, ...fit } as FitOptions,
  }));
  const concurrency = resolveConcurrency(fields.concurrency);
  const costs = combinations.map(({ networkOptions, fitOptions }) => {
    const { layers } = resolveNetwork(networkOptions).plan;
    return layers.reduce((sum, layer) => sum + parameterCount(layer), 0) * (fitOptions.epochs ?? 1);
  });
  const reports = await sideBySide(
    combinations.length * rounds.length,
    concurrency,
    (i) => {
      const { networkOptions, fitOptions } = combinations[Math.floor(i / rounds.length)];
      return judgeRound(networkOptions, fitOptions, deal, rounds[i % rounds.length]);
    },
    (i) => costs[Math.floor(i / rounds.length)],
  );
  const trials = combinations.map(({ network, fit }, i): Trial => {
    const folds = reports.slice(i * rounds.length, (i + 1) * rounds.length);
    const summary = summarizeFolds(folds);
    return { network, fit, score: summary.mean[fields.monitor ?? 'loss'], folds, ...summary };
  });
  const rank = ({ score }: Trial): number => (Number.isNaN(score) ? Number.POSITIVE_INFINITY : sign * score);
  const best = trials.reduce((first, trial) => (rank(trial) < rank(first) ? trial : first));
  const chosen = combinations[trials.indexOf(best)];
  return fitNew(chosen.networkOptions, data, chosen.fitOptions, async (network, history) => ({
    result: { network, history, best, trials },
    kept: true,
  }));
}

function dealRounds(data: Data, rows: number, { folds, validation, shuffle, seed }: SearchOptions): Deal {
  if (validation === undefined) return dealFolds(data, rows, { folds, shuffle, seed });
  if (folds !== undefined) throw invalid('none beside validation', 'folds', folds);
  const share = number(validation, 'validation', 'a share between 0 and 1', (v) => v > 0 && v < 1);
  const from = Math.max(1, trainingRows(integer(rows, 'the number of rows of x', 2), share));
  return { data: shuffleRows(data, rows, shuffle, seed), rows, rounds: [{ from, to: rows }] };
}

function higherIsBetter(monitor: unknown, fitOptions: Partial<FitOptions>): boolean {
  const names = (fitOptions.metrics ?? []).map((metric) => (typeof metric === 'string' ? metric : metric.type));
  if (monitor === 'loss') return false;
  if (!names.includes(monitor as MetricName))
    throw invalid(`one of ${['loss', ...names].join(', ')}`, 'monitor', monitor);
  return metrics[monitor as MetricName].higherIsBetter;
}

interface Combination {
  readonly network: Partial<NetworkOptions>;
  readonly fit: Partial<FitOptions>;
}

/** One option to vary. */
interface Dimension {
  readonly of: 'network' | 'fit';
  readonly option: string;
  readonly choices: Choices<unknown>;
}

/** All combinations of a grid, or as many draws as there are trials. */
function combine(fields: SearchOptions): Combination[] {
  const dimensions = (['network', 'fit'] as const).flatMap((of) => readDimensions(of, fields[of], fields.trials));
  if (dimensions.length === 0) throw invalid('something to vary in network or fit', 'options of search', fields);
  if (fields.trials === undefined) {
    const sizes = dimensions.map(({ choices }) => choices.length);
    const count = sizes.reduce((product, size) => product * size, 1);
    return Array.from({ length: count }, (_, i) => {
      let left = i;
      const at = sizes.map(() => 0);
      for (let d = sizes.length - 1; d >= 0; d--) {
        at[d] = left % sizes[d];
        left = Math.floor(left / sizes[d]);
      }
      return combination(dimensions, ({ choices }, d) => (choices as readonly unknown[])[at[d]]);
    });
  }
  return Array.from({ length: integer(fields.trials, 'trials', 1) }, (_, trial) => {
    const random = new RandomGenerator(fields.seed ?? 0, searchStream, trial);
    return combination(dimensions, ({ choices }) =>
      typeof choices === 'function' ? choices(() => random.uniform()) : choices[random.integer(choices.length)],
    );
  });
}

function readDimensions(of: 'network' | 'fit', given: unknown, trials: unknown): Dimension[] {
  if (given === undefined) return [];
  if (!isObject(given)) throw invalid('an object of arrays', of, given);
  return Object.entries(given).map(([option, choices]) => {
    const draws = typeof choices === 'function' && trials !== undefined;
    if (!draws && (!Array.isArray(choices) || choices.length === 0)) {
      throw invalid('an array of at least one value (or, with trials, a function)', `${of}.${option}`, choices);
    }
    return { of, option, choices: choices as Choices<unknown> };
  });
}

function combination(
  dimensions: readonly Dimension[],
  value: (dimension: Dimension, d: number) => unknown,
): Combination {
  const chosen: Record<Dimension['of'], Record<string, unknown>> = { network: {}, fit: {} };
  dimensions.forEach((dimension, d) => {
    chosen[dimension.of][dimension.option] = value(dimension, d);
  });
  return chosen;
}
