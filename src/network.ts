import type { Backend, Dtype, FloatArray, Plan, Trainer } from './backend/backend.js';
import { selectBackend } from './backend/select.js';
import { ChainruleError, expected } from './errors.js';
import { evaluateRows, evaluationBatchSize } from './evaluation.js';
import { type FitOptions, resolveBatchSize, resolveFit } from './fit_options.js';
import type { History } from './history.js';
import type { LayerSpec } from './layers.js';
import { type LossSpec, resolveLoss } from './losses.js';
import { copyValues, createFloats, Matrix, type MatrixLike } from './matrix.js';
import { type MetricSpec, resolveMetrics } from './metrics.js';
import { type OptimizerSpec, resolveOptimizer } from './optimizers.js';
import { sequence } from './order.js';
import {
  initialParameters,
  type NetworkOptions,
  type ParameterShape,
  parameterShapes,
  type ResolvedNetwork,
  resolveNetwork,
} from './plan.js';
import { type Data, readFitSamples, readInputs, readSamples, type SampleShape } from './samples.js';
import { runInTurns, runNow } from './steps.js';
import { summarize } from './summary.js';
import { continueOptimizer, type Progress, train } from './training.js';
import { Turns } from './turns.js';
import { invalid, isObject, options } from './validate.js';

/** A layer's parameters: weights (inputs, units) row-major and bias (units); empty for a layer that has none. */
export interface LayerParameters<T = FloatArray> {
  readonly weights?: T;
  readonly bias?: T;
}

export interface Gradients {
  readonly loss: number;
  /** ∂L/∂W and ∂L/∂b, one entry per layer, shaped as `parameters()`. */
  readonly layers: LayerParameters[];
  /** ∂L/∂x, (rows, inputs). */
  readonly inputs: Matrix<FloatArray>;
}

export interface EvaluateOptions {
  readonly loss?: LossSpec;
  readonly metrics?: readonly MetricSpec[];
  readonly batchSize?: number;
}

export interface PredictOptions {
  readonly batchSize?: number;
}

export interface TrainOnBatchOptions {
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
}

/** What a network runs on, and why. */
export interface BackendReport {
  readonly name: Backend['name'];
  readonly isa: string;
  readonly threads: number;
  readonly reason: string;
}

/**
 * A feed-forward network of dense layers. Methods that return promises throw nothing synchronously. Besides the errors
 * named with each method, all throw `INVALID_ARGUMENT` for options that are not theirs and `DISPOSED` after `dispose()`;
 * those that do not return promises throw `BUSY` while a job of the network runs.
 */
export class Network {
  readonly backend: BackendReport;
  /** The layers as plain data, defaults filled in. */
  readonly layers: readonly LayerSpec[];
  readonly inputs: number;
  readonly outputs: number;
  readonly dtype: Dtype;
  readonly seed: number;
  readonly parameterCount: number;
  readonly #resolved: ResolvedNetwork;
  readonly #plan: Plan;
  readonly #parameters: readonly ParameterShape[];
  readonly #shape: SampleShape;
  readonly #trainer: Trainer;
  readonly #progress: Progress = { epoch: 0, updates: 0, optimizer: { kernel: '', step: 0 } };
  #turns = new Turns();
  #fitting = false;
  #disposed = false;

  /** Throws `INVALID_ARGUMENT`, `SHAPE_MISMATCH` or `NOT_FINITE` (explicit weights), `BACKEND_UNAVAILABLE`. */
  constructor(options: NetworkOptions) {
    const resolved = resolveNetwork(options);
    const { plan, specs } = resolved;
    const { backend, reason } = selectBackend(resolved.backend);
    const kernels = backend.kernels(plan.dtype);
    this.#resolved = resolved;
    this.#plan = plan;
    this.#parameters = parameterShapes(plan.layers);
    this.#shape = {
      inputs: plan.inputs,
      outputs: plan.outputs,
      dtype: plan.dtype,
      firstNotFinite: (array, from, to) => kernels.firstNotFinite(array, from, to),
    };
    const parameters = initialParameters(resolved);
    this.#trainer = backend.createTrainer(plan);
    this.#trainer.setParameters(parameters);
    this.layers = specs;
    this.inputs = plan.inputs;
    this.outputs = plan.outputs;
    this.dtype = plan.dtype;
    this.seed = plan.seed;
    this.parameterCount = parameters.reduce((sum, array) => sum + array.length, 0);
    const threads = backend.name === 'native' ? plan.threads : 1;
    this.backend = Object.freeze({ name: backend.name, isa: backend.isa, threads, reason });
  }

  /**
   * Trains; on the native backend off the event loop. Goes on from where the last fit ended: the epochs' numbers and, for
   * an optimizer of the same type, its state. Typed arrays of the network's dtype are read in place until the promise
   * settles. An abort while it trains ends it with `stoppedBy: 'signal'`; a loss that is not finite, before its update,
   * with `'notFinite'`. In either case, and when a callback throws, the network stands as after its last whole update.
   *
   * Rejects with `BUSY` while another fit runs, `ABORTED` if the signal is aborted already, `SHAPE_MISMATCH`,
   * `NOT_FINITE` (naming row and column), `INVALID_ARGUMENT`, or what a callback throws.
   */
  async fit(data: Data, options: FitOptions): Promise<History> {
    const started = performance.now();
    this.#ensureNotFitting('fit');
    const resolved = resolveFit(options, this.#resolved.outputActivation, this.outputs);
    const { signal } = resolved;
    if (signal?.aborted) {
      throw new ChainruleError('ABORTED', 'expected a signal that is not aborted yet for signal, got an aborted one', {
        cause: signal.reason,
      });
    }
    this.#fitting = true;
    try {
      return await this.#turns.run(async () => {
        const { validation, acceptsClasses } = resolved;
        const samples = await runInTurns(readFitSamples(data, validation, this.#shape, acceptsClasses));
        this.#ensureUsable();
        const history = await train({
          trainer: this.#trainer,
          plan: this.#plan,
          progress: this.#progress,
          options: resolved,
          ...samples,
          callback: (run) => this.#callback(run),
          ensureUsable: () => this.#ensureUsable(),
        });
        return { ...history, seconds: (performance.now() - started) / 1000 };
      });
    } finally {
      this.#fitting = false;
    }
  }

  /**
   * Loss and metrics over all rows, dropout off, without an update; waits for its turn. The metrics' names are the keys.
   * Rejects as `fit` does for its data.
   */
  async evaluate(data: Data, given: EvaluateOptions): Promise<Record<string, number>> {
    this.#ensureUsable();
    const { loss, metrics, batchSize } = options(given, 'options of evaluate', ['loss', 'metrics', 'batchSize']);
    const resolvedLoss =
      loss === undefined ? undefined : resolveLoss(loss, this.#resolved.outputActivation, this.outputs);
    const resolvedMetrics = resolveMetrics(metrics, this.outputs);
    if (!resolvedLoss && resolvedMetrics.count === 0) throw invalid('a loss or metrics', 'options of evaluate', given);
    const rowsAtOnce = resolveBatchSize(batchSize, evaluationBatchSize);
    return this.#takeTurn(async () => {
      const { samples, rows } = await runInTurns(readSamples(data, this.#shape, resolvedLoss?.acceptsClasses ?? true));
      this.#ensureUsable();
      const evaluation = await evaluateRows(this.#trainer, this.#plan, {
        samples,
        from: 0,
        rows,
        batchSize: rowsAtOnce,
        loss: resolvedLoss?.plan,
        accumulators: resolvedMetrics.start(samples),
      });
      return evaluation as Record<string, number>;
    });
  }

  /** Outputs for (rows, inputs), dropout off; waits for its turn. Rejects with `SHAPE_MISMATCH`, `NOT_FINITE`, `INVALID_ARGUMENT`. */
  async predict(x: MatrixLike, given: PredictOptions = {}): Promise<Matrix<FloatArray>> {
    this.#ensureUsable();
    const { batchSize } = options(given, 'options of predict', ['batchSize']);
    const rowsAtOnce = resolveBatchSize(batchSize, evaluationBatchSize);
    return this.#takeTurn(async () => {
      const { data, rows } = await runInTurns(readInputs(x, this.#shape, 'x'));
      this.#ensureUsable();
      const outputs = createFloats(this.dtype, rows * this.outputs);
      if (rows > 0)
        await this.#trainer.evaluate({ samples: { x: data }, from: 0, rows, batchSize: rowsAtOnce, outputs });
      return new Matrix(outputs, rows, this.outputs);
    });
  }

  /** As `predict`, on the calling thread. */
  predictSync(x: MatrixLike): Matrix<FloatArray> {
    this.#ensureIdle('predictSync');
    const { data, rows } = runNow(readInputs(x, this.#shape, 'x'));
    const outputs = createFloats(this.dtype, rows * this.outputs);
    const batchSize = Math.min(rows, evaluationBatchSize);
    if (rows > 0) this.#trainer.evaluateSync({ samples: { x: data }, from: 0, rows, batchSize, outputs });
    return new Matrix(outputs, rows, this.outputs);
  }

  /**
   * One update from all rows as one batch, on the calling thread; returns the batch's loss before it. A loss that is not
   * finite is returned without an update. Throws as `fit` rejects.
   */
  trainOnBatch(batch: Data, given: TrainOnBatchOptions): number {
    this.#ensureNotFitting('trainOnBatch');
    this.#ensureIdle('trainOnBatch');
    const { loss, optimizer } = options(given, 'options of trainOnBatch', ['loss', 'optimizer']);
    const { plan, acceptsClasses } = resolveLoss(loss, this.#resolved.outputActivation, this.outputs);
    const { plan: optimizerPlan, learningRate } = resolveOptimizer(optimizer);
    const { samples, rows } = runNow(readSamples(batch, this.#shape, acceptsClasses));
    const progress = this.#progress;
    continueOptimizer(progress, optimizerPlan.kernel, false);
    const losses = new Float64Array(1);
    const { updates } = this.#trainer.trainSync({
      samples,
      order: sequence(0, rows),
      epochRows: rows,
      batchSize: rows,
      loss: plan,
      optimizer: optimizerPlan,
      learningRates: Float64Array.of(learningRate),
      firstUpdate: progress.updates,
      optimizerStep: progress.optimizer.step,
      losses,
    });
    progress.updates += updates;
    progress.optimizer.step += updates;
    return losses[0];
  }

  /**
   * Loss and gradients of all rows as one batch, on the calling thread, without an update: what the next update would
   * use, its dropout masks included. Throws as `fit` rejects.
   */
  gradients(batch: Data, given: { readonly loss: LossSpec }): Gradients {
    this.#ensureIdle('gradients');
    const { loss } = options(given, 'options of gradients', ['loss']);
    const { plan, acceptsClasses } = resolveLoss(loss, this.#resolved.outputActivation, this.outputs);
    const { samples, rows } = runNow(readSamples(batch, this.#shape, acceptsClasses));
    const gradients = this.#newParameters();
    const inputGradient = createFloats(this.dtype, rows * this.inputs);
    const firstUpdate = this.#progress.updates;
    const value = this.#trainer.gradientsSync({ samples, rows, loss: plan, firstUpdate, gradients, inputGradient });
    return { loss: value, layers: this.#byLayer(gradients), inputs: new Matrix(inputGradient, rows, this.inputs) };
  }

  /** A copy of all parameters, one entry per layer. */
  parameters(): LayerParameters[] {
    this.#ensureIdle('parameters');
    const arrays = this.#newParameters();
    this.#trainer.getParameters(arrays);
    return this.#byLayer(arrays);
  }

  /**
   * Copies parameters in, one entry per layer, flat or nested, rounded to the dtype; the optimizer's state stays.
   * Throws `SHAPE_MISMATCH`, `NOT_FINITE` or `INVALID_ARGUMENT`, and then changes nothing.
   */
  setParameters(parameters: readonly LayerParameters<MatrixLike>[]): void {
    this.#ensureNotFitting('setParameters');
    this.#ensureIdle('setParameters');
    if (!Array.isArray(parameters)) throw invalid('an array with one entry per layer', 'parameters', parameters);
    if (parameters.length !== this.layers.length) {
      throw expected('SHAPE_MISMATCH', `${this.layers.length} layers`, 'parameters', String(parameters.length));
    }
    parameters.forEach((layer: unknown, i) => {
      const known = this.#parameters.filter((shape) => shape.layer === i).map(({ name }) => name);
      if (!isObject(layer)) throw invalid('an object', `parameters[${i}]`, layer);
      options(layer, `parameters[${i}]`, known);
    });
    const arrays = this.#parameters.map(({ layer, name, rows, columns }) =>
      copyValues(parameters[layer][name], rows, columns, this.dtype, `parameters[${layer}].${name}`),
    );
    this.#trainer.setParameters(arrays);
  }

  /** A table of the layers, their widths and their numbers of parameters. */
  summary(): string {
    return summarize(this.#plan, this.backend);
  }

  /** Frees what the network holds, now; a fit that runs rejects with `DISPOSED`. May be called again. */
  dispose(): void {
    this.#disposed = true;
    this.#trainer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs a callback of a fit; calls that it makes, or that come meanwhile, are served before the fit goes on. */
  async #callback(run: () => unknown): Promise<void> {
    const fitTurns = this.#turns;
    this.#turns = new Turns();
    try {
      await run();
    } finally {
      await this.#turns.idle();
      this.#turns = fitTurns;
      this.#ensureUsable();
    }
  }

  /** Runs a job when those before it are done; whatever became of it, `DISPOSED` once the network is disposed of. */
  #takeTurn<T>(job: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      this.#ensureUsable();
      try {
        return await job();
      } finally {
        this.#ensureUsable();
      }
    });
  }

  #newParameters(): FloatArray[] {
    return this.#parameters.map(({ rows, columns }) => createFloats(this.dtype, rows * columns));
  }

  /** Parameter arrays in crossing order to one entry per layer. */
  #byLayer(arrays: readonly FloatArray[]): LayerParameters[] {
    const layers: { weights?: FloatArray; bias?: FloatArray }[] = this.layers.map(() => ({}));
    this.#parameters.forEach(({ layer, name }, i) => {
      layers[layer][name] = arrays[i];
    });
    return layers;
  }

  #ensureUsable(): void {
    if (this.#disposed)
      throw new ChainruleError('DISPOSED', 'expected a network in use for this call, got a disposed one');
  }

  #ensureIdle(method: string): void {
    this.#ensureUsable();
    if (this.#turns.busy) throw expected('BUSY', 'an idle network', method, 'one that is at work');
  }

  #ensureNotFitting(method: string): void {
    this.#ensureUsable();
    if (this.#fitting) throw expected('BUSY', 'a network that is not training', method, 'one that is');
  }
}
