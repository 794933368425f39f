import { ChainruleError } from '../../errors.js';
import type {
  ApplyJob,
  BackwardJob,
  EvaluationJob,
  EvaluationReport,
  FloatArray,
  ForwardJob,
  GradientJob,
  LossPlan,
  NumericArray,
  Plan,
  Samples,
  Trainer,
  TrainingJob,
  TrainingReport,
} from '../backend.js';
import { createArray } from './arrays.js';
import { BatchReader } from './batch_reader.js';
import { JobRunner, type Work } from './job_runner.js';
import { LayerStack } from './layer_stack.js';
import { lossRows } from './loss_rows.js';

/** A batch is worked in blocks of so many rows, so that a full batch of a million rows needs no buffers of that size. */
const blockRows = 1024;

/** Rows `order[from + i]` of the samples, or rows `from + i` where there is no order. */
interface Batch {
  readonly samples: Samples;
  readonly order?: Uint32Array;
  readonly from: number;
  readonly rows: number;
}

export class TypescriptTrainer implements Trainer {
  readonly #plan: Plan;
  readonly #runner = new JobRunner(() => this.#free());
  #layers: LayerStack;
  #reader: BatchReader;
  #lossGradient: FloatArray; // (rows, outputs)
  #reservedRows = 0;
  /** Of the last pass. */
  #passRows = 0;
  /** Rows of the forward pass that `backwardSync` goes back through; 0 if there is none. */
  #forwardRows = 0;
  /** Whether there are gradients for `applyGradientsSync`. */
  #hasGradients = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#layers = new LayerStack(plan);
    this.#reader = new BatchReader(plan);
    this.#lossGradient = createArray(plan.dtype, 0);
  }

  setParameters(parameters: readonly FloatArray[]): void {
    this.#runner.checkIdle();
    this.#layers.parameters.forEach(({ values }, i) => {
      values.set(parameters[i]);
    });
  }

  getParameters(into: readonly FloatArray[]): void {
    this.#runner.checkIdle();
    this.#layers.parameters.forEach(({ values }, i) => {
      into[i].set(values);
    });
  }

  train(job: TrainingJob): Promise<TrainingReport> {
    return this.#runner.run(() => this.#train(job));
  }

  trainSync(job: TrainingJob): TrainingReport {
    return this.#runner.runSync(() => this.#train(job));
  }

  evaluate(job: EvaluationJob): Promise<EvaluationReport> {
    return this.#runner.run(() => this.#evaluate(job));
  }

  evaluateSync(job: EvaluationJob): EvaluationReport {
    return this.#runner.runSync(() => this.#evaluate(job));
  }

  predictSync(x: NumericArray, rows: number, batchSize: number, outputs: FloatArray): void {
    this.evaluateSync({ samples: { x }, from: 0, rows, batchSize, outputs });
  }

  gradients(job: GradientJob): Promise<number> {
    return this.#runner.run(() => this.#gradients(job));
  }

  gradientsSync(job: GradientJob): number {
    return this.#runner.runSync(() => this.#gradients(job));
  }

  forwardSync({ x, rows, training, update, outputs }: ForwardJob): void {
    this.#runner.checkIdle();
    this.#read({ samples: { x }, from: 0, rows });
    this.#layers.beginBatch();
    this.#layers.forward(this.#reader.x, rows, training ? { seed: this.#plan.seed, update, firstRow: 0 } : undefined);
    outputs.set(this.#layers.last.output.subarray(0, rows * this.#plan.outputs));
    this.#forwardRows = rows;
  }

  backwardSync({ outputGradient, inputGradient, parameters }: BackwardJob): void {
    this.#runner.checkIdle();
    const rows = this.#forwardRows;
    if (rows === 0) throw invalidOrder('a forward pass before the pass back');
    const { inputs, outputs } = this.#plan;
    this.#lossGradient.set(outputGradient.subarray(0, rows * outputs));
    if (parameters) this.#layers.clearGradients();
    const wishes = {
      ofPreActivation: false,
      inputGradient: inputGradient !== undefined,
      parameterGradients: parameters,
    };
    const gradient = this.#layers.backward(this.#lossGradient, rows, wishes);
    inputGradient?.set(gradient.subarray(0, rows * inputs));
    if (!parameters) return;
    this.#layers.addPenaltyGradients();
    this.#hasGradients = true;
  }

  applyGradientsSync(job: ApplyJob): void {
    this.#runner.checkIdle();
    if (!this.#hasGradients) throw invalidOrder('a pass back before gradients are applied');
    this.#layers.update(job);
  }

  findNotFinite(among: 'parameters' | 'outputs' | 'gradients'): number {
    this.#runner.checkIdle();
    return this.#layers.findNotFinite(among, this.#passRows);
  }

  cancel(): void {
    this.#runner.cancel();
  }

  dispose(): void {
    this.#runner.dispose();
  }

  #free(): void {
    this.#layers = new LayerStack({ ...this.#plan, layers: [] });
    this.#reader = new BatchReader(this.#plan);
    this.#lossGradient = createArray(this.#plan.dtype, 0);
  }

  *#train(job: TrainingJob): Work<TrainingReport> {
    const { samples, order, epochRows, batchSize, optimizer, clip, learningRates } = job;
    let updates = 0;
    for (let from = 0; from < order.length; updates++) {
      const rows = Math.min(batchSize, epochRows - (from % epochRows), order.length - from);
      const outputs = job.outputs?.subarray(from * this.#plan.outputs);
      const batch = { samples, order, from, rows };
      const loss = yield* this.#pass(batch, job.loss, job.firstUpdate + updates, job.passRows, outputs);
      if (loss === undefined) return { updates, ended: 'cancelled' };
      job.losses[updates] = loss;
      if (job.penalties) job.penalties[updates] = this.#layers.penalty();
      job.gradientNorms?.set(this.#layers.gradientNorms(), updates * this.#plan.layers.length);
      if (!Number.isFinite(loss)) return { updates, ended: 'notFinite' };
      const learningRate = learningRates[learningRates.length === 1 ? 0 : updates];
      this.#layers.update({ optimizer, optimizerStep: job.optimizerStep + updates, learningRate, clip });
      from += rows;
    }
    return { updates, ended: 'complete' };
  }

  *#evaluate(job: EvaluationJob): Work<EvaluationReport> {
    const { outputs } = this.#plan;
    const end = job.from + job.rows;
    const penalty = this.#layers.penalty();
    let lossSum = 0;
    for (let from = job.from; from < end; ) {
      const cancelled = yield;
      if (cancelled) return { lossSum, penalty, ended: 'cancelled' };
      const rows = Math.min(job.batchSize, blockRows, end - from);
      this.#read({ samples: job.samples, from, rows });
      this.#layers.forward(this.#reader.x, rows);
      job.outputs?.set(this.#layers.last.output.subarray(0, rows * outputs), (from - job.from) * outputs);
      if (job.loss) lossSum = this.#loss(job.loss, rows, 1, lossSum);
      from += rows;
    }
    return { lossSum, penalty, ended: 'complete' };
  }

  *#gradients(job: GradientJob): Work<number> {
    const { samples, rows, loss, firstUpdate, inputGradient } = job;
    const mean = yield* this.#pass({ samples, from: 0, rows }, loss, firstUpdate, rows, undefined, inputGradient);
    if (mean === undefined) return Number.NaN;
    this.#layers.parameters.forEach(({ gradient }, i) => {
      job.gradients[i].set(gradient);
    });
    return mean + this.#layers.penalty();
  }

  /** One batch forward and backward: leaves its gradients in the layers. Returns its loss, or nothing if told to end. */
  *#pass(
    batch: Batch,
    loss: LossPlan,
    update: number,
    passRows = batch.rows,
    outputs?: FloatArray,
    inputGradient?: FloatArray,
  ): Generator<void, number | undefined, boolean> {
    const { seed, inputs, outputs: width } = this.#plan;
    const wishes = {
      ofPreActivation: loss.onPreActivation,
      inputGradient: inputGradient !== undefined,
      parameterGradients: true,
    };
    // A batch in which no row counts has loss 0 and no gradient.
    const divisor = loss.reduction === 'mean' ? totalWeight(batch) || 1 : 1;
    const rowsAtOnce = this.#layers.usesBatchStatistics ? passRows : blockRows;
    this.#layers.beginBatch();
    this.#layers.clearGradients();
    this.#hasGradients = false;
    let sum = 0;
    for (let firstRow = 0; firstRow < batch.rows; firstRow += rowsAtOnce) {
      const cancelled = yield;
      if (cancelled) return undefined;
      const rows = Math.min(rowsAtOnce, batch.rows - firstRow);
      this.#read({ ...batch, from: batch.from + firstRow, rows });
      this.#layers.forward(this.#reader.x, rows, { seed, update, firstRow });
      outputs?.set(this.#layers.last.output.subarray(0, rows * width), firstRow * width);
      sum = this.#loss(loss, rows, divisor, sum);
      if (!Number.isFinite(sum)) break;
      const gradient = this.#layers.backward(this.#lossGradient, rows, wishes);
      inputGradient?.set(gradient.subarray(0, rows * inputs), firstRow * inputs);
    }
    this.#layers.addPenaltyGradients();
    return sum / divisor;
  }

  #read({ samples, order, from, rows }: Batch): void {
    if (rows > this.#reservedRows) {
      this.#layers.reserve(rows);
      this.#reader.reserve(rows);
      this.#lossGradient = createArray(this.#plan.dtype, rows * this.#plan.outputs);
      this.#reservedRows = rows;
    }
    this.#reader.read(samples, order, from, rows);
    this.#passRows = rows;
    this.#forwardRows = 0;
  }

  #loss(loss: LossPlan, rows: number, divisor: number, sum: number): number {
    const { targets, weights } = this.#reader;
    const { preActivation, output } = this.#layers.last;
    const prediction = loss.onPreActivation ? preActivation : output;
    return lossRows(loss, prediction, targets, weights, rows, this.#plan.outputs, divisor, this.#lossGradient, sum);
  }
}

/** Σ wᵢ over a batch, in row order. */
function totalWeight({ samples: { weights }, order, from, rows }: Batch): number {
  if (!weights) return rows;
  let sum = 0;
  for (let i = from; i < from + rows; i++) sum += weights[order ? order[i] : i];
  return sum;
}

function invalidOrder(what: string): ChainruleError {
  return new ChainruleError('INVALID_ARGUMENT', `expected ${what} for the trainer, got none`);
}
