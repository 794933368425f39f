export * from './activations/configurable.js';
export type { ActivationName, ActivationSpec } from './activations.js';
export type { Dtype, FloatArray, NumericArray } from './backend/backend.js';
export type { BackendChoice } from './backend/select.js';
export type { Gradients, TrainOnBatchOptions } from './batch.js';
export type { ClassWeights } from './class_weights.js';
export {
  type CrossValidation,
  type CrossValidationOptions,
  crossValidate,
  type FoldReport,
} from './cross_validate.js';
export type { ApplyGradientsOptions, ForwardOptions } from './custom_loop.js';
export { ChainruleError, type ErrorCode } from './errors.js';
export type { Clip, FitOptions } from './fit_options.js';
export type { BatchReport, EpochReport, History } from './history.js';
export {
  constant,
  fanInNormal,
  type InitializerName,
  type InitializerSpec,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
} from './initializers.js';
export {
  type ActivationLayerSpec,
  activation,
  type BatchNormalizationOptions,
  type BatchNormalizationSpec,
  batchNormalization,
  type DenseOptions,
  type DenseSpec,
  type DropoutSpec,
  dense,
  dropout,
  type LayerNormalizationOptions,
  type LayerNormalizationSpec,
  type LayerSpec,
  layerNormalization,
} from './layers.js';
export * from './losses/configurable.js';
export type { LossName, LossSpec } from './losses.js';
export { Matrix, type MatrixLike } from './matrix.js';
export { type MetricName, type MetricSpec, type MetricValues, topK } from './metrics.js';
export { type BackendReport, Network } from './network.js';
export * from './optimizers/index.js';
export type { OptimizerName, OptimizerSpec } from './optimizers.js';
export type { LayerParameters } from './parameters.js';
export type { NetworkOptions } from './plan.js';
export type { EvaluateOptions, PredictOptions } from './prediction.js';
export { type ConstraintSpec, l1, l1l2, l2, maxNorm, nonNegative, type RegularizerSpec } from './regularizers.js';
export { fitRestarts, type Restart, type RestartOptions, type Restarts } from './restarts.js';
export type { Data } from './samples.js';
export {
  cosine,
  exponentialDecay,
  inverseTime,
  oneCycle,
  polynomial,
  reciprocal,
  reduceOnPlateau,
  type ScheduleFunction,
  type ScheduleName,
  type ScheduleSpec,
  stepDecay,
} from './schedules.js';
export { type Choices, type ChoicesOf, type SearchOptions, type SearchReport, search, type Trial } from './search.js';
export type { NetworkJson } from './serialization.js';
export type { SideBySideOptions } from './side_by_side.js';
export { earlyStopping, type StopSpec, tolerance } from './stopping.js';
