import type { ActivationPlan, LossPlan, OptimizerPlan } from './backend/backend.js';
import type { BatchReport, EpochReport } from './history.js';
import { type LossSpec, resolveLoss } from './losses.js';
import { type MetricSpec, resolveMetrics } from './metrics.js';
import { type OptimizerSpec, resolveOptimizer } from './optimizers.js';
import type { Data } from './samples.js';
import { boolean, integer, invalid, isObject, number, optionalFunction, options } from './validate.js';

export interface FitOptions {
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  /** Rows per update; `'full'` is all of them. Default 32. */
  readonly batchSize?: number | 'full';
  /** How many epochs this fit trains. Default 1. */
  readonly epochs?: number;
  /** Share of the rows, taken from the end before any shuffling, or rows of their own. */
  readonly validation?: number | Data;
  readonly metrics?: readonly MetricSpec[];
  /** Whether each epoch has an order of its own. Default true. */
  readonly shuffle?: boolean;
  /** Ends the fit after the batch it is at. */
  readonly signal?: AbortSignal;
  /** Called after each epoch, and awaited; the network may predict and evaluate meanwhile. */
  readonly onEpoch?: (report: EpochReport) => unknown;
  /** Called after each update, and awaited. */
  readonly onBatch?: (report: BatchReport) => unknown;
  /** Number of the first epoch: it keys the order. Default: go on from the last fit. */
  readonly initialEpoch?: number;
  /** Starts the optimizer anew, even where the last fit had one of the same type. */
  readonly reset?: boolean;
}

export interface ResolvedFit {
  readonly loss: LossPlan;
  readonly acceptsClasses: boolean;
  readonly optimizer: OptimizerPlan;
  readonly learningRate: number;
  readonly batchSize: number | 'full';
  readonly epochs: number;
  readonly validation: number | Data | undefined;
  readonly metrics: ReturnType<typeof resolveMetrics>;
  readonly shuffle: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onEpoch: FitOptions['onEpoch'];
  readonly onBatch: FitOptions['onBatch'];
  readonly initialEpoch: number | undefined;
  readonly reset: boolean;
}

const fitOptionNames = [
  'loss',
  'optimizer',
  'batchSize',
  'epochs',
  'validation',
  'metrics',
  'shuffle',
  'signal',
  'onEpoch',
  'onBatch',
  'initialEpoch',
  'reset',
];

/** Checks every option of a fit; throws `INVALID_ARGUMENT`. */
export function resolveFit(given: unknown, outputActivation: ActivationPlan, outputs: number): ResolvedFit {
  const fields = options(given, 'options of fit', fitOptionNames);
  const { plan: loss, acceptsClasses } = resolveLoss(fields.loss, outputActivation, outputs);
  const { plan: optimizer, learningRate } = resolveOptimizer(fields.optimizer);
  optionalFunction(fields.onEpoch, 'onEpoch');
  optionalFunction(fields.onBatch, 'onBatch');
  return {
    loss,
    acceptsClasses,
    optimizer,
    learningRate,
    batchSize:
      fields.batchSize === 'full' ? 'full' : resolveBatchSize(fields.batchSize, 32, "an integer ≥ 1 or 'full'"),
    epochs: integer(fields.epochs ?? 1, 'epochs', 1),
    validation: resolveValidation(fields.validation),
    metrics: resolveMetrics(fields.metrics, outputs),
    shuffle: boolean(fields.shuffle ?? true, 'shuffle'),
    signal: resolveSignal(fields.signal),
    onEpoch: fields.onEpoch as FitOptions['onEpoch'],
    onBatch: fields.onBatch as FitOptions['onBatch'],
    initialEpoch: fields.initialEpoch === undefined ? undefined : integer(fields.initialEpoch, 'initialEpoch', 0),
    reset: boolean(fields.reset ?? false, 'reset'),
  };
}

export function resolveBatchSize(given: unknown, otherwise: number, what = 'an integer ≥ 1'): number {
  return number(given ?? otherwise, 'batchSize', what, (v) => Number.isInteger(v) && v >= 1);
}

function resolveValidation(given: unknown): number | Data | undefined {
  if (given === undefined || isObject(given)) return given as Data | undefined;
  return number(given, 'validation', 'a share between 0 and 1 or { x, y }', (share) => share > 0 && share < 1);
}

function resolveSignal(given: unknown): AbortSignal | undefined {
  const isSignal =
    isObject(given) && typeof given.aborted === 'boolean' && typeof given.addEventListener === 'function';
  if (given !== undefined && !isSignal) throw invalid('an AbortSignal', 'signal', given);
  return given as AbortSignal | undefined;
}
