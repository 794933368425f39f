import type { FloatArray, GradientJob, Plan, Trainer, TrainingJob, TrainingReport } from './backend/backend.js';
import { expected } from './errors.js';
import { lbfgsStep, newMemory } from './lbfgs.js';
import { newParameters, type ParameterShape, parameterShapes } from './parameters.js';
import { dot } from './vectors.js';

/** What of a trainer a fit trains with. */
export type EpochTrainer = Pick<Trainer, 'train' | 'trainSync' | 'cancel'>;

/**
 * Does training jobs by L-BFGS, each update one step on all rows in their own order: a trainer's gradients and parameters, and
 * nothing else, are needed. Losses include the penalty, and outputs are those of a pass without dropout.
 */
export class LbfgsTrainer implements EpochTrainer {
  readonly #trainer: Trainer;
  readonly #plan: Plan;
  readonly #shapes: readonly ParameterShape[];
  #memory = newMemory();
  #cancelled = false;

  /** Throws `INVALID_ARGUMENT` for a network with batch normalization or constraints, which whole gradients do not keep. */
  constructor(trainer: Trainer, plan: Plan) {
    const unfit = plan.layers.findIndex(
      (layer) =>
        layer.kind === 'batchNormalization' || (layer.kind === 'dense' && (layer.maxNorm > 0 || layer.nonNegative)),
    );
    if (unfit >= 0) {
      const what = 'layers without batch normalization and constraints beside lbfgs';
      const { kind } = plan.layers[unfit];
      const got = kind === 'dense' ? 'a constraint' : kind;
      throw expected('INVALID_ARGUMENT', what, `layers[${unfit}]`, got);
    }
    this.#trainer = trainer;
    this.#plan = plan;
    this.#shapes = parameterShapes(plan.layers);
  }

  cancel(): void {
    this.#cancelled = true;
  }

  async train(job: TrainingJob): Promise<TrainingReport> {
    const { samples, outputs, epochRows, batchSize } = job;
    this.#cancelled = false;
    const work = this.#work(job);
    let next = work.next();
    while (!next.done) {
      if (next.value.startsEpoch && outputs) {
        const from = next.value.startsEpoch.number * epochRows * this.#plan.outputs;
        const own = outputs.subarray(from, from + epochRows * this.#plan.outputs);
        await this.#trainer.evaluate({ samples, from: 0, rows: epochRows, batchSize, outputs: own });
      }
      next = work.next(await this.#trainer.gradients(next.value.job));
    }
    return next.value;
  }

  trainSync(job: TrainingJob): TrainingReport {
    this.#cancelled = false;
    const work = this.#work(job);
    let next = work.next();
    while (!next.done) next = work.next(this.#trainer.gradientsSync(next.value.job));
    return next.value;
  }

  /** Yields the gradients it needs and is told their loss. */
  *#work(job: TrainingJob): Generator<{ job: GradientJob; startsEpoch?: { number: number } }, TrainingReport, number> {
    const { samples, epochRows, loss, optimizer, learningRates } = job;
    if (job.optimizerStep === 0) this.#memory = newMemory();
    const [maxIterations, historySize, gradientTolerance, changeTolerance] = optimizer.parameters;
    const { dtype } = this.#plan;
    const [parameters, gradients] = [newParameters(this.#shapes, dtype), newParameters(this.#shapes, dtype)];
    this.#trainer.getParameters(parameters);
    const updates = job.order.length / epochRows;
    for (let update = 0; update < updates; update++) {
      if (this.#cancelled) return { updates: update, ended: 'cancelled' };
      const before = parameters.map((array) => array.slice());
      const learningRate = learningRates[learningRates.length === 1 ? 0 : update];
      const settings = { maxIterations, historySize, gradientTolerance, changeTolerance, learningRate };
      const gradientJob = { samples, rows: epochRows, loss, firstUpdate: job.firstUpdate + update, gradients };
      const first = yield { job: gradientJob, startsEpoch: { number: update } };
      job.losses[update] = first;
      this.#reportNorms(job, update, gradients);
      const steps = lbfgsStep(this.#memory, settings, { loss: first, gradient: flat(gradients) });
      let next = Number.isFinite(first) ? steps.next() : ({ done: true, value: false } as const);
      for (let iteration = 1; !next.done; iteration++) {
        move(parameters, next.value);
        this.#trainer.setParameters(parameters);
        // What is found after the last iteration is not looked at.
        const found = iteration === maxIterations ? Number.NaN : yield { job: gradientJob };
        next = steps.next({ loss: found, gradient: flat(gradients) });
      }
      if (!next.value) {
        // What was found of the curvature may be spoilt.
        this.#memory = newMemory();
        this.#trainer.setParameters(before);
        // A pass that was cancelled has no loss.
        return { updates: update, ended: this.#cancelled ? 'cancelled' : 'notFinite' };
      }
    }
    return { updates, ended: 'complete' };
  }

  #reportNorms({ gradientNorms }: TrainingJob, update: number, gradients: readonly FloatArray[]): void {
    if (!gradientNorms) return;
    const layers = this.#plan.layers.length;
    const squares = new Float64Array(layers);
    this.#shapes.forEach(({ layer }, i) => {
      squares[layer] += dot(gradients[i], gradients[i]);
    });
    gradientNorms.set(squares.map(Math.sqrt), update * layers);
  }
}

function flat(arrays: readonly FloatArray[]): Float64Array {
  const all = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** Adds one long vector to the arrays it stands for. */
function move(arrays: readonly FloatArray[], by: Float64Array): void {
  let at = 0;
  for (const array of arrays) for (let i = 0; i < array.length; i++) array[i] += by[at++];
}
