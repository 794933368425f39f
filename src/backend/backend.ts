/**
 * The seam between the two implementations. A backend offers stateless kernels over row-major arrays
 * the caller owns, and trainers, which own a network's parameters and buffers and run whole epochs.
 * Everything here is resolved and validated: no name is unknown, no size is wrong, no default is missing.
 */

export type Dtype = 'float32' | 'float64';
/** What a network computes with, by its dtype. */
export type FloatArray = Float32Array | Float64Array;
/** What `x` and `y` may be stored as; converted to the network's dtype as each batch is gathered. */
export type NumericArray =
  | FloatArray
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Numeric parameters travel in the order in which the registry entry declares them. */
export interface ActivationPlan {
  readonly name: string;
  readonly parameters: readonly number[];
}

export interface DensePlan {
  readonly kind: 'dense';
  readonly inputs: number;
  readonly units: number;
  readonly activation: ActivationPlan;
  readonly bias: boolean;
  /** The penalty l1·Σ|w| + l2·Σw² over the weights is part of the loss; 0 for none. */
  readonly l1: number;
  readonly l2: number;
  /** After each update, columns of the weights with a larger L2 norm are scaled down to it; 0 for none. */
  readonly maxNorm: number;
  /** After each update, negative weights become 0. */
  readonly nonNegative: boolean;
}

export interface DropoutPlan {
  readonly kind: 'dropout';
  readonly inputs: number;
  readonly units: number;
  /** Share of elements set to zero, in [0, 1); the others are divided by 1 − rate. */
  readonly rate: number;
}

/** An activation as a layer of its own. */
export interface ActivationLayerPlan {
  readonly kind: 'activation';
  readonly inputs: number;
  readonly units: number;
  readonly activation: ActivationPlan;
}

/**
 * y = gamma ⊙ (x − mean) / √(variance + epsilon) + beta, over the rows of a pass while training (biased variance), and with
 * the moving statistics otherwise: moving = (1 − momentum)·moving + momentum·batch, the batch's variance unbiased, as PyTorch.
 */
export interface BatchNormalizationPlan {
  readonly kind: 'batchNormalization';
  readonly inputs: number;
  readonly units: number;
  readonly momentum: number;
  readonly epsilon: number;
}

/** The same over the columns of each row, biased variance, no moving statistics. */
export interface LayerNormalizationPlan {
  readonly kind: 'layerNormalization';
  readonly inputs: number;
  readonly units: number;
  readonly epsilon: number;
}

export type LayerPlan = DensePlan | DropoutPlan | ActivationLayerPlan | BatchNormalizationPlan | LayerNormalizationPlan;

/** A network as data: what crosses to a backend when a trainer is made. */
export interface Plan {
  readonly dtype: Dtype;
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly LayerPlan[];
  /** Keys the dropout masks; an unsigned 32-bit integer. */
  readonly seed: number;
  /** Compute threads, ≥ 1; the TypeScript backend uses one whatever is asked. */
  readonly threads: number;
}

/**
 * The batch's loss is Σᵢ wᵢ·scale·lᵢ / Σᵢ wᵢ (`mean`) or Σᵢ wᵢ·scale·lᵢ (`sum`), where lᵢ is the kernel's sum over row i.
 */
export interface LossPlan {
  /** Name of the loss kernel: a loss fused with the output activation is a kernel of its own. */
  readonly kernel: string;
  /** The kernel reads the last layer's pre-activation, and its gradient is that layer's δ. */
  readonly onPreActivation: boolean;
  readonly parameters: readonly number[];
  readonly scale: number;
  readonly reduction: 'mean' | 'sum';
}

export interface OptimizerPlan {
  /** Name of the update kernel; state carries over between jobs only when it is the same. */
  readonly kernel: string;
  readonly parameters: readonly number[];
  /** State arrays kept beside each parameter array, zero at the start. */
  readonly slots: number;
}

/** Rows to read from: `x` is (rows, inputs) and `y` (rows, outputs), or one class index per row; all row-major and dense. */
export interface Samples {
  readonly x: NumericArray;
  /** Exactly one of `y` and `classes` is given wherever a loss is. */
  readonly y?: NumericArray;
  readonly classes?: Int32Array;
  /** One non-negative weight per row; every row counts 1 where absent. */
  readonly weights?: Float64Array;
}

export interface ClipPlan {
  readonly norm?: number;
  readonly value?: number;
}

export interface TrainingJob {
  readonly samples: Samples;
  /** Row numbers in the sequence in which they are trained on: whole epochs one behind the other, or part of one. */
  readonly order: Uint32Array;
  /** A batch ends after this many rows of `order` even if it is short: the rows of one epoch. */
  readonly epochRows: number;
  /** Rows of one update. */
  readonly batchSize: number;
  /** Rows that go through the layers together, where fewer than a batch: accumulation. Seen only in batch statistics. */
  readonly passRows?: number;
  readonly loss: LossPlan;
  readonly optimizer: OptimizerPlan;
  /** Applied to the gradient of an update as a whole: at most this L2 norm over all parameters, or this absolute value each. */
  readonly clip?: ClipPlan;
  /** One per update of this job, or a single one for all. */
  readonly learningRates: Float64Array;
  /** Updates this network has done before: keys the dropout masks. */
  readonly firstUpdate: number;
  /** Updates done with this optimizer's state; 0 starts it anew. */
  readonly optimizerStep: number;
  /** Out: each batch's loss before its update, (batches). */
  readonly losses: Float64Array;
  /** Out, optional: each batch's regularization penalty before its update, (batches); not part of `losses`. */
  readonly penalties?: Float64Array;
  /** Out, optional: L2 norm of each layer's gradient, penalty included, before clipping, (batches, layers of the plan); 0 without parameters. */
  readonly gradientNorms?: Float64Array;
  /** Out, optional: the outputs of the training pass, (order.length, outputs), in the sequence of `order`. */
  readonly outputs?: FloatArray;
}

export interface TrainingReport {
  /** Whole updates done. */
  readonly updates: number;
  /** `notFinite`: the loss of batch `updates` was not finite, and that update was not done. */
  readonly ended: 'complete' | 'cancelled' | 'notFinite';
}

/** Rows `from` to `from + rows` of the samples, in order, with dropout off. */
export interface EvaluationJob {
  readonly samples: Samples;
  readonly from: number;
  readonly rows: number;
  readonly batchSize: number;
  /** Where given, the report has the loss. */
  readonly loss?: LossPlan;
  /** Out, optional: (rows, outputs). */
  readonly outputs?: FloatArray;
}

export interface EvaluationReport {
  /** Σᵢ wᵢ·scale·lᵢ over the rows evaluated (not divided by Σ wᵢ); 0 without a loss. */
  readonly lossSum: number;
  /** The regularization penalty at the present weights. */
  readonly penalty: number;
  readonly ended: 'complete' | 'cancelled';
}

/** Forward and backward over all rows of the samples as one batch, dropout as in update `firstUpdate`; penalties included. */
export interface GradientJob {
  readonly samples: Samples;
  readonly rows: number;
  readonly loss: LossPlan;
  readonly firstUpdate: number;
  /** Out: one array per parameter array, in the order of `Trainer.getParameters`; 0 for moving statistics. */
  readonly gradients: readonly FloatArray[];
  /** Out, optional: ∂L/∂x, (rows, inputs). */
  readonly inputGradient?: FloatArray;
}

/** A forward pass whose activations stay for `backwardSync`. */
export interface ForwardJob {
  readonly x: NumericArray;
  readonly rows: number;
  /** Dropout on, batch statistics. */
  readonly training: boolean;
  readonly update: number;
  /** Out: (rows, outputs). */
  readonly outputs: FloatArray;
}

/** The way back from the last forward pass; parameter gradients replace those kept before. */
export interface BackwardJob {
  /** ∂L/∂outputs, (rows, outputs). */
  readonly outputGradient: FloatArray;
  /** Out, optional: ∂L/∂x, (rows, inputs). */
  readonly inputGradient?: FloatArray;
  /** Whether parameter gradients, penalties included, are made and kept for `applyGradientsSync`. */
  readonly parameters: boolean;
}

export interface ApplyJob {
  readonly optimizer: OptimizerPlan;
  readonly learningRate: number;
  readonly optimizerStep: number;
  readonly clip?: ClipPlan;
}

/**
 * Owns one network's parameters, optimizer state and buffers. One job at a time: a second one while one runs is
 * the caller's error (`BUSY`). A job that fails or is cancelled leaves the parameters as after the last whole update.
 */
export interface Trainer {
  /**
   * Copies in, layer by layer: dense: weights, (inputs, units) row-major, then bias, (units), if it has one; batch
   * normalization: gamma, beta, moving mean, moving variance, (units) each; layer normalization: gamma, beta.
   */
  setParameters(parameters: readonly FloatArray[]): void;
  /** Copies out, into arrays of the same sizes. */
  getParameters(into: readonly FloatArray[]): void;
  train(job: TrainingJob): Promise<TrainingReport>;
  /** The same on the calling thread. */
  trainSync(job: TrainingJob): TrainingReport;
  evaluate(job: EvaluationJob): Promise<EvaluationReport>;
  evaluateSync(job: EvaluationJob): EvaluationReport;
  /** Writes the outputs of `rows` rows of x, (rows, outputs), on the calling thread: `evaluateSync` without all that a job may ask for. */
  predictSync(x: NumericArray, rows: number, batchSize: number, outputs: FloatArray): void;
  /** Returns the batch's loss, penalty included. */
  gradients(job: GradientJob): Promise<number>;
  gradientsSync(job: GradientJob): number;
  forwardSync(job: ForwardJob): void;
  /** @throws ChainruleError INVALID_ARGUMENT where no forward pass came before. */
  backwardSync(job: BackwardJob): void;
  applyGradientsSync(job: ApplyJob): void;
  /**
   * The first layer with a number that is not finite: among its parameters; in its output of the last pass, which for the last layer is
   * the pre-activation; or, from the last layer back, among the gradients kept. −1 for none.
   */
  findNotFinite(among: 'parameters' | 'outputs' | 'gradients'): number;
  /** Asks the running job to end after the batch it is at. */
  cancel(): void;
  /** Cancels a running job and frees everything as soon as that has ended. Idempotent. */
  dispose(): void;
}

/** op(X) is X or, where the flag says so, Xᵀ. Every leading dimension is that of the array as it is stored. */
export interface GemmArguments {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: FloatArray;
  readonly lda: number;
  readonly transposeA: boolean;
  readonly b: FloatArray;
  readonly ldb: number;
  readonly transposeB: boolean;
  readonly c: FloatArray;
  readonly ldc: number;
  /** C += instead of C =. */
  readonly accumulate: boolean;
  readonly threads: number;
}

/** output = φ(x·W + 1·bias), (rows, units). */
export interface DenseForwardArguments {
  readonly rows: number;
  readonly inputs: number;
  readonly units: number;
  readonly x: FloatArray;
  readonly ldx: number;
  readonly weights: FloatArray;
  readonly ldw: number;
  readonly bias?: FloatArray;
  readonly activation: ActivationPlan;
  readonly output: FloatArray;
  readonly ldo: number;
  /** Out, optional: x·W + 1·bias, with leading dimension `ldo`. */
  readonly preActivation?: FloatArray;
}

/** How a weight gradient is applied in the epilogue of the product that makes it. */
export interface UpdateArguments {
  readonly optimizer: OptimizerPlan;
  readonly learningRate: number;
  /** Updates done before this one. */
  readonly step: number;
  /** (inputs, units) dense arrays, one per slot. */
  readonly weightSlots: readonly FloatArray[];
  readonly biasSlots: readonly FloatArray[];
}

/**
 * From δ (rows, units) of a dense layer: what is asked for of inputGradient = (δ·Wᵀ) ⊙ φ'(saved), weightGradient = xᵀ·δ,
 * biasGradient = column sums of δ, or the update of weights and bias in place. The input gradient uses the old weights.
 */
export interface DenseBackwardArguments {
  readonly rows: number;
  readonly inputs: number;
  readonly units: number;
  readonly delta: FloatArray;
  readonly ldd: number;
  readonly weights: FloatArray;
  readonly ldw: number;
  /** Needed for weightGradient and update. */
  readonly x?: FloatArray;
  readonly ldx: number;
  readonly inputGradient?: FloatArray;
  readonly ldg: number;
  /** The activation that made x, and what its derivative needs, (rows, inputs) with leading dimension `ldx`. Identity where absent. */
  readonly inputActivation?: ActivationPlan;
  readonly saved?: FloatArray;
  /** (inputs, units), dense. */
  readonly weightGradient?: FloatArray;
  readonly biasGradient?: FloatArray;
  readonly bias?: FloatArray;
  readonly update?: UpdateArguments;
}

/** output = φ(input), both (rows, columns), dense; may be the same array. */
export interface ActivationForwardArguments {
  readonly rows: number;
  readonly columns: number;
  readonly activation: ActivationPlan;
  readonly input: FloatArray;
  readonly output: FloatArray;
}

/** delta = gradient ⊙ φ'(saved), or the Jacobian product of a row-wise activation; all (rows, columns), dense; delta may be gradient. */
export interface ActivationBackwardArguments {
  readonly rows: number;
  readonly columns: number;
  readonly activation: ActivationPlan;
  /** The activation's output or its pre-activation, as its registry entry says. */
  readonly saved: FloatArray;
  readonly gradient: FloatArray;
  readonly delta: FloatArray;
}

/** Returns Σᵢ wᵢ·scale·lᵢ and writes gradient = wᵢ·scale·∂lᵢ/∂prediction / divisor, (rows, outputs), dense. */
export interface LossArguments {
  readonly rows: number;
  readonly outputs: number;
  readonly loss: LossPlan;
  /** Outputs, or pre-activations if the plan says so. */
  readonly prediction: FloatArray;
  readonly y?: FloatArray;
  readonly classes?: Int32Array;
  readonly weights?: Float64Array;
  readonly divisor: number;
  readonly gradient: FloatArray;
}

/** Stateless kernels of one dtype. Sizes are ≥ 0; arrays do not overlap unless said so. */
export interface Kernels {
  gemm(args: GemmArguments): void;
  denseForward(args: DenseForwardArguments): void;
  denseBackward(args: DenseBackwardArguments): void;
  activationForward(args: ActivationForwardArguments): void;
  activationBackward(args: ActivationBackwardArguments): void;
  loss(args: LossArguments): number;
  /** Position of the first NaN or infinity in array[from, to), or −1; on so many threads where it is long. */
  firstNotFinite(array: FloatArray, from: number, to: number, threads: number): number;
  /** Philox4x32-10 dropout mask values for (rows, columns): 0 or 1 / (1 − rate). */
  dropoutMask(args: DropoutMaskArguments): void;
}

export interface DropoutMaskArguments {
  readonly rows: number;
  readonly columns: number;
  readonly rate: number;
  readonly seed: number;
  readonly update: number;
  /** Position of the layer in the plan. */
  readonly layer: number;
  readonly mask: FloatArray;
}

/** What an implementation has of each registry; held equal to the TypeScript registries by a test. */
export interface RegistryListing {
  readonly activations: readonly {
    name: string;
    parameters: number;
    saves: 'output' | 'preActivation';
    rowwise: boolean;
  }[];
  readonly losses: readonly { name: string; parameters: number }[];
  readonly optimizers: readonly { name: string; parameters: number; slots: number }[];
}

export interface Backend {
  readonly name: 'native' | 'typescript';
  /** `avx512`, `avx2`, `neon` or `scalar`; `none` on the TypeScript backend. */
  readonly isa: string;
  kernels(dtype: Dtype): Kernels;
  createTrainer(plan: Plan): Trainer;
  registry(): RegistryListing;
}
