import { expected } from './errors.js';
import type { FitOptions } from './fit_options.js';
import type { History } from './history.js';
import type { Network } from './network.js';
import { sequence } from './order.js';
import type { NetworkOptions } from './plan.js';
import { countRows, takeSamples } from './rows.js';
import { type Data, trainingRows } from './samples.js';
import { checkArguments, fitNew, resolveConcurrency, type SideBySideOptions, sideBySide } from './side_by_side.js';
import { integer, invalid, options } from './validate.js';

/** Where `fitRestarts` starts from. */
export interface RestartOptions extends SideBySideOptions {
  /** Starting points; default: as many as there are seeds, else 10. */
  readonly restarts?: number;
  /** The seed of each; default: the network's and those that follow it. */
  readonly seeds?: readonly number[];
}

/** What one starting point led to. */
export interface Restart {
  /** The network's. */
  readonly seed: number;
  /** After the fit: of the validation's rows where there is validation, else of all rows. */
  readonly loss: number;
  /** Of its fit. */
  readonly history: History;
}

/** What the best starting point led to, and all others. */
export interface Restarts extends Restart {
  /** The one of the lowest loss, trained; of equal ones the first. The caller's to dispose of. */
  readonly network: Network;
  /** Of all starting points, in the order of their seeds. */
  readonly runs: readonly Restart[];
}

/**
 * Fits networks that differ in nothing but their seeds, so in their initial weights, their order and their dropout masks,
 * several at once, each on one thread; keeps the best. A fit whose loss is not finite comes last.
 *
 * Rejects as the constructor throws and `fit` rejects, and with `ABORTED` if a signal ends a fit.
 */
export async function fitRestarts(
  networkOptions: NetworkOptions,
  data: Data,
  fitOptions: FitOptions,
  given: RestartOptions = {},
): Promise<Restarts> {
  checkArguments(networkOptions, data, fitOptions);
  const fields = options(given, 'options of fitRestarts', ['restarts', 'seeds', 'concurrency']);
  const seeds = resolveSeeds(fields, networkOptions);
  const { loss, validation } = fitOptions;
  let best: { readonly i: number; readonly run: Restart; readonly network: Network } | undefined;
  const runs = await sideBySide(seeds.length, resolveConcurrency(fields.concurrency), (i) =>
    fitNew({ ...networkOptions, seed: seeds[i], threads: 1 }, data, fitOptions, async (network, history) => {
      const { loss: value } = await network.evaluate(judgedBy(data, validation, network.inputs), { loss });
      const run: Restart = { seed: seeds[i], loss: value, history };
      // Not the first to come in, but the first by its number: which does not depend on how many ran at once.
      const kept = !best || isLower(value, best.run.loss) || (!isLower(best.run.loss, value) && i < best.i);
      if (kept) {
        best?.network.dispose();
        best = { i, run, network };
      }
      return { result: run, kept };
    }),
  ).catch((error) => {
    best?.network.dispose();
    throw error;
  });
  const { run, network } = best!;
  return { ...run, network, runs };
}

function resolveSeeds({ restarts, seeds }: RestartOptions, { seed = 0 }: NetworkOptions): readonly number[] {
  if (seeds === undefined) {
    const first = integer(seed, 'seed', 0, 2 ** 32 - 1);
    return Array.from({ length: integer(restarts ?? 10, 'restarts', 1) }, (_, i) => (first + i) % 2 ** 32);
  }
  if (!Array.isArray(seeds) || seeds.length === 0) throw invalid('an array of at least one seed', 'seeds', seeds);
  if (restarts !== undefined && seeds.length !== restarts) {
    throw expected('INVALID_ARGUMENT', `${restarts} seeds, one for each restart,`, 'seeds', String(seeds.length));
  }
  return seeds;
}

/** The rows that tell which network is best. */
function judgedBy(data: Data, validation: FitOptions['validation'], inputs: number): Data {
  if (validation === undefined) return data;
  if (typeof validation !== 'number') return validation;
  const rows = countRows(data.x, inputs);
  const from = trainingRows(rows, validation);
  return takeSamples(data, rows, sequence(from, rows - from));
}

function isLower(a: number, b: number): boolean {
  return a < b || (Number.isNaN(b) && !Number.isNaN(a));
}
