import type { FitOptions } from './fit_options.js';
import type { History } from './history.js';
import { sequence } from './order.js';
import type { NetworkOptions } from './plan.js';
import { countRows, rowOrder, takeSamples } from './rows.js';
import type { Data } from './samples.js';
import { checkArguments, fitNew, resolveConcurrency, type SideBySideOptions, sideBySide } from './side_by_side.js';
import { boolean, integer, options } from './validate.js';

/** How `crossValidate` deals the rows out. */
export interface CrossValidationOptions extends SideBySideOptions {
  /** Parts that the rows are dealt out to, and networks trained; default 5. */
  readonly folds?: number;
  /** Deals the rows out at random; otherwise each fold is a stretch of them. Default true. */
  readonly shuffle?: boolean;
  /** Of the dealing, an unsigned 32-bit integer; default 0. The networks have their own. */
  readonly seed?: number;
}

/** What a network trained on all folds but one makes of that one. */
export interface FoldReport {
  /** Rows held out. */
  readonly rows: number;
  /** Loss and the fit's metrics on the rows held out. */
  readonly evaluation: Readonly<Record<string, number>>;
  /** Of the fit on the other rows. */
  readonly history: History;
}

/** What came of a cross-validation. */
export interface CrossValidation {
  /** One for each fold, in order. */
  readonly folds: readonly FoldReport[];
  /** Of each figure, over the folds. */
  readonly mean: Readonly<Record<string, number>>;
  /** Of each figure between the folds: √(Σ (value − mean)² / (folds − 1)); NaN for a single one. */
  readonly standardDeviation: Readonly<Record<string, number>>;
}

/** The rows as they are dealt out. */
export interface Deal {
  readonly data: Data;
  readonly rows: number;
  readonly rounds: readonly Round[];
}

/** Rows `from` to `to` are judged by, and the others are trained on. */
export interface Round {
  readonly from: number;
  readonly to: number;
}

/**
 * Trains a network for each fold on the rows of the others, and judges it by that fold's (Stone 1974); several at once,
 * each on one thread. The fit's own `validation`, if any, is taken from the rows trained on.
 *
 * Rejects as the constructor throws and `fit` rejects; with `INVALID_ARGUMENT` for more folds than rows, and with
 * `ABORTED` if a signal ends a fit.
 */
export async function crossValidate(
  networkOptions: NetworkOptions,
  data: Data,
  fitOptions: FitOptions,
  given: CrossValidationOptions = {},
): Promise<CrossValidation> {
  checkArguments(networkOptions, data, fitOptions);
  const fields = options(given, 'options of crossValidate', ['folds', 'shuffle', 'seed', 'concurrency']);
  const deal = dealFolds(data, countRows(data.x, networkOptions.inputs), fields);
  const folds = await sideBySide(deal.rounds.length, resolveConcurrency(fields.concurrency), (i) =>
    judgeRound(networkOptions, fitOptions, deal, deal.rounds[i]),
  );
  return { folds, ...summarizeFolds(folds) };
}

/** Checks the options and deals the rows out. Throws `INVALID_ARGUMENT` or `SHAPE_MISMATCH`. */
export function dealFolds(data: Data, rows: number, { folds = 5, shuffle, seed }: CrossValidationOptions): Deal {
  integer(rows, 'the number of rows of x', 2);
  const count = integer(folds, 'folds', 2, rows);
  const start = (fold: number): number => Math.floor((fold * rows) / count);
  const rounds = Array.from({ length: count }, (_, fold) => ({ from: start(fold), to: start(fold + 1) }));
  return { data: shuffleRows(data, rows, shuffle, seed), rows, rounds };
}

/** All rows at random, so that any stretch of them is a sample, or as they are. Throws `INVALID_ARGUMENT` or `SHAPE_MISMATCH`. */
export function shuffleRows(data: Data, rows: number, shuffle: unknown = true, seed: unknown = 0): Data {
  const checkedSeed = integer(seed, 'seed', 0, 2 ** 32 - 1);
  return boolean(shuffle, 'shuffle') ? takeSamples(data, rows, rowOrder(rows, checkedSeed, true)) : data;
}

/** Trains a network on some rows and judges it by the others. */
export function judgeRound(
  networkOptions: NetworkOptions,
  fitOptions: FitOptions,
  { data, rows }: Deal,
  { from, to }: Round,
): Promise<FoldReport> {
  const { loss, metrics } = fitOptions;
  const options = { ...networkOptions, threads: 1 };
  const training = new Uint32Array(rows - (to - from));
  training.set(sequence(0, from));
  training.set(sequence(to, rows - to), from);
  return fitNew(options, takeSamples(data, rows, training), fitOptions, async (network, history) => {
    const held = takeSamples(data, rows, sequence(from, to - from));
    return { result: { rows: to - from, evaluation: await network.evaluate(held, { loss, metrics }), history } };
  });
}

/** Mean and standard deviation of each figure. */
export function summarizeFolds(folds: readonly FoldReport[]): Pick<CrossValidation, 'mean' | 'standardDeviation'> {
  const mean: Record<string, number> = {};
  const standardDeviation: Record<string, number> = {};
  for (const name of Object.keys(folds[0].evaluation)) {
    const values = folds.map(({ evaluation }) => evaluation[name]);
    mean[name] = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean[name]) ** 2, 0);
    standardDeviation[name] = Math.sqrt(squares / (values.length - 1));
  }
  return { mean, standardDeviation };
}
