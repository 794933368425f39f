import type { Plan, Trainer, TrainingJob, TrainingReport } from './backend/backend.js';
import { evaluateRows, evaluationBatchSize, outputElements } from './evaluation.js';
import type { ResolvedFit } from './fit_options.js';
import { best, type EpochReport, type History } from './history.js';
import { createFloats } from './matrix.js';
import { type Accumulators, results } from './metrics.js';
import { type Chunk, chunks, epochOrders } from './order.js';
import type { FitSamples } from './samples.js';
import { runInTurns } from './steps.js';

/**
 * Rows of order per call of the trainer: their shuffling, which the first call waits for, takes some 5 ms, and even at 10 ns
 * a row they train for over a millisecond, against which the crossing's microseconds vanish.
 */
const chunkRows = 2 ** 17;

/** How far a network's training has come; lives as long as the network. */
export interface Progress {
  /** Whole epochs: keys the order. */
  epoch: number;
  /** Keys the dropout masks. */
  updates: number;
  /** The kernel whose state the trainer keeps, and the updates done with that state. */
  optimizer: { kernel: string; step: number };
}

/** The optimizer's state goes on, or starts anew where another kernel or a reset is asked for. */
export function continueOptimizer(progress: Progress, kernel: string, reset: boolean): void {
  if (reset || progress.optimizer.kernel !== kernel) progress.optimizer = { kernel, step: 0 };
}

/** All a fit works on, checked. */
export interface Fit extends FitSamples {
  readonly trainer: Trainer;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly options: ResolvedFit;
  /** Runs a user's function with the network free for other calls. */
  callback(run: () => unknown): Promise<void>;
  /** Throws `DISPOSED` once the network is disposed of. */
  ensureUsable(): void;
}

/** Trains until the epochs are done, the signal is aborted or a loss is not finite. */
export async function train(fit: Fit): Promise<Omit<History, 'seconds'>> {
  const training = new Training(fit);
  const stoppedBy = await training.run();
  const { epochs, rows, seconds } = training;
  return { epochs, best: best(epochs), stoppedBy, samplesPerSecond: rows === 0 ? 0 : rows / seconds };
}

/** Sums over the epoch that is being trained on. */
interface EpochSums {
  rows: number;
  batches: number;
  loss: number;
  weight: number;
  seconds: number;
  readonly accumulators: Accumulators;
}

class Training {
  readonly epochs: EpochReport[] = [];
  rows = 0;
  seconds = 0;
  readonly #fit: Fit;
  readonly #batchSize: number;
  /** Rows per chunk at most, unless a single batch has more. */
  readonly #chunkRows: number;
  readonly #chunks: Iterator<Chunk, undefined>;
  /** Of the epoch that parts are taken from. */
  #order: Uint32Array = new Uint32Array(0);
  #sums: EpochSums;
  #running = false;

  constructor(fit: Fit) {
    const { options, plan, progress, training } = fit;
    this.#fit = fit;
    this.#batchSize = options.batchSize === 'full' ? training.rows : Math.min(options.batchSize, training.rows);
    const wantsOutputs = options.metrics.count > 0;
    const limit = wantsOutputs ? Math.floor(outputElements / plan.outputs) : chunkRows;
    this.#chunkRows = options.onBatch ? this.#batchSize : Math.max(limit, this.#batchSize);
    const nobodyListens = !(options.onEpoch || options.onBatch || fit.validation || wantsOutputs);
    progress.epoch = options.initialEpoch ?? progress.epoch;
    this.#chunks = chunks(
      progress.epoch,
      options.epochs,
      training.rows,
      this.#batchSize,
      this.#chunkRows,
      nobodyListens,
    );
    this.#sums = this.#newSums();
    continueOptimizer(progress, options.optimizer.kernel, options.reset);
  }

  async run(): Promise<History['stoppedBy']> {
    const { options, trainer } = this.#fit;
    const cancel = (): void => {
      if (this.#running) trainer.cancel();
    };
    options.signal?.addEventListener('abort', cancel);
    try {
      for (let next = this.#nextChunk(); ; ) {
        const current = await next;
        if (!current) return 'epochs';
        if (options.signal?.aborted) return 'signal';
        const job = this.#job(current.order);
        const started = performance.now();
        const running = this.#own(trainer.train(job));
        // The next order is made while this one is trained on.
        next = this.#nextChunk();
        const report = await running;
        const ended = await this.#account(current.chunk, job, report, (performance.now() - started) / 1000);
        if (ended === 'cancelled') return 'signal';
        if (ended === 'notFinite') return 'notFinite';
      }
    } finally {
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  /** Awaits a job of this fit's own: one that an abort may cancel. */
  async #own<T>(job: Promise<T>): Promise<T> {
    this.#running = true;
    try {
      return await job;
    } finally {
      this.#running = false;
      this.#fit.ensureUsable();
    }
  }

  async #nextChunk(): Promise<{ chunk: Chunk; order: Uint32Array } | undefined> {
    const { plan, training, options } = this.#fit;
    const { value: chunk } = this.#chunks.next();
    if (!chunk) return undefined;
    const { firstEpoch, epochs, from, to } = chunk;
    if (from === 0) {
      this.#order = await runInTurns(epochOrders(plan.seed, firstEpoch, epochs, training.rows, options.shuffle));
    }
    return { chunk, order: this.#order.subarray(from, to) };
  }

  #job(order: Uint32Array): TrainingJob {
    const { options, plan, progress, training } = this.#fit;
    const wholeEpochs = Math.floor(order.length / training.rows);
    const batchesPerEpoch = Math.ceil(training.rows / this.#batchSize);
    const batches =
      wholeEpochs * batchesPerEpoch + Math.ceil((order.length - wholeEpochs * training.rows) / this.#batchSize);
    return {
      samples: training.samples,
      order,
      epochRows: training.rows,
      batchSize: this.#batchSize,
      loss: options.loss,
      optimizer: options.optimizer,
      learningRates: Float64Array.of(options.learningRate),
      firstUpdate: progress.updates,
      optimizerStep: progress.optimizer.step,
      losses: new Float64Array(batches),
      ...(options.metrics.count > 0 && { outputs: createFloats(plan.dtype, order.length * plan.outputs) }),
    };
  }

  #newSums(): EpochSums {
    const { options, training } = this.#fit;
    const accumulators = options.metrics.start(training.samples);
    return { rows: 0, batches: 0, loss: 0, weight: 0, seconds: 0, accumulators };
  }

  /** Enters what a job has done into the sums, the reports and the network's progress. */
  async #account(
    chunk: Chunk,
    job: TrainingJob,
    report: TrainingReport,
    seconds: number,
  ): Promise<TrainingReport['ended']> {
    const { progress, options, training, callback } = this.#fit;
    const { weights } = training.samples;
    progress.updates += report.updates;
    progress.optimizer.step += report.updates;
    this.seconds += seconds;
    let done = 0;
    for (let batch = 0; batch < report.updates; batch++) {
      const sums = this.#sums;
      const size = Math.min(this.#batchSize, training.rows - sums.rows);
      let weight = weights ? 0 : size;
      if (weights) for (let i = done; i < done + size; i++) weight += weights[job.order[i]];
      sums.loss += job.losses[batch] * (options.loss.reduction === 'mean' ? weight : 1);
      sums.weight += weight;
      sums.rows += size;
      sums.batches++;
      done += size;
      if (sums.rows === training.rows && chunk.epochs > 1) this.#endEpoch(seconds / chunk.epochs);
    }
    this.rows += done;
    if (chunk.epochs > 1) return report.ended;

    const sums = this.#sums;
    sums.seconds += seconds;
    for (const accumulator of Object.values(sums.accumulators)) {
      accumulator.add(job.outputs!, job.order.subarray(0, done));
    }
    if (options.onBatch && done > 0) {
      const batch = { epoch: progress.epoch, batch: sums.batches - 1, loss: job.losses[0] };
      await callback(() => options.onBatch?.(batch));
    }
    if (sums.rows < training.rows) return report.ended;
    return (await this.#endWatchedEpoch()) ? report.ended : 'cancelled';
  }

  #endEpoch(seconds: number, validation?: EpochReport['validation']): EpochReport {
    const { progress, options } = this.#fit;
    const { loss, weight, accumulators } = this.#sums;
    const report: EpochReport = {
      epoch: progress.epoch,
      loss: options.loss.reduction === 'mean' ? loss / weight : loss,
      learningRate: options.learningRate,
      seconds,
      ...results(accumulators),
      ...(validation && { validation }),
    };
    this.epochs.push(report);
    progress.epoch++;
    this.#sums = this.#newSums();
    return report;
  }

  /** Validates, reports and calls back; false if the validation was cancelled. */
  async #endWatchedEpoch(): Promise<boolean> {
    const { trainer, plan, options, validation, callback } = this.#fit;
    const judged =
      validation &&
      (await this.#own(
        evaluateRows(trainer, plan, {
          ...validation,
          batchSize: evaluationBatchSize,
          loss: options.loss,
          accumulators: options.metrics.start(validation.samples),
        }),
      ));
    const report = this.#endEpoch(this.#sums.seconds, judged as EpochReport['validation']);
    if (validation && !judged) return false;
    if (options.onEpoch) await callback(() => options.onEpoch?.(report));
    return true;
  }
}
