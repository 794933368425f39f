import type { FitOptions } from './fit_options.js';
import type { History } from './history.js';
import type { NetworkOptions } from './plan.js';
import { countRows, rowOrder, takeSamples } from './rows.js';
import type { Data } from './samples.js';
import { checkArguments, fitNew, resolveConcurrency, type SideBySideOptions, sideBySide } from './side_by_side.js';
import { boolean, integer, options } from './validate.js';

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
  readonly history: History;
}

export interface CrossValidation {
  readonly folds: readonly FoldReport[];
  /** Of each figure, over the folds. */
  readonly mean: Readonly<Record<string, number>>;
  /** Of each figure between the folds: √(Σ (value − mean)² / (folds − 1)); NaN for a single one. */
  readonly standardDeviation: Readonly<Record<string, number>>;
}

/** Rows to train on and rows to judge by. */
export interface Round {
  readonly training: Uint32Array;
  readonly held: Uint32Array;
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
  const rows = countRows(data.x, networkOptions.inputs);
  const rounds = dealFolds(rows, fields);
  const folds = await sideBySide(rounds.length, resolveConcurrency(fields.concurrency), (i) =>
    judgeRound(networkOptions, data, fitOptions, rows, rounds[i]),
  );
  return { folds, ...summarizeFolds(folds) };
}

/** Checks the options and deals the rows out. Throws `INVALID_ARGUMENT`. */
export function dealFolds(rows: number, { folds = 5, shuffle = true, seed = 0 }: CrossValidationOptions): Round[] {
  integer(rows, 'the number of rows of x', 2);
  const count = integer(folds, 'folds', 2, rows);
  const order = rowOrder(rows, integer(seed, 'seed', 0, 2 ** 32 - 1), boolean(shuffle, 'shuffle'));
  return Array.from({ length: count }, (_, fold) => {
    const [from, to] = [fold, fold + 1].map((i) => Math.floor((i * rows) / count));
    return { held: order.slice(from, to), training: order.filter((_row, at) => at < from || at >= to) };
  });
}

/** Trains a network on some rows and judges it by others. */
export function judgeRound(
  networkOptions: NetworkOptions,
  data: Data,
  fitOptions: FitOptions,
  rows: number,
  { training, held }: Round,
): Promise<FoldReport> {
  const { loss, metrics } = fitOptions;
  const options = { ...networkOptions, threads: 1 };
  return fitNew(options, takeSamples(data, rows, training), fitOptions, async (network, history) => {
    const evaluation = await network.evaluate(takeSamples(data, rows, held), { loss, metrics });
    return { result: { rows: held.length, evaluation, history } };
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
