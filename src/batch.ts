import type { FloatArray } from './backend/backend.js';
import { type ClassWeights, resolveClassWeights, weighClasses } from './class_weights.js';
import { type Clip, resolveClip } from './fit_options.js';
import type { LossSpec } from './losses.js';
import { createFloats, Matrix, type MatrixLike } from './matrix.js';
import { ensureFiniteGradients, notFiniteLoss } from './not_finite.js';
import { type OptimizerSpec, resolveOptimizer } from './optimizers.js';
import { sequence } from './order.js';
import { byLayer, type LayerParameters, newParameters } from './parameters.js';
import type { Parts } from './parts.js';
import { ensureEnoughRows, hasPenalty, resolveOutputLoss } from './plan.js';
import { continueOptimizer, epochTrainer } from './progress.js';
import { type Data, readInputsNow, readSamples } from './samples.js';
import { runNow } from './steps.js';
import { options } from './validate.js';

/** How `Network.trainOnBatch` updates. */
export interface TrainOnBatchOptions {
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  /** Default: none. */
  readonly clip?: Clip;
  /** Factors on the rows' weights; default 1. */
  readonly classWeights?: ClassWeights;
  /** Starts the optimizer anew, even where the last update was by one of the same type. Default false. */
  readonly reset?: boolean;
}

/** What `Network.gradients` returns. */
export interface Gradients {
  /** The batch's loss, penalty included. */
  readonly loss: number;
  /** ∂L/∂W, ∂L/∂b, …, one entry per layer, shaped as `parameters()`; 0 for moving statistics, which have none. */
  readonly layers: LayerParameters[];
  /** ∂L/∂x, (rows, inputs). */
  readonly inputs: Matrix<FloatArray>;
}

/** One update from all rows as one batch; returns the batch's loss before it. */
export function trainOnBatch(parts: Parts, batch: Data, given: TrainOnBatchOptions): number {
  const { plan, trainer, shape, progress } = parts;
  const known = ['loss', 'optimizer', 'clip', 'classWeights', 'reset'];
  const { loss, optimizer, clip, classWeights, reset = false } = options(given, 'options of trainOnBatch', known);
  const { plan: lossPlan, acceptsClasses } = resolveOutputLoss(loss, plan);
  const resolved = resolveOptimizer(optimizer);
  const clipPlan = resolveClip(clip, resolved);
  const weights = resolveClassWeights(classWeights, plan.outputs);
  const updater = epochTrainer(progress, resolved, trainer, plan);
  const read = runNow(readSamples(batch, shape, acceptsClasses));
  const { samples, rows } = runNow(weighClasses(read, weights, plan.outputs));
  ensureEnoughRows(plan, rows, rows);
  continueOptimizer(progress, resolved.plan.kernel, reset);
  const losses = new Float64Array(1);
  const penalties = new Float64Array(1);
  const { ended } = updater.trainSync({
    samples,
    order: sequence(0, rows),
    epochRows: rows,
    batchSize: rows,
    loss: lossPlan,
    optimizer: resolved.plan,
    ...(clipPlan && { clip: clipPlan }),
    learningRates: Float64Array.of(resolved.learningRate),
    firstUpdate: progress.updates,
    optimizerStep: progress.optimizer.step,
    losses,
    ...(hasPenalty(plan) && { penalties }),
  });
  if (ended === 'notFinite') throw notFiniteLoss(parts, losses[0]);
  progress.updates++;
  progress.batch++;
  progress.optimizer.step++;
  return losses[0] + penalties[0];
}

/** Loss and gradients of all rows as one batch. */
export function batchGradients(parts: Parts, batch: Data, given: { readonly loss: LossSpec }): Gradients {
  const { plan, trainer, parameters, shape, progress, layers } = parts;
  const { loss } = options(given, 'options of gradients', ['loss']);
  const { plan: lossPlan, acceptsClasses } = resolveOutputLoss(loss, plan);
  const { samples, rows } = runNow(readSamples(batch, shape, acceptsClasses));
  ensureEnoughRows(plan, rows, rows);
  const gradients = newParameters(parameters, plan.dtype);
  const inputGradient = createFloats(plan.dtype, rows * plan.inputs);
  const firstUpdate = progress.updates;
  const value = trainer.gradientsSync({ samples, rows, loss: lossPlan, firstUpdate, gradients, inputGradient });
  if (!Number.isFinite(value)) throw notFiniteLoss(parts, value);
  ensureFiniteGradients(parts, shape.firstNotFinite(inputGradient, 0, inputGradient.length, shape.threads) < 0);
  return {
    loss: value,
    layers: byLayer(parameters, gradients, layers),
    inputs: new Matrix(inputGradient, rows, plan.inputs),
  };
}

/** Rows that go through the network together: each row of x takes as many as there are outputs. */
const jacobianRows = 1024;

/** ∂outputs/∂inputs of each row, (outputs, inputs): the way back from each output's unit vector. */
export function jacobian({ plan, trainer, shape }: Parts, x: MatrixLike): Matrix<FloatArray>[] {
  const { data, rows } = readInputsNow(x, shape, 'x');
  const { inputs, outputs, dtype } = plan;
  const rowsAtOnce = Math.max(1, Math.floor(jacobianRows / outputs));
  const matrices: Matrix<FloatArray>[] = [];
  for (let from = 0; from < rows; from += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - from);
    const repeated = createFloats(dtype, count * outputs * inputs); // (count, outputs, inputs)
    const units = createFloats(dtype, count * outputs * outputs); // (count, outputs, outputs)
    for (let i = 0; i < count * outputs; i++) {
      const row = from + Math.floor(i / outputs);
      repeated.set(data.subarray(row * inputs, (row + 1) * inputs), i * inputs);
      units[i * outputs + (i % outputs)] = 1;
    }
    const all = count * outputs;
    const values = createFloats(dtype, all * outputs);
    trainer.forwardSync({ x: repeated, rows: all, training: false, update: 0, outputs: values });
    const gradient = createFloats(dtype, all * inputs);
    trainer.backwardSync({ outputGradient: units, inputGradient: gradient, parameters: false });
    for (let i = 0; i < count; i++) {
      const own = gradient.slice(i * outputs * inputs, (i + 1) * outputs * inputs);
      matrices.push(new Matrix(own, outputs, inputs));
    }
  }
  return matrices;
}
