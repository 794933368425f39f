import { selectThreads } from './backend/select.js';
import { ChainruleError } from './errors.js';
import type { FitOptions } from './fit_options.js';
import type { History } from './history.js';
import { Network } from './network.js';
import type { NetworkOptions } from './plan.js';
import type { Data } from './samples.js';
import { integer, invalid, isObject } from './validate.js';

/** How many networks train at once. */
export interface SideBySideOptions {
  /**
   * Networks that train at once, each on one thread; default `CHAINRULE_THREADS`, else one more than
   * `os.availableParallelism()`. No result depends on it, but for the times.
   */
  readonly concurrency?: number;
}

/** What is inside each is checked where it is used; that they are objects, before anything is read from them. */
export function checkArguments(networkOptions: unknown, data: unknown, fitOptions: unknown): void {
  if (!isObject(networkOptions)) throw invalid('an object', 'options of Network', networkOptions);
  if (!isObject(data)) throw invalid('an object', 'data', data);
  if (!isObject(fitOptions)) throw invalid('an object', 'options of fit', fitOptions);
}

export function resolveConcurrency(given: unknown): number {
  if (given !== undefined) return integer(given, 'concurrency', 1);
  // One more than there are cores trains while another waits for its metrics, its reports or its order. A limit that was
  // set is one.
  return process.env.CHAINRULE_THREADS ? selectThreads() : selectThreads() + 1;
}

/**
 * Runs `count` tasks, at most `concurrency` at a time; their results in order. The costliest begin first, so that none is left
 * to run alone at the end; those of equal cost begin in order. Once one fails no other is begun, and the promise rejects when
 * those that run have ended.
 */
export async function sideBySide<T>(
  count: number,
  concurrency: number,
  task: (i: number) => Promise<T>,
  cost: (i: number) => number = () => 0,
): Promise<T[]> {
  const results: T[] = new Array(count);
  const sequence = Array.from({ length: count }, (_, i) => i).sort((a, b) => cost(b) - cost(a));
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = sequence[next++];
      try {
        results[i] = await task(i);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(count, concurrency) }, worker);
  const ended = await Promise.allSettled(workers);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return results;
}

/**
 * Trains a new network and hands it to `judge`; it is disposed of unless `judge` says it is kept. Rejects as the constructor
 * throws and `fit` rejects, and with `ABORTED` for a fit that was aborted: half a training says nothing of the options.
 */
export async function fitNew<T>(
  networkOptions: NetworkOptions,
  data: Data,
  fitOptions: FitOptions,
  judge: (network: Network, history: History) => Promise<{ result: T; kept?: boolean }>,
): Promise<T> {
  const network = new Network(networkOptions);
  let kept = false;
  try {
    const history = await network.fit(data, fitOptions);
    if (history.stoppedBy === 'signal') {
      const cause = fitOptions.signal?.reason;
      throw new ChainruleError('ABORTED', 'expected whole fits for the comparison, got an aborted one', { cause });
    }
    const judged = await judge(network, history);
    kept = judged.kept ?? false;
    return judged.result;
  } finally {
    if (!kept) network.dispose();
  }
}
