export type { ActivationName, ActivationSpec } from './activations.js';
export type { Dtype, FloatArray, NumericArray } from './backend/backend.js';
export type { BackendChoice } from './backend/select.js';
export { ChainruleError, type ErrorCode } from './errors.js';
export type { FitOptions } from './fit_options.js';
export type { BatchReport, EpochReport, History } from './history.js';
export {
  constant,
  fanInNormal,
  type InitializerName,
  type InitializerSpec,
  randomNormal,
  randomUniform,
} from './initializers.js';
export { type DenseOptions, type DenseSpec, type DropoutSpec, dense, dropout, type LayerSpec } from './layers.js';
export { binaryCrossEntropy, crossEntropy, type LossName, type LossSpec, squaredError } from './losses.js';
export { Matrix, type MatrixLike } from './matrix.js';
export type { MetricName, MetricSpec } from './metrics.js';
export {
  type BackendReport,
  type EvaluateOptions,
  type Gradients,
  type LayerParameters,
  Network,
  type PredictOptions,
  type TrainOnBatchOptions,
} from './network.js';
export { adam, type OptimizerName, type OptimizerSpec, sgd } from './optimizers.js';
export type { NetworkOptions } from './plan.js';
export type { Data } from './samples.js';
