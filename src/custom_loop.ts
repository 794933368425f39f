import type { FloatArray } from './backend/backend.js';
import { expected } from './errors.js';
import { type Clip, resolveClip } from './fit_options.js';
import { checkFinite, createFloats, isOfDtype, Matrix, type MatrixLike, readRows } from './matrix.js';
import { ensureFiniteGradients } from './not_finite.js';
import { type OptimizerSpec, resolveOptimizer } from './optimizers.js';
import type { Parts } from './parts.js';
import { ensureEnoughRows } from './plan.js';
import { continueOptimizer } from './progress.js';
import { readInputsNow } from './samples.js';
import { runNow } from './steps.js';
import { boolean, options } from './validate.js';

/** How `Network.forward` passes. */
export interface ForwardOptions {
  /** Dropout on, and normalization by the batch's statistics. Default true. */
  readonly training?: boolean;
}

/** How `Network.applyGradients` updates. */
export interface ApplyGradientsOptions {
  readonly optimizer: OptimizerSpec;
  /** Default: none. */
  readonly clip?: Clip;
  /** Starts the optimizer anew, even where the last update was by one of the same type. Default false. */
  readonly reset?: boolean;
}

/** The steps of a training whose loss the caller computes; each needs the one before it. */
export class CustomLoop {
  readonly #parts: Parts;
  /** Of the last forward pass, as long as its activations are kept. */
  #rows: number | undefined;
  #hasGradients = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Other work has taken the buffers. */
  forget(): void {
    this.#rows = undefined;
    this.#hasGradients = false;
  }

  forward(x: MatrixLike, given: ForwardOptions): Matrix<FloatArray> {
    const { plan, trainer, shape, progress } = this.#parts;
    const { training = true } = options(given, 'options of forward', ['training']);
    boolean(training, 'training');
    const { data, rows } = readInputsNow(x, shape, 'x');
    if (rows === 0) throw expected('INVALID_ARGUMENT', 'at least one row', 'x', 'none');
    if (training) ensureEnoughRows(plan, rows, rows);
    this.forget();
    const outputs = createFloats(plan.dtype, rows * plan.outputs);
    trainer.forwardSync({ x: data, rows, training, update: progress.updates, outputs });
    this.#rows = rows;
    return new Matrix(outputs, rows, plan.outputs);
  }

  backward(given: MatrixLike): Matrix<FloatArray> {
    const { plan, trainer, shape } = this.#parts;
    const { inputs, outputs, dtype } = plan;
    const rows = this.#rows;
    if (rows === undefined) {
      throw expected('INVALID_ARGUMENT', 'a forward pass right before', 'backward', 'none');
    }
    const checked = runNow(readRows(given, outputs, dtype, 'outputGradient'));
    if (checked.rows !== rows) {
      throw expected('SHAPE_MISMATCH', `${rows} rows, as many as x had,`, 'outputGradient', String(checked.rows));
    }
    runNow(checkFinite(checked, outputs, 'outputGradient', shape));
    let outputGradient: FloatArray;
    if (isOfDtype(checked.data, dtype)) outputGradient = checked.data;
    else {
      outputGradient = createFloats(dtype, rows * outputs);
      outputGradient.set(checked.data);
    }
    const inputGradient = createFloats(dtype, rows * inputs);
    trainer.backwardSync({ outputGradient, inputGradient, parameters: true });
    this.#hasGradients = true;
    return new Matrix(inputGradient, rows, inputs);
  }

  applyGradients(given: ApplyGradientsOptions): void {
    const { trainer, progress } = this.#parts;
    const known = ['optimizer', 'clip', 'reset'];
    const { optimizer, clip, reset = false } = options(given, 'options of applyGradients', known);
    const { plan, learningRate, hasKernel } = resolveOptimizer(optimizer);
    if (!hasKernel) {
      throw expected('INVALID_ARGUMENT', 'an optimizer that takes one gradient', 'optimizer', plan.kernel);
    }
    const clipPlan = resolveClip(clip, resolveOptimizer(optimizer));
    boolean(reset, 'reset');
    if (!this.#hasGradients) {
      throw expected('INVALID_ARGUMENT', 'a backward pass before', 'applyGradients', 'none');
    }
    ensureFiniteGradients(this.#parts);
    continueOptimizer(progress, plan.kernel, reset);
    const optimizerStep = progress.optimizer.step;
    trainer.applyGradientsSync({ optimizer: plan, learningRate, optimizerStep, ...(clipPlan && { clip: clipPlan }) });
    // The activations are those of the weights before.
    this.forget();
    progress.updates++;
    progress.batch++;
    progress.optimizer.step++;
  }
}
