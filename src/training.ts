import type { FloatArray, Plan, Trainer, TrainingJob, TrainingReport } from './backend/backend.js';
import { EpochLog } from './epoch_log.js';
import { EpochSums } from './epoch_sums.js';
import type { ChainruleError } from './errors.js';
import { evaluateRows, evaluationBatchSize, outputElements } from './evaluation.js';
import type { ResolvedFit } from './fit_options.js';
import { type EpochReport, type History, makeHistory } from './history.js';
import type { EpochTrainer } from './lbfgs_trainer.js';
import { createFloats } from './matrix.js';
import { notFiniteLoss, notFiniteParameters } from './not_finite.js';
import { type Chunk, chunks, EpochOrders } from './order.js';
import { newParameters, parameterShapes } from './parameters.js';
import { hasPenalty } from './plan.js';
import { continueOptimizer, epochTrainer, type Progress } from './progress.js';
import type { FitSamples } from './samples.js';
import type { LearningRates } from './schedules.js';
import { runInTurns, type Steps } from './steps.js';
import type { Stopping } from './stopping.js';

/**
 * Rows per call of the trainer: putting them in order, which the first call waits for, takes a millisecond, and even at 10 ns a
 * row they train for as long, against which the crossing's microseconds vanish.
 */
const chunkRows = 2 ** 17;

/** Batches entered between two turns of the event loop: a fraction of a microsecond each. */
const stepBatches = 2 ** 12;

/** All a fit works on, checked. */
export interface Fit extends FitSamples {
  /** When it was called for, by `performance.now()`. */
  readonly started: number;
  readonly trainer: Trainer;
  readonly plan: Plan;
  /** Layers as the user counts them. */
  readonly layers: number;
  readonly progress: Progress;
  readonly options: ResolvedFit;
  /** Runs a user's function with the network free for other calls. */
  callback(run: () => unknown): Promise<void>;
  /** Throws `DISPOSED` once the network is disposed of. */
  ensureUsable(): void;
}

/** A chunk, and what its job came to. */
interface Trained {
  readonly chunk: Chunk;
  readonly job: TrainingJob;
  readonly report: TrainingReport;
  readonly seconds: number;
}

/** Trains until the epochs are done, a stop rule holds, the signal is aborted or a loss is not finite. */
export async function train(fit: Fit): Promise<History> {
  const training = new Training(fit);
  const stoppedBy = await training.run();
  const { log, rows, seconds, error } = training;
  return makeHistory(log, {
    stoppedBy,
    ...(error && { error }),
    samplesPerSecond: rows === 0 ? 0 : rows / seconds,
    seconds: (performance.now() - fit.started) / 1000,
  });
}

class Training {
  readonly log: EpochLog;
  rows = 0;
  seconds = 0;
  /** Why it ended, where a number was not finite. */
  error: ChainruleError | undefined;
  readonly #fit: Fit;
  readonly #trainer: EpochTrainer;
  /** Rows of one update. */
  readonly #batchSize: number;
  /** Rows that go through the network together. */
  readonly #passRows: number;
  readonly #batchesPerEpoch: number;
  readonly #lastUpdate: number;
  readonly #rates: LearningRates;
  readonly #stopping: Stopping;
  readonly #chunks: Iterator<Chunk, undefined>;
  readonly #orders: EpochOrders;
  readonly #sums: EpochSums;
  /** Parameters to go back to at the end. */
  #best: readonly FloatArray[] | undefined;
  #running = false;
  /** Somebody is told of each epoch, or decides by it, before the next begins. */
  readonly #epochsAreHeard: boolean;
  /** What has been trained on and nobody waits for: entered while the next is trained on. */
  #unentered: Trained | undefined;

  constructor(fit: Fit) {
    const { options, plan, progress, training } = fit;
    const { rows } = training;
    this.#fit = fit;
    this.#trainer = epochTrainer(progress, options.optimizer, fit.trainer, plan);
    this.#passRows = options.batchSize === 'full' ? rows : Math.min(options.batchSize, rows);
    this.#batchSize = Math.min(this.#passRows * options.accumulate, rows);
    this.#batchesPerEpoch = Math.ceil(rows / this.#batchSize);
    this.#rates = options.schedule();
    this.#stopping = options.stop.start();
    const wantsOutputs = options.metrics.names.length > 0;
    const limit = wantsOutputs ? Math.floor(outputElements / plan.outputs) : chunkRows;
    // Rows per chunk at most, unless a single batch has more.
    const rowsAtOnce = options.onBatch ? this.#batchSize : Math.max(limit, this.#batchSize);
    const epochsMatter = options.stop.count > 0 || this.#rates.watchesEpochs || fit.validation !== undefined;
    this.#epochsAreHeard = Boolean(options.onEpoch || options.onBatch || epochsMatter);
    const together = !(this.#epochsAreHeard || wantsOutputs);
    progress.epoch = options.initialEpoch ?? progress.epoch;
    progress.batch = 0;
    this.log = new EpochLog(progress.epoch, options.epochs);
    this.#chunks = chunks(progress.epoch, options.epochs, rows, this.#batchSize, rowsAtOnce, together);
    this.#orders = new EpochOrders(plan.seed, rows, options.shuffle);
    this.#sums = new EpochSums(options.loss.reduction, options.metrics, training.samples);
    continueOptimizer(progress, options.optimizer.plan.kernel, options.reset);
    this.#lastUpdate = progress.optimizer.step + options.epochs * this.#batchesPerEpoch;
  }

  async run(): Promise<History['stoppedBy']> {
    const { options, trainer } = this.#fit;
    const cancel = (): void => {
      if (!this.#running) return;
      trainer.cancel();
      this.#trainer.cancel();
    };
    options.signal?.addEventListener('abort', cancel);
    try {
      for (let next = this.#nextChunk(); ; ) {
        const current = await next;
        if (!current) {
          await this.#enterLast();
          return this.#finish('epochs');
        }
        if (options.signal?.aborted) return 'signal';
        const job = this.#job(current);
        const started = performance.now();
        const running = this.#own(this.#trainer.train(job));
        // The next order is made, and the last chunk is entered, while this one is trained on.
        next = this.#nextChunk();
        const entered = this.#enterLast();
        const report = await running;
        await entered;
        const seconds = (performance.now() - started) / 1000;
        const ended = await this.#account({ chunk: current.chunk, job, report, seconds });
        if (ended === 'signal' || ended === 'notFinite') return ended;
        if (ended) return this.#finish(ended);
      }
    } finally {
      await this.#enterLast();
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
    const { value: chunk } = this.#chunks.next();
    return chunk && { chunk, order: await runInTurns(this.#orders.take(chunk)) };
  }

  #job({ chunk, order }: { chunk: Chunk; order: Uint32Array }): TrainingJob {
    const { options, plan, progress, training } = this.#fit;
    const wholeEpochs = Math.floor(order.length / training.rows);
    const rest = order.length - wholeEpochs * training.rows;
    const batches = wholeEpochs * this.#batchesPerEpoch + Math.ceil(rest / this.#batchSize);
    return {
      samples: training.samples,
      order,
      epochRows: training.rows,
      batchSize: this.#batchSize,
      ...(this.#passRows < this.#batchSize && { passRows: this.#passRows }),
      loss: options.loss,
      optimizer: options.optimizer.plan,
      ...(options.clip && { clip: options.clip }),
      learningRates: this.#learningRates(chunk, batches),
      firstUpdate: progress.updates,
      optimizerStep: progress.optimizer.step,
      losses: new Float64Array(batches),
      ...(hasPenalty(plan) && { penalties: new Float64Array(batches) }),
      ...(options.gradientNorms && { gradientNorms: new Float64Array(batches * plan.layers.length) }),
      ...(options.metrics.names.length > 0 && { outputs: createFloats(plan.dtype, order.length * plan.outputs) }),
    };
  }

  #learningRates({ firstEpoch }: Chunk, batches: number): Float64Array {
    const { constant } = this.#rates;
    if (constant !== undefined) return Float64Array.of(constant);
    const done = this.#fit.progress.optimizer.step;
    return Float64Array.from({ length: batches }, (_, batch) => {
      // A chunk of several epochs has them whole; of one epoch, it has no more than that.
      const epoch = firstEpoch + Math.floor(batch / this.#batchesPerEpoch);
      return this.#rates.rate(done + batch + 1, epoch, this.#lastUpdate);
    });
  }

  /** Counts what a job has done, and enters and reports it if somebody waits for it; what ends the fit now, if anything. */
  async #account(trained: Trained): Promise<History['stoppedBy'] | undefined> {
    const { progress, options, training, callback } = this.#fit;
    const { chunk, job, report, seconds } = trained;
    const ended = report.ended === 'cancelled' ? 'signal' : report.ended === 'notFinite' ? 'notFinite' : undefined;
    progress.updates += report.updates;
    progress.optimizer.step += report.updates;
    this.seconds += seconds;
    this.#unentered = trained;
    if (ended === 'notFinite') {
      await this.#enterLast();
      // Of the batch after the last that the job has done.
      this.error = notFiniteLoss(this.#fit, job.losses[report.updates]);
    }
    const isHeard = options.onBatch || (this.#epochsAreHeard && chunk.to === training.rows);
    if (!isHeard) return ended;

    await this.#enterLast();
    if (options.onBatch && report.updates > 0) {
      const loss = job.losses[0] + (job.penalties?.[0] ?? 0);
      const batch = { epoch: progress.epoch, batch: progress.batch - 1, loss };
      await callback(() => options.onBatch?.(batch));
    }
    if (this.#sums.rows < training.rows) return ended;
    return (await this.#endHeardEpoch()) ?? ended;
  }

  async #enterLast(): Promise<void> {
    const last = this.#unentered;
    this.#unentered = undefined;
    if (last) await runInTurns(this.#enter(last));
  }

  /** Adds a job's batches to the sums and metrics, and the reports of epochs that nobody listens to. */
  *#enter({ chunk, job, report, seconds }: Trained): Steps<void> {
    const { training, progress, plan } = this.#fit;
    const { weights } = training.samples;
    const sums = this.#sums;
    if (job.outputs) {
      const rows = Math.min(report.updates * this.#batchSize, job.order.length);
      const outputs = job.outputs.subarray(0, rows * plan.outputs);
      for (const metric of Object.values(sums.accumulators)) metric.add(outputs, job.order.subarray(0, rows));
    }
    let done = 0;
    for (let batch = 0; batch < report.updates; batch++) {
      if (batch === 0 || sums.rows === 0) sums.seconds += seconds / chunk.epochs;
      const size = Math.min(this.#batchSize, training.rows - sums.rows);
      let weight = weights ? 0 : size;
      if (weights) for (let i = done; i < done + size; i++) weight += weights[job.order[i]];
      sums.add(job, batch, size, weight);
      done += size;
      progress.batch++;
      if (sums.rows === training.rows && !this.#epochsAreHeard) this.#endEpoch();
      if ((batch + 1) % stepBatches === 0) yield;
    }
    this.rows += done;
  }

  /** Enters an epoch that nobody listens to. */
  #endEpoch(): void {
    const sums = this.#sums;
    if (sums.hasDetails) this.log.add(this.#report());
    else this.log.addFigures(sums.loss, sums.learningRate, sums.seconds);
    this.#nextEpoch();
  }

  #report(validation?: EpochReport['validation']): EpochReport {
    const { progress, layers } = this.#fit;
    return this.#sums.report(progress.epoch, layers, validation);
  }

  #nextEpoch(): void {
    const { progress } = this.#fit;
    progress.epoch++;
    progress.batch = 0;
    this.#sums.restart();
  }

  /** Validates, reports, calls back and asks the stop rules; what ends the fit now, if anything. */
  async #endHeardEpoch(): Promise<History['stoppedBy'] | undefined> {
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
    const report = this.#report(judged as EpochReport['validation']);
    this.log.add(report);
    this.#nextEpoch();
    if (validation && !judged) return 'signal';
    this.#rates.next(judged?.loss ?? report.loss);
    const { best: isBest, stoppedBy } = this.#stopping.epoch(report);
    if (isBest) {
      this.#best ??= newParameters(parameterShapes(plan.layers), plan.dtype);
      trainer.getParameters(this.#best);
    }
    if (options.onEpoch) await callback(() => options.onEpoch?.(report));
    return stoppedBy;
  }

  #finish(stoppedBy: History['stoppedBy']): History['stoppedBy'] {
    const { trainer, progress } = this.#fit;
    if (this.#best) trainer.setParameters(this.#best);
    // No loss after the last update would tell.
    const last = { epoch: progress.epoch - 1, batch: this.#batchesPerEpoch - 1 };
    this.error = notFiniteParameters(trainer, last);
    return this.error ? 'notFinite' : stoppedBy;
  }
}
