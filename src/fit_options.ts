import type { ClipPlan, LossPlan, Plan } from './backend/backend.js';
import { type ClassWeights, resolveClassWeights } from './class_weights.js';
import { expected } from './errors.js';
import type { BatchReport, EpochReport } from './history.js';
import type { LossSpec } from './losses.js';
import { type MetricSpec, type ResolvedMetrics, resolveMetrics } from './metrics.js';
import { type OptimizerSpec, type ResolvedOptimizer, resolveOptimizer } from './optimizers.js';
import { givesDecisions, resolveOutputLoss } from './plan.js';
import type { Data } from './samples.js';
import { resolveSchedule, type ScheduleSpec } from './schedules.js';
import { resolveStop, type StopSpec } from './stopping.js';
import { boolean, integer, invalid, isObject, number, optionalFunction, options, positive } from './validate.js';

/** Limits on the gradient of an update as a whole: its L2 norm over all parameters, or each element's absolute value. */
export type Clip = { readonly norm: number } | { readonly value: number };

/** How `Network.fit` trains. */
export interface FitOptions {
  readonly loss: LossSpec;
  readonly optimizer: OptimizerSpec;
  /** Rows that go through the network together, and per update unless `accumulate` is given; `'full'` is all of them. Default 32. */
  readonly batchSize?: number | 'full';
  /** How many epochs this fit trains. Default 1. */
  readonly epochs?: number;
  /** Share of the rows, taken from the end before any shuffling, or rows of their own; default: none. */
  readonly validation?: number | Data;
  /** Of the training pass of each epoch, and of the validation's rows; default: none. */
  readonly metrics?: readonly MetricSpec[];
  /** Whether each epoch has an order of its own. Default true; for lbfgs without meaning, as all its sums are over all rows. */
  readonly shuffle?: boolean;
  /** The learning rate of each update; default: the optimizer's. */
  readonly schedule?: ScheduleSpec;
  /** What ends the fit before its last epoch; the first in the list that does names it. Default: nothing. */
  readonly stop?: readonly StopSpec[];
  /** Limits each update's gradient; default: none. */
  readonly clip?: Clip;
  /** Batches whose gradients are averaged, by their rows' weights, for one update. Default 1. */
  readonly accumulate?: number;
  /** Whether epochs report the L2 norm of each layer's gradient. Default false. */
  readonly gradientNorms?: boolean;
  /** Factors on the weights of the rows trained on, by class; the validation's rows keep theirs. Default 1. */
  readonly classWeights?: ClassWeights;
  /** Aborted, ends the fit after the batch it is at, with `stoppedBy: 'signal'`. */
  readonly signal?: AbortSignal;
  /** Called after each epoch, and awaited; the network may predict and evaluate meanwhile. */
  readonly onEpoch?: (report: EpochReport) => unknown;
  /** Called after each update, and awaited. */
  readonly onBatch?: (report: BatchReport) => unknown;
  /** Number of the first epoch: it keys the order. Default: go on from the last fit. */
  readonly initialEpoch?: number;
  /** Starts the optimizer anew, even where the last fit had one of the same type. Default false. */
  readonly reset?: boolean;
}

export interface ResolvedFit {
  readonly loss: LossPlan;
  readonly acceptsClasses: boolean;
  readonly optimizer: ResolvedOptimizer;
  readonly batchSize: number | 'full';
  readonly epochs: number;
  readonly validation: number | Data | undefined;
  readonly metrics: ResolvedMetrics;
  readonly shuffle: boolean;
  readonly schedule: ReturnType<typeof resolveSchedule>;
  readonly stop: ReturnType<typeof resolveStop>;
  readonly clip: ClipPlan | undefined;
  readonly accumulate: number;
  readonly gradientNorms: boolean;
  readonly classWeights: ReadonlyMap<number, number> | undefined;
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
  'schedule',
  'stop',
  'clip',
  'accumulate',
  'gradientNorms',
  'classWeights',
  'signal',
  'onEpoch',
  'onBatch',
  'initialEpoch',
  'reset',
];

/** Checks every option of a fit; throws `INVALID_ARGUMENT`. */
export function resolveFit(given: unknown, plan: Plan): ResolvedFit {
  const fields = options(given, 'options of fit', fitOptionNames);
  const { plan: loss, acceptsClasses } = resolveOutputLoss(fields.loss, plan);
  const optimizer = resolveOptimizer(fields.optimizer);
  const batchSize =
    fields.batchSize === 'full' ? 'full' : resolveBatchSize(fields.batchSize, 32, "an integer ≥ 1 or 'full'");
  if (optimizer.fullBatch && batchSize !== 'full') {
    throw invalid(`'full' with ${optimizer.plan.kernel}`, 'batchSize', fields.batchSize);
  }
  const validation = resolveValidation(fields.validation);
  const metrics = resolveMetrics(fields.metrics, plan.outputs, givesDecisions(plan));
  optionalFunction(fields.onEpoch, 'onEpoch');
  optionalFunction(fields.onBatch, 'onBatch');
  return {
    loss,
    acceptsClasses,
    optimizer,
    batchSize,
    epochs: integer(fields.epochs ?? 1, 'epochs', 1),
    validation,
    metrics,
    shuffle: boolean(fields.shuffle ?? true, 'shuffle') && optimizer.hasKernel,
    schedule: resolveSchedule(fields.schedule, optimizer.learningRate),
    stop: resolveStop(fields.stop, metrics.names, validation !== undefined),
    clip: resolveClip(fields.clip, optimizer),
    accumulate: integer(fields.accumulate ?? 1, 'accumulate', 1),
    gradientNorms: boolean(fields.gradientNorms ?? false, 'gradientNorms'),
    classWeights: resolveClassWeights(fields.classWeights, plan.outputs),
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

/** Throws `INVALID_ARGUMENT` unless it is one limit, and the optimizer one that follows the gradient step by step. */
export function resolveClip(given: unknown, optimizer: ResolvedOptimizer): ClipPlan | undefined {
  if (given === undefined) return undefined;
  const { norm, value } = options(given, 'clip', ['norm', 'value']);
  if ((norm === undefined) === (value === undefined)) throw invalid('{ norm } or { value }', 'clip', given);
  if (!optimizer.hasKernel) throw expected('INVALID_ARGUMENT', `none with ${optimizer.plan.kernel}`, 'clip', 'one');
  return norm === undefined ? { value: positive(value, 'clip.value') } : { norm: positive(norm, 'clip.norm') };
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
