import type { Backend, Dtype, FloatArray } from './backend/backend.js';
import { selectBackend } from './backend/select.js';
import { batchGradients, type Gradients, jacobian, type TrainOnBatchOptions, trainOnBatch } from './batch.js';
import { type ApplyGradientsOptions, CustomLoop, type ForwardOptions } from './custom_loop.js';
import { ChainruleError, expected } from './errors.js';
import { type FitOptions, resolveFit } from './fit_options.js';
import type { History } from './history.js';
import type { LayerSpec } from './layers.js';
import type { LossSpec } from './losses.js';
import type { Matrix, MatrixLike } from './matrix.js';
import {
  byLayer,
  initialParameters,
  type LayerParameters,
  newParameters,
  parameterShapes,
  readParameters,
} from './parameters.js';
import type { Parts } from './parts.js';
import { ensureEnoughRows, type NetworkOptions, resolveNetwork } from './plan.js';
import {
  type EvaluateOptions,
  type PredictOptions,
  predictNow,
  prepareEvaluation,
  preparePrediction,
} from './prediction.js';
import { type Data, readFitSamples } from './samples.js';
import { asFormatError, type NetworkJson, readModel, writeModel } from './serialization.js';
import { runInTurns } from './steps.js';
import { summarize } from './summary.js';
import { train } from './training.js';
import { Turns } from './turns.js';
import { options } from './validate.js';

/** What a network runs on, and why. */
export interface BackendReport {
  readonly name: Backend['name'];
  /** The instruction set of its kernels; `none` for TypeScript. */
  readonly isa: string;
  /** Compute threads. */
  readonly threads: number;
  /** Why this one. */
  readonly reason: string;
}

/**
 * A feed-forward network: layers one behind the other. Methods that return promises throw nothing synchronously. Besides the errors
 * named with each method, all throw `INVALID_ARGUMENT` for options that are not theirs and `DISPOSED` after `dispose()`;
 * those that do not return promises throw `BUSY` while a job of the network runs.
 */
export class Network {
  /** What it runs on, and why. */
  readonly backend: BackendReport;
  /** The layers as plain data, defaults filled in. */
  readonly layers: readonly LayerSpec[];
  /** Numbers per row of x. */
  readonly inputs: number;
  /** Numbers per row of what it predicts. */
  readonly outputs: number;
  /** What it computes with. */
  readonly dtype: Dtype;
  /** Of its initial weights, orders and dropout masks. */
  readonly seed: number;
  /** Numbers it learns or, as moving statistics, keeps. */
  readonly parameterCount: number;
  readonly #parts: Parts;
  readonly #loop: CustomLoop;
  #turns = new Turns();
  #fitting = false;
  #disposed = false;

  /** Throws `INVALID_ARGUMENT`, `SHAPE_MISMATCH` or `NOT_FINITE` (explicit weights), `BACKEND_UNAVAILABLE`. */
  constructor(options: NetworkOptions) {
    const { plan, specs, backend: choice } = resolveNetwork(options);
    const { backend, reason } = selectBackend(choice);
    const { firstNotFinite } = backend.kernels(plan.dtype);
    const { inputs, outputs, dtype } = plan;
    const threads = backend.name === 'native' ? plan.threads : 1;
    const parameters = initialParameters(plan, specs);
    const trainer = backend.createTrainer(plan);
    trainer.setParameters(parameters);
    this.#parts = {
      plan,
      trainer,
      parameters: parameterShapes(plan.layers),
      shape: { inputs, outputs, dtype, threads, firstNotFinite },
      progress: { epoch: 0, batch: 0, updates: 0, optimizer: { kernel: '', step: 0 } },
      layers: specs.length,
    };
    this.#loop = new CustomLoop(this.#parts);
    this.layers = specs;
    this.inputs = inputs;
    this.outputs = outputs;
    this.dtype = dtype;
    this.seed = plan.seed;
    this.parameterCount = parameters.reduce((sum, array) => sum + array.length, 0);
    this.backend = Object.freeze({ name: backend.name, isa: backend.isa, threads, reason });
  }

  /**
   * The network that `toJSON` wrote, or the text of it: the same predictions, bit for bit on the same backend. Training
   * begins anew: with epoch 0 and a new optimizer. Throws `FORMAT` for anything else, and what the constructor throws for `given`.
   */
  static fromJSON(json: unknown, given: Pick<NetworkOptions, 'backend' | 'threads'> = {}): Network {
    const chosen = options(given, 'options of fromJSON', ['backend', 'threads']);
    const { options: made, parameters } = readModel(json);
    resolveNetwork({ ...made, ...chosen });
    return asFormatError(() => {
      const network = new Network({ ...made, ...chosen });
      network.setParameters(parameters);
      return network;
    });
  }

  /**
   * Trains; on the native backend off the event loop. Goes on from where the last fit ended: the epochs' numbers and, for
   * an optimizer of the same type, its state. Typed arrays of the network's dtype are read in place until the promise
   * settles. An abort while it trains ends it with `stoppedBy: 'signal'`; a loss that is not finite, before its update, or parameters
   * that the last update left so, with `'notFinite'`, the history's `error` naming layer, epoch and batch. In each case, and when a
   * callback throws, the network stands as after its last whole update.
   *
   * Rejects with `BUSY` while another fit runs, `ABORTED` if the signal is aborted already, `SHAPE_MISMATCH`,
   * `NOT_FINITE` (naming row and column), `INVALID_ARGUMENT`, or what a callback throws.
   */
  async fit(data: Data, options: FitOptions): Promise<History> {
    const started = performance.now();
    this.#ensureNotFitting('fit');
    const { plan, trainer, progress, shape, layers } = this.#parts;
    const resolved = resolveFit(options, plan);
    const { signal } = resolved;
    if (signal?.aborted) {
      throw new ChainruleError('ABORTED', 'expected a signal that is not aborted yet for signal, got an aborted one', {
        cause: signal.reason,
      });
    }
    this.#fitting = true;
    try {
      return await this.#turns.run(async () => {
        this.#loop.forget();
        const { validation, acceptsClasses, classWeights, batchSize } = resolved;
        const samples = await runInTurns(readFitSamples(data, validation, shape, acceptsClasses, classWeights));
        this.#ensureUsable();
        const { rows } = samples.training;
        ensureEnoughRows(plan, rows, batchSize === 'full' ? rows : batchSize);
        return train({
          started,
          trainer,
          plan,
          layers,
          progress,
          options: resolved,
          ...samples,
          callback: (run) => this.#callback(run),
          ensureUsable: () => this.#ensureUsable(),
        });
      });
    } finally {
      this.#fitting = false;
    }
  }

  /**
   * Loss (penalty included) and metrics over all rows, dropout off, without an update; waits for its turn. The metrics' names
   * are the keys.
   * Rejects as `fit` does for its data.
   */
  async evaluate(data: Data, options: EvaluateOptions): Promise<Record<string, number>> {
    this.#ensureUsable();
    const run = prepareEvaluation(this.#parts, options);
    return this.#takeTurn(() => run(data, () => this.#ensureUsable()));
  }

  /** Outputs, (rows, outputs), for (rows, inputs), dropout off; waits for its turn. Rejects with `SHAPE_MISMATCH`, `NOT_FINITE`, `INVALID_ARGUMENT`. */
  async predict(x: MatrixLike, options: PredictOptions = {}): Promise<Matrix<FloatArray>> {
    this.#ensureUsable();
    const run = preparePrediction(this.#parts, options);
    return this.#takeTurn(() => run(x, () => this.#ensureUsable()));
  }

  /** As `predict`, on the calling thread: (rows, outputs). */
  predictSync(x: MatrixLike): Matrix<FloatArray> {
    this.#ensureIdle('predictSync');
    return predictNow(this.#parts, x);
  }

  /**
   * One update from all rows as one batch, on the calling thread; returns the batch's loss before it, penalty included. Throws as
   * `fit` rejects, and `NOT_FINITE`, naming layer, epoch and batch, without an update where the loss is not finite: batch counts the
   * updates since the last whole epoch of a fit.
   */
  trainOnBatch(batch: Data, options: TrainOnBatchOptions): number {
    this.#ensureNotFitting('trainOnBatch');
    this.#ensureIdle('trainOnBatch');
    return trainOnBatch(this.#parts, batch, options);
  }

  /**
   * Loss and gradients of all rows as one batch, on the calling thread, without an update: what the next update would
   * use, its dropout masks and penalties included. Throws as `fit` rejects, and `NOT_FINITE`, naming layer, epoch and batch as
   * `trainOnBatch` does, where the loss or a gradient is not finite.
   */
  gradients(batch: Data, options: { readonly loss: LossSpec }): Gradients {
    this.#ensureIdle('gradients');
    return batchGradients(this.#parts, batch, options);
  }

  /**
   * ∂outputs/∂inputs of each row of x, (outputs, inputs), dropout off; on the calling thread. Throws `SHAPE_MISMATCH`,
   * `NOT_FINITE`, `INVALID_ARGUMENT`.
   */
  jacobian(x: MatrixLike): Matrix<FloatArray>[] {
    this.#ensureIdle('jacobian');
    return jacobian(this.#parts, x);
  }

  /**
   * First step of a training whose loss the caller computes: outputs for (rows, inputs), on the calling thread, as in the coming
   * update: dropout on, batch statistics. Throws `SHAPE_MISMATCH`, `NOT_FINITE`, `INVALID_ARGUMENT`.
   */
  forward(x: MatrixLike, options: ForwardOptions = {}): Matrix<FloatArray> {
    this.#ensureNotFitting('forward');
    this.#ensureIdle('forward');
    return this.#loop.forward(x, options);
  }

  /**
   * Second step: takes ∂L/∂outputs of the last `forward`, (rows, outputs), keeps the gradients of the parameters in place of those
   * before, and returns ∂L/∂x, (rows, inputs). Throws `INVALID_ARGUMENT` where anything but `backward` and looking at
   * parameters came after `forward`, `SHAPE_MISMATCH`, `NOT_FINITE`.
   */
  backward(outputGradient: MatrixLike): Matrix<FloatArray> {
    this.#ensureNotFitting('backward');
    this.#ensureIdle('backward', true);
    return this.#loop.backward(outputGradient);
  }

  /**
   * Third step: one update from the gradients of the last `backward`. Throws `INVALID_ARGUMENT`, and `NOT_FINITE`, naming layer, epoch
   * and batch as `trainOnBatch` does, without an update where a gradient is not finite.
   */
  applyGradients(options: ApplyGradientsOptions): void {
    this.#ensureNotFitting('applyGradients');
    this.#ensureIdle('applyGradients', true);
    this.#loop.applyGradients(options);
  }

  /** A copy of all parameters, one entry per layer, typed arrays of the dtype. Throws nothing but what all methods do. */
  parameters(): LayerParameters[] {
    this.#ensureIdle('parameters', true);
    const { trainer, parameters, layers } = this.#parts;
    const arrays = newParameters(parameters, this.dtype);
    trainer.getParameters(arrays);
    return byLayer(parameters, arrays, layers);
  }

  /**
   * Copies parameters in, one entry per layer, flat or nested, rounded to the dtype; the optimizer's state stays.
   * Throws `SHAPE_MISMATCH`, `NOT_FINITE` or `INVALID_ARGUMENT`, and then changes nothing.
   */
  setParameters(parameters: readonly LayerParameters<MatrixLike>[]): void {
    this.#ensureNotFitting('setParameters');
    this.#ensureIdle('setParameters');
    const { trainer, parameters: shapes, layers } = this.#parts;
    trainer.setParameters(readParameters(parameters, shapes, layers, this.dtype));
  }

  /** Configuration and parameters as plain JSON data; `JSON.stringify(network)` calls it. */
  toJSON(): NetworkJson {
    this.#ensureIdle('toJSON', true);
    return writeModel(this.#parts.plan, this.layers, this.parameters());
  }

  /** A table of the layers, their widths and their numbers of parameters. */
  summary(): string {
    return summarize(this.#parts.plan, this.backend);
  }

  /** Frees what the network holds, now; a fit that runs rejects with `DISPOSED`. May be called again. */
  dispose(): void {
    this.#disposed = true;
    this.#parts.trainer.dispose();
  }

  /** As `dispose`, for `using`. */
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
      this.#loop.forget();
      try {
        return await job();
      } finally {
        this.#ensureUsable();
      }
    });
  }

  #ensureUsable(): void {
    if (this.#disposed)
      throw new ChainruleError('DISPOSED', 'expected a network in use for this call, got a disposed one');
  }

  /** `keepsPass`: a custom loop may go on after this method. */
  #ensureIdle(method: string, keepsPass = false): void {
    this.#ensureUsable();
    if (this.#turns.busy) throw expected('BUSY', 'an idle network', method, 'one that is at work');
    if (!keepsPass) this.#loop.forget();
  }

  #ensureNotFitting(method: string): void {
    this.#ensureUsable();
    if (this.#fitting) throw expected('BUSY', 'a network that is not training', method, 'one that is');
  }
}
