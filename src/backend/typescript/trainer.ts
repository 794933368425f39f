import { ChainruleError } from '../../errors.js';
import type {
  EvaluationJob,
  EvaluationReport,
  FloatArray,
  GradientJob,
  LossPlan,
  Plan,
  Samples,
  Trainer,
  TrainingJob,
  TrainingReport,
} from '../backend.js';
import { BatchReader } from './batch_reader.js';
import { createArray, createLayer, type Layer, type TrainingPosition } from './layers.js';
import { lossRows } from './loss_rows.js';

/** A batch is worked in blocks of so many rows, so that a full batch of a million rows needs no buffers of that size. */
const blockRows = 1024;
/** How long the event loop may wait, in milliseconds. */
const turnTime = 10;

/** What is left to do of a job: yields where it may pause, and is told there whether to end. */
type Work<Report> = Generator<void, Report, boolean>;

/** Rows `order[from + i]` of the samples, or rows `from + i` where there is no order. */
interface Batch {
  readonly samples: Samples;
  readonly order?: Uint32Array;
  readonly from: number;
  readonly rows: number;
}

export class TypescriptTrainer implements Trainer {
  readonly #plan: Plan;
  #layers: readonly Layer[];
  #reader: BatchReader;
  #lossGradient: FloatArray; // (rows, outputs)
  #reservedRows = 0;
  #running = false;
  #cancelled = false;
  #disposed = false;
  /** When the event loop last turned, as far as is known; kept between jobs, as a fit may be many short ones. */
  #lastTurn = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#layers = plan.layers.map((layer, position) => createLayer(layer, plan.dtype, position));
    this.#reader = new BatchReader(plan);
    this.#lossGradient = createArray(plan.dtype, 0);
  }

  setParameters(parameters: readonly FloatArray[]): void {
    this.#checkIdle();
    this.#parameters().forEach((own, i) => {
      own.set(parameters[i]);
    });
  }

  getParameters(into: readonly FloatArray[]): void {
    this.#checkIdle();
    this.#parameters().forEach((own, i) => {
      into[i].set(own);
    });
  }

  train(job: TrainingJob): Promise<TrainingReport> {
    return this.#run(() => this.#train(job));
  }

  trainSync(job: TrainingJob): TrainingReport {
    return this.#runSync(() => this.#train(job));
  }

  evaluate(job: EvaluationJob): Promise<EvaluationReport> {
    return this.#run(() => this.#evaluate(job));
  }

  evaluateSync(job: EvaluationJob): EvaluationReport {
    return this.#runSync(() => this.#evaluate(job));
  }

  gradientsSync(job: GradientJob): number {
    return this.#runSync(() => this.#gradients(job));
  }

  cancel(): void {
    this.#cancelled = this.#running;
  }

  dispose(): void {
    this.#disposed = true;
    this.cancel();
    if (!this.#running) this.#free();
  }

  #parameters(): FloatArray[] {
    return this.#layers.flatMap((layer) => layer.parameters);
  }

  #free(): void {
    this.#layers = [];
    this.#reader = new BatchReader(this.#plan);
    this.#lossGradient = createArray(this.#plan.dtype, 0);
  }

  #checkIdle(): void {
    if (this.#disposed) throw new ChainruleError('DISPOSED', 'expected a trainer in use, got one that was disposed of');
    if (this.#running) throw new ChainruleError('BUSY', 'expected a trainer at rest, got one with a job running');
  }

  #begin(): void {
    this.#checkIdle();
    this.#running = true;
    this.#cancelled = false;
  }

  #end(): void {
    this.#running = false;
    if (this.#disposed) this.#free();
  }

  #runSync<Report>(start: () => Work<Report>): Report {
    this.#begin();
    try {
      const work = start();
      let step = work.next(false);
      while (!step.done) step = work.next(false);
      return step.value;
    } finally {
      this.#end();
    }
  }

  /** The same, letting the event loop turn about every `turnTime`. */
  async #run<Report>(start: () => Work<Report>): Promise<Report> {
    this.#begin();
    try {
      const work = start();
      let step = work.next(this.#cancelled);
      while (!step.done) {
        if (performance.now() - this.#lastTurn >= turnTime) {
          await new Promise((resolve) => setImmediate(resolve));
          this.#lastTurn = performance.now();
        }
        step = work.next(this.#cancelled);
      }
      return step.value;
    } finally {
      this.#end();
    }
  }

  *#train(job: TrainingJob): Work<TrainingReport> {
    const { samples, order, epochRows, batchSize } = job;
    let updates = 0;
    for (let from = 0; from < order.length; updates++) {
      const rows = Math.min(batchSize, epochRows - (from % epochRows), order.length - from);
      const outputs = job.outputs?.subarray(from * this.#plan.outputs);
      const loss = yield* this.#pass({ samples, order, from, rows }, job.loss, job.firstUpdate + updates, outputs);
      if (loss === undefined) return { updates, ended: 'cancelled' };
      job.losses[updates] = loss;
      if (!Number.isFinite(loss)) return { updates, ended: 'notFinite' };
      const learningRate = job.learningRates[job.learningRates.length === 1 ? 0 : updates];
      for (const layer of this.#layers) layer.update(job.optimizer, job.optimizerStep + updates, learningRate);
      from += rows;
    }
    return { updates, ended: 'complete' };
  }

  *#evaluate(job: EvaluationJob): Work<EvaluationReport> {
    const { outputs } = this.#plan;
    const end = job.from + job.rows;
    let lossSum = 0;
    for (let from = job.from; from < end; ) {
      if (yield) return { lossSum, ended: 'cancelled' };
      const rows = Math.min(job.batchSize, blockRows, end - from);
      this.#read({ samples: job.samples, from, rows });
      const last = this.#forward(rows);
      job.outputs?.set(last.output.subarray(0, rows * outputs), (from - job.from) * outputs);
      if (job.loss) lossSum = this.#loss(job.loss, rows, 1, lossSum);
      from += rows;
    }
    return { lossSum, ended: 'complete' };
  }

  *#gradients(job: GradientJob): Work<number> {
    const { samples, rows, inputGradient } = job;
    const loss = yield* this.#pass({ samples, from: 0, rows }, job.loss, job.firstUpdate, undefined, inputGradient);
    const gradients = this.#layers.flatMap((layer) => layer.gradients);
    gradients.forEach((gradient, i) => {
      job.gradients[i].set(gradient);
    });
    return loss as number;
  }

  /** One batch forward and backward: leaves its gradients in the layers. Returns its loss, or nothing if told to end. */
  *#pass(
    batch: Batch,
    loss: LossPlan,
    update: number,
    outputs?: FloatArray,
    inputGradient?: FloatArray,
  ): Generator<void, number | undefined, boolean> {
    // A batch in which no row counts has loss 0 and no gradient.
    const divisor = loss.reduction === 'mean' ? totalWeight(batch) || 1 : 1;
    for (const layer of this.#layers) layer.clearGradients();
    let sum = 0;
    for (let firstRow = 0; firstRow < batch.rows; firstRow += blockRows) {
      if (yield) return undefined;
      const rows = Math.min(blockRows, batch.rows - firstRow);
      this.#read({ ...batch, from: batch.from + firstRow, rows });
      const last = this.#forward(rows, { seed: this.#plan.seed, update, firstRow });
      outputs?.set(last.output.subarray(0, rows * this.#plan.outputs), firstRow * this.#plan.outputs);
      sum = this.#loss(loss, rows, divisor, sum);
      const gradient = this.#backward(loss, rows, inputGradient !== undefined);
      inputGradient?.set(gradient.subarray(0, rows * this.#plan.inputs), firstRow * this.#plan.inputs);
    }
    return sum / divisor;
  }

  #read({ samples, order, from, rows }: Batch): void {
    if (rows > this.#reservedRows) {
      for (const layer of this.#layers) layer.reserve(rows);
      this.#reader.reserve(rows);
      this.#lossGradient = createArray(this.#plan.dtype, rows * this.#plan.outputs);
      this.#reservedRows = rows;
    }
    this.#reader.read(samples, order, from, rows);
  }

  #forward(rows: number, position?: TrainingPosition): Layer {
    let input = this.#reader.x;
    for (const layer of this.#layers) {
      layer.forward(input, rows, position);
      input = layer.output;
    }
    return this.#layers[this.#layers.length - 1];
  }

  #loss(loss: LossPlan, rows: number, divisor: number, sum: number): number {
    const { targets, weights } = this.#reader;
    const last = this.#layers[this.#layers.length - 1];
    const prediction = loss.onPreActivation ? last.preActivation : last.output;
    return lossRows(loss, prediction, targets, weights, rows, this.#plan.outputs, divisor, this.#lossGradient, sum);
  }

  /** Returns ∂L/∂x if it is wanted. */
  #backward(loss: LossPlan, rows: number, wantsInputGradient: boolean): FloatArray {
    let gradient = this.#lossGradient;
    for (let l = this.#layers.length - 1; l >= 0; l--) {
      const isLast = l === this.#layers.length - 1;
      gradient = this.#layers[l].backward(gradient, rows, isLast && loss.onPreActivation, l > 0 || wantsInputGradient);
    }
    return gradient;
  }
}

/** Σ wᵢ over a batch, in row order. */
function totalWeight({ samples: { weights }, order, from, rows }: Batch): number {
  if (!weights) return rows;
  let sum = 0;
  for (let i = from; i < from + rows; i++) sum += weights[order ? order[i] : i];
  return sum;
}
