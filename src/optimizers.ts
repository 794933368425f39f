import type { OptimizerPlan } from './backend/backend.js';
import { adamFamily } from './optimizers/adam.js';
import { adaptiveFamily } from './optimizers/adaptive.js';
import { lbfgsFamily } from './optimizers/lbfgs.js';
import type { Optimizer, OptimizerKernel } from './optimizers/optimizer.js';
import { sgdFamily } from './optimizers/sgd.js';
import { signFamily } from './optimizers/sign.js';
import { makeSpec, resolveSpec, type SettingsOf, type Spec, type SpecObject } from './registry.js';

/** The families' entries together: to add an optimizer, an entry in its family. */
export const optimizers = {
  ...sgdFamily,
  ...adamFamily,
  ...adaptiveFamily,
  ...signFamily,
  ...lbfgsFamily,
} satisfies Readonly<Record<string, Optimizer>>;

/** The entries' kernels by name. */
export const optimizerKernels: Readonly<Record<string, OptimizerKernel>> = Object.fromEntries(
  Object.values<Optimizer>(optimizers).flatMap(({ kernels }) => kernels.map((kernel) => [kernel.name, kernel])),
);

export type OptimizerName = keyof typeof optimizers;
/** An optimizer's name, or `{ type, … }` with its settings. */
export type OptimizerSpec = Spec<typeof optimizers>;
type OptimizerObject<N extends OptimizerName> = Required<SpecObject<typeof optimizers, N>>;
type OptimizerSettings<N extends OptimizerName> = Partial<SettingsOf<(typeof optimizers)[N]['settings']>>;

/**
 * Gradient descent, with momentum, dampened or Nesterov's, where it is not 0, as PyTorch's SGD. Defaults: learningRate 1e-3, momentum 0,
 * dampening 0, nesterov false, weightDecay 0. Throws `INVALID_ARGUMENT`, also for `nesterov` without momentum or with dampening.
 */
export function sgd(settings: OptimizerSettings<'sgd'> = {}): OptimizerObject<'sgd'> {
  return checked(makeSpec(optimizers, 'sgd', settings));
}

/**
 * Adam (Kingma & Ba 2015), as PyTorch's. Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8, weightDecay 0 (added to the
 * gradient). Throws `INVALID_ARGUMENT`.
 */
export function adam(settings: OptimizerSettings<'adam'> = {}): OptimizerObject<'adam'> {
  return checked(makeSpec(optimizers, 'adam', settings));
}

/**
 * Adam with the weight decay apart from the gradient (Loshchilov & Hutter 2019), as PyTorch's AdamW. Defaults: as `adam`, weightDecay
 * 0.01. Throws `INVALID_ARGUMENT`.
 */
export function adamW(settings: OptimizerSettings<'adamW'> = {}): OptimizerObject<'adamW'> {
  return checked(makeSpec(optimizers, 'adamW', settings));
}

/**
 * Adam with the largest second moment so far (Reddi, Kale & Kumar 2018), as PyTorch's Adam with `amsgrad`. Defaults: as `adam`. Throws
 * `INVALID_ARGUMENT`.
 */
export function amsgrad(settings: OptimizerSettings<'amsgrad'> = {}): OptimizerObject<'amsgrad'> {
  return checked(makeSpec(optimizers, 'amsgrad', settings));
}

/**
 * Adam with Nesterov momentum (Dozat 2016), as PyTorch's NAdam. Defaults: as `adam`, learningRate 2e-3, momentumDecay 0.004. Throws
 * `INVALID_ARGUMENT`.
 */
export function nadam(settings: OptimizerSettings<'nadam'> = {}): OptimizerObject<'nadam'> {
  return checked(makeSpec(optimizers, 'nadam', settings));
}

/** Rectified Adam (Liu et al. 2020), as PyTorch's RAdam. Defaults: as `adam`. Throws `INVALID_ARGUMENT`. */
export function radam(settings: OptimizerSettings<'radam'> = {}): OptimizerObject<'radam'> {
  return checked(makeSpec(optimizers, 'radam', settings));
}

/**
 * RMSprop (Tieleman & Hinton 2012), `centered` as in Graves 2013, as PyTorch's. Defaults: learningRate 0.01, rho 0.99, epsilon 1e-8,
 * momentum 0, centered false, weightDecay 0. Throws `INVALID_ARGUMENT`.
 */
export function rmsprop(settings: OptimizerSettings<'rmsprop'> = {}): OptimizerObject<'rmsprop'> {
  return checked(makeSpec(optimizers, 'rmsprop', settings));
}

/**
 * Adagrad (Duchi, Hazan & Singer 2011), as PyTorch's. Defaults: learningRate 0.01, epsilon 1e-10, weightDecay 0, learningRateDecay 0,
 * initialAccumulator 0. Throws `INVALID_ARGUMENT`.
 */
export function adagrad(settings: OptimizerSettings<'adagrad'> = {}): OptimizerObject<'adagrad'> {
  return checked(makeSpec(optimizers, 'adagrad', settings));
}

/** Adadelta (Zeiler 2012), as PyTorch's. Defaults: learningRate 1, rho 0.9, epsilon 1e-6, weightDecay 0. Throws `INVALID_ARGUMENT`. */
export function adadelta(settings: OptimizerSettings<'adadelta'> = {}): OptimizerObject<'adadelta'> {
  return checked(makeSpec(optimizers, 'adadelta', settings));
}

/**
 * Adam with the largest gradient (Kingma & Ba 2015, section 7), as PyTorch's Adamax. Defaults: as `adam`, learningRate 2e-3. Throws
 * `INVALID_ARGUMENT`.
 */
export function adamax(settings: OptimizerSettings<'adamax'> = {}): OptimizerObject<'adamax'> {
  return checked(makeSpec(optimizers, 'adamax', settings));
}

/**
 * Lion (Chen et al. 2023). Defaults: learningRate 1e-4, beta1 0.9, beta2 0.99, weightDecay 0 (apart from the gradient). Throws
 * `INVALID_ARGUMENT`.
 */
export function lion(settings: OptimizerSettings<'lion'> = {}): OptimizerObject<'lion'> {
  return checked(makeSpec(optimizers, 'lion', settings));
}

/**
 * Rprop (Riedmiller & Braun 1993), as PyTorch's: for full batches. Defaults: learningRate 0.01, where the step sizes start, etaMinus 0.5,
 * etaPlus 1.2, minimumStep 1e-6, maximumStep 50. Throws `INVALID_ARGUMENT`.
 */
export function rprop(settings: OptimizerSettings<'rprop'> = {}): OptimizerObject<'rprop'> {
  return checked(makeSpec(optimizers, 'rprop', settings));
}

/**
 * Limited-memory BFGS without a line search (Liu & Nocedal 1989), as PyTorch's: for full batches. Defaults: learningRate 1,
 * maxIterations 20 per update, historySize 100, gradientTolerance 1e-7, changeTolerance 1e-9. Throws `INVALID_ARGUMENT`.
 */
export function lbfgs(settings: OptimizerSettings<'lbfgs'> = {}): OptimizerObject<'lbfgs'> {
  return checked(makeSpec(optimizers, 'lbfgs', settings));
}

/** Settings that do not go together are told where they are written, not when they are first used. */
function checked<T>(spec: T): T {
  resolveOptimizer(spec);
  return spec;
}

export interface ResolvedOptimizer {
  /** What a backend is told of it, unless `hasKernel` is false. */
  readonly plan: OptimizerPlan;
  readonly hasKernel: boolean;
  readonly fullBatch: boolean;
  readonly learningRate: number;
}

/** The optimizer a spec names; throws `INVALID_ARGUMENT` for an unknown name or setting. */
export function resolveOptimizer(spec: unknown): ResolvedOptimizer {
  const { type, entry, settings } = resolveSpec(optimizers, spec, 'optimizer');
  const { plan, fullBatch } = entry as unknown as Optimizer;
  const { kernel, parameters } = plan(settings);
  return {
    plan: { kernel: kernel?.name ?? type, parameters, slots: kernel?.slots ?? 0 },
    hasKernel: kernel !== undefined,
    fullBatch,
    learningRate: settings.learningRate as number,
  };
}
