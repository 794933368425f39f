import type { EpochLog } from './epoch_log.js';
import type { ChainruleError } from './errors.js';
import type { MetricValues } from './metrics.js';

/** What one whole epoch came to. */
export interface EpochReport extends MetricValues {
  /** Counted from 0 over all fits of the network. */
  readonly epoch: number;
  /**
   * Mean of the batches' losses before their updates, weighted as the rows are, or their sum for a loss that sums; and the
   * mean of the regularizers' penalties.
   */
  readonly loss: number;
  /** Of the epoch's last update. */
  readonly learningRate: number;
  /** Time spent training: without validation and callbacks. */
  readonly seconds: number;
  /** Loss, penalty included, and metrics of the validation's rows after the epoch, dropout off. */
  readonly validation?: { readonly loss: number } & MetricValues;
  /** L2 norm of each layer's gradient, penalty included, before clipping: the mean over the updates; 0 without parameters. */
  readonly gradientNorms?: readonly number[];
}

/** What one update came to. */
export interface BatchReport {
  /** Counted from 0 over all fits of the network. */
  readonly epoch: number;
  /** Counted from 0 in each epoch. */
  readonly batch: number;
  /** Before the update, penalty included. */
  readonly loss: number;
}

/** What a fit came to. */
export interface History {
  /** Whole epochs only; the reports of many thousand that nobody listened to are made when this is first read. */
  readonly epochs: readonly EpochReport[];
  /** The epoch of the lowest validation loss, or of the lowest loss without validation; undefined without a whole epoch. */
  readonly best: EpochReport | undefined;
  /** What ended it: all epochs done, a stop rule, the signal, or a number that is not finite. */
  readonly stoppedBy: 'epochs' | 'tolerance' | 'earlyStopping' | 'signal' | 'notFinite';
  /** With `stoppedBy: 'notFinite'`: a `NOT_FINITE` that names the layer, epoch and batch where a number turned so. */
  readonly error?: ChainruleError;
  /** Of the whole fit, checks of the data, validation and callbacks included. */
  readonly seconds: number;
  /** Rows trained on per second of training. */
  readonly samplesPerSecond: number;
}

/** Reports made when the fit ends even if nobody reads them: in less than a millisecond, and a history that is printed shows them. */
const madeAtOnce = 2 ** 12;

/** A history with the epochs of a log, whose reports are made when they are first read where they are very many. */
export function makeHistory(log: EpochLog, others: Omit<History, 'epochs' | 'best'>): History {
  const settle = (epochs: readonly EpochReport[]): readonly EpochReport[] => {
    // Object.defineProperty would throw where the history has been frozen, which then keeps the accessor.
    Reflect.defineProperty(history, 'epochs', { value: epochs, writable: true, enumerable: true, configurable: true });
    return epochs;
  };
  const history: History = {
    get epochs() {
      return settle(log.reports());
    },
    set epochs(epochs) {
      settle(epochs);
    },
    best: log.best,
    ...others,
  };
  if (log.unreported <= madeAtOnce) settle(log.reports());
  return history;
}
