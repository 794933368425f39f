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
import { type Batch, BatchReader } from './batch_reader.js';
import { JobRunner, type Work } from './job_runner.js';
import { LayerStack } from './layer_stack.js';
import { lossRows } from './loss_rows.js';
import { smallPass } from './small_pass.js';
import { isSmallPass, type SmallStack, smallStack } from './small_stack.js';

/** A batch is worked in blocks of so many rows, so that a full batch of a million rows needs no buffers of that size. */
const blockRows = 1024;

/** Multiply-adds between two pauses, some 0.1 ms, and what a pass costs beside its own: tiny networks must not pause at each. */
const pauseWork = 2 ** 18;
const passWork = 2 ** 10;

export class TypescriptTrainer implements Trainer {
  readonly #plan: Plan;
  readonly #runner = new JobRunner(() => this.#free());
  readonly #small: SmallStack | undefined;
  #layers: LayerStack;
  #reader: BatchReader;
  #lossGradient: FloatArray; // (rows, outputs)
  #reservedRows = 0;
  /** Of the last pass. */
  #passRows = 0;
  /** Multiply-adds until the next pause. */
  #untilPause = 0;
  /** Rows of the forward pass that `backwardSync` goes back through; 0 if there is none. */
  #forwardRows = 0;
  /** Whether there are gradients for `applyGradientsSync`. */
  #hasGradients = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#small = smallStack(plan);
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
    this.#read({ x }, undefined, 0, rows);
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
    if (parameters) this.#layers.reserveGradients();
    const wishes = {
      ofPreActivation: false,
      inputGradient: inputGradient !== undefined,
      parameterGradients: parameters,
      accumulate: false,
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
    const { samples, order, epochRows, batchSize, loss, optimizer, clip, learningRates } = job;
    // One object for all: to collect one for each takes a tiny network some 3 % of its time.
    const batch = { samples, order, from: 0, rows: 0, loss, divisor: 1, update: job.firstUpdate };
    let updates = 0;
    this.#untilPause = 0;
    this.#beginGradients();
    for (let from = 0, epochEnd = epochRows; from < order.length; updates++) {
      const rows = Math.min(batchSize, epochEnd - from, order.length - from);
      batch.from = from;
      batch.rows = rows;
      batch.update = job.firstUpdate + updates;
      batch.divisor = divisorOf(samples, order, from, rows, loss);
      const rowsAtOnce = this.#rowsAtOnce(job.passRows ?? rows);
      let sum = 0;
      this.#layers.beginBatch();
      for (let row = 0; row < rows && Number.isFinite(sum); row += rowsAtOnce) {
        const passRows = Math.min(rowsAtOnce, rows - row);
        if (this.#isPauseDue(passRows)) {
          const cancelled = yield;
          if (cancelled) return { updates, ended: 'cancelled' };
        }
        sum = this.#pass(batch, row, passRows, sum, job.outputs, undefined);
      }
      const mean = sum / batch.divisor;
      this.#layers.addPenaltyGradients();
      job.losses[updates] = mean;
      if (job.penalties) job.penalties[updates] = this.#layers.penalty();
      job.gradientNorms?.set(this.#layers.gradientNorms(), updates * this.#plan.layers.length);
      if (!Number.isFinite(mean)) return { updates, ended: 'notFinite' };
      const learningRate = learningRates[learningRates.length === 1 ? 0 : updates];
      this.#layers.update({ optimizer, optimizerStep: job.optimizerStep + updates, learningRate, clip });
      from += rows;
      if (from === epochEnd) epochEnd += epochRows;
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
      this.#read(job.samples, undefined, from, rows);
      this.#layers.forward(this.#reader.x, rows);
      job.outputs?.set(this.#layers.last.output.subarray(0, rows * outputs), (from - job.from) * outputs);
      if (job.loss) lossSum = this.#loss(job.loss, rows, 1, lossSum);
      from += rows;
    }
    return { lossSum, penalty, ended: 'complete' };
  }

  *#gradients({ samples, rows, loss, firstUpdate, gradients, inputGradient }: GradientJob): Work<number> {
    const divisor = divisorOf(samples, undefined, 0, rows, loss);
    const batch = { samples, order: undefined, from: 0, rows, loss, divisor, update: firstUpdate };
    const rowsAtOnce = this.#rowsAtOnce(rows);
    let sum = 0;
    this.#beginGradients();
    this.#layers.beginBatch();
    for (let row = 0; row < rows && Number.isFinite(sum); row += rowsAtOnce) {
      const cancelled = yield;
      if (cancelled) return Number.NaN;
      sum = this.#pass(batch, row, Math.min(rowsAtOnce, rows - row), sum, undefined, inputGradient);
    }
    this.#layers.addPenaltyGradients();
    this.#layers.parameters.forEach(({ gradient }, i) => {
      gradients[i].set(gradient);
    });
    return sum / divisor + this.#layers.penalty();
  }

  /** Those that were kept for `applyGradientsSync` give way to a job's own. */
  #beginGradients(): void {
    this.#layers.reserveGradients();
    this.#hasGradients = false;
  }

  /** Rows that go through the layers together. */
  #rowsAtOnce(passRows: number): number {
    return this.#layers.usesBatchStatistics ? passRows : blockRows;
  }

  /** Whether enough was done since the last pause, when so many rows come next. */
  #isPauseDue(rows: number): boolean {
    const isDue = this.#untilPause <= 0;
    if (isDue) this.#untilPause = pauseWork;
    this.#untilPause -= passWork + 3 * rows * this.#layers.size;
    return isDue;
  }

  /**
   * Rows `firstRow` to `firstRow + rows` of a batch forward and back: their gradients replace the layers' if they are its first, or
   * are added. Returns `sum` and the rows' losses.
   */
  #pass(
    batch: Batch,
    firstRow: number,
    rows: number,
    sum: number,
    outputs: FloatArray | undefined,
    inputGradient: FloatArray | undefined,
  ): number {
    const { seed, inputs, outputs: width } = this.#plan;
    const { samples, order, loss, update, divisor } = batch;
    const from = batch.from + firstRow;
    this.#reserve(rows);
    if (this.#small !== undefined && inputGradient === undefined && isSmallPass(this.#small, rows)) {
      const losses = smallPass.run(this.#small, this.#layers.trained, batch, firstRow, rows, this.#reader, sum);
      outputs?.set(smallPass.outputs.subarray(0, rows * width), from * width);
      if (Number.isFinite(losses)) return losses;
      // Otherwise once more through the layers, which keep what they make for `findNotFinite`.
    }
    this.#reader.read(samples, order, from, rows);
    this.#layers.forward(this.#reader.x, rows, { seed, update, firstRow });
    outputs?.set(this.#layers.last.output.subarray(0, rows * width), from * width);
    const losses = this.#loss(loss, rows, divisor, sum);
    if (!Number.isFinite(losses)) return losses;
    const gradient = this.#layers.backward(this.#lossGradient, rows, {
      ofPreActivation: loss.onPreActivation,
      inputGradient: inputGradient !== undefined,
      parameterGradients: true,
      accumulate: firstRow > 0,
    });
    inputGradient?.set(gradient.subarray(0, rows * inputs), firstRow * inputs);
    return losses;
  }

  #read(samples: Samples, order: Uint32Array | undefined, from: number, rows: number): void {
    this.#reserve(rows);
    this.#reader.read(samples, order, from, rows);
  }

  /** Before a pass of so many rows. */
  #reserve(rows: number): void {
    if (rows > this.#reservedRows) {
      this.#layers.reserve(rows);
      this.#reader.reserve(rows);
      this.#lossGradient = createArray(this.#plan.dtype, rows * this.#plan.outputs);
      this.#reservedRows = rows;
    }
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

/** What the sum of a batch's losses is divided by: with `mean`, Σ wᵢ, added in row order. */
function divisorOf(
  { weights }: Samples,
  order: Uint32Array | undefined,
  from: number,
  rows: number,
  { reduction }: LossPlan,
): number {
  if (reduction === 'sum') return 1;
  let sum = weights ? 0 : rows;
  if (weights) for (let i = from; i < from + rows; i++) sum += weights[order ? order[i] : i];
  // A batch in which no row counts has loss 0 and no gradient.
  return sum || 1;
}

function invalidOrder(what: string): ChainruleError {
  return new ChainruleError('INVALID_ARGUMENT', `expected ${what} for the trainer, got none`);
}
