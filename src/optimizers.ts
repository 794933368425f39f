import type { OptimizerPlan } from './backend/backend.js';
import { type OptimizerKernelName, optimizerKernels } from './optimizer_kernels.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { boolean, fraction, integer, invalid, nonNegative, number, positive } from './validate.js';

/** An optimizer as a user names it: its settings and the kernel and parameters they come to. */
export interface Optimizer<S extends Settings = Settings> {
  readonly settings: S;
  /** It needs the gradient over all rows. */
  readonly fullBatch: boolean;
  /** A kernel of a backend, or `lbfgs`, which has none: its steps are made of whole gradients. */
  plan(settings: SettingsOf<S>): { kernel: OptimizerKernelName | 'lbfgs'; parameters: readonly number[] };
}

function optimizer<const S extends Settings>(entry: Omit<Optimizer<S>, 'fullBatch'>): Optimizer<S> {
  return { fullBatch: false, ...entry };
}

/** An optimizer whose settings, but for the learning rate, are its kernel's parameters. */
function direct<const S extends Settings>(kernel: OptimizerKernelName, settings: S): Optimizer<S> {
  return {
    settings,
    fullBatch: false,
    plan: (values) => ({
      kernel,
      parameters: optimizerKernels[kernel].parameters.map((name) => Number((values as Record<string, unknown>)[name])),
    }),
  };
}

const learningRate = (value: number) => setting(value, nonNegative);
const weightDecay = setting(0, nonNegative);
/** Of adam and those made after it. */
const moments = {
  beta1: setting(0.9, fraction),
  beta2: setting(0.999, fraction),
  epsilon: setting(1e-8, positive),
};

/** Formulas and defaults are those of PyTorch's class of the same name; see `optimizerKernels` for the formulas. */
export const optimizers = {
  /** Gradient descent, with momentum where it is not 0; `nesterov` needs a momentum and no dampening. */
  sgd: optimizer({
    settings: {
      learningRate: learningRate(1e-3),
      momentum: setting(0, nonNegative),
      dampening: setting(0, nonNegative),
      nesterov: setting(false, boolean),
      weightDecay,
    },
    plan({ momentum, dampening, nesterov, weightDecay }) {
      if (nesterov && !(momentum > 0 && dampening === 0)) {
        throw invalid('false unless momentum > 0 and dampening is 0', 'optimizer.nesterov', nesterov);
      }
      return momentum === 0
        ? { kernel: 'sgd', parameters: [weightDecay] }
        : { kernel: 'momentum', parameters: [momentum, dampening, Number(nesterov), weightDecay] };
    },
  }),
  /** Kingma & Ba 2015. */
  adam: direct('adam', { learningRate: learningRate(1e-3), ...moments, weightDecay }),
  /** Loshchilov & Hutter 2019: the decay apart from the gradient. */
  adamW: direct('adamW', { learningRate: learningRate(1e-3), ...moments, weightDecay: setting(0.01, nonNegative) }),
  /** Reddi, Kale & Kumar 2018. */
  amsgrad: direct('amsgrad', { learningRate: learningRate(1e-3), ...moments, weightDecay }),
  /** Dozat 2016. */
  nadam: direct('nadam', {
    learningRate: learningRate(2e-3),
    ...moments,
    weightDecay,
    momentumDecay: setting(0.004, nonNegative),
  }),
  /** Liu et al. 2020. */
  radam: direct('radam', { learningRate: learningRate(1e-3), ...moments, weightDecay }),
  /** Tieleman & Hinton 2012; `centered` as in Graves 2013. */
  rmsprop: direct('rmsprop', {
    learningRate: learningRate(0.01),
    rho: setting(0.99, fraction),
    epsilon: setting(1e-8, positive),
    momentum: setting(0, nonNegative),
    centered: setting(false, boolean),
    weightDecay,
  }),
  /** Duchi, Hazan & Singer 2011. */
  adagrad: direct('adagrad', {
    learningRate: learningRate(0.01),
    epsilon: setting(1e-10, positive),
    weightDecay,
    learningRateDecay: setting(0, nonNegative),
    initialAccumulator: setting(0, nonNegative),
  }),
  /** Zeiler 2012. */
  adadelta: direct('adadelta', {
    learningRate: learningRate(1),
    rho: setting(0.9, fraction),
    epsilon: setting(1e-6, positive),
    weightDecay,
  }),
  /** Kingma & Ba 2015, section 7. */
  adamax: direct('adamax', { learningRate: learningRate(2e-3), ...moments, weightDecay }),
  /** Chen et al. 2023. */
  lion: direct('lion', {
    learningRate: learningRate(1e-4),
    beta1: setting(0.9, fraction),
    beta2: setting(0.99, fraction),
    weightDecay,
  }),
  /** Riedmiller & Braun 1993; the learning rate is where the step sizes start. */
  rprop: {
    ...direct('rprop', {
      learningRate: learningRate(0.01),
      etaMinus: setting(0.5, (value, name) => number(value, name, 'a number in (0, 1)', (v) => v > 0 && v < 1)),
      etaPlus: setting(1.2, (value, name) => number(value, name, 'a number > 1', (v) => v > 1)),
      minimumStep: setting(1e-6, nonNegative),
      maximumStep: setting(50, positive),
    }),
    fullBatch: true,
  },
  /** Limited-memory BFGS without a line search (Liu & Nocedal 1989), up to `maxIterations` steps per update. */
  lbfgs: {
    ...optimizer({
      settings: {
        learningRate: learningRate(1),
        maxIterations: setting(20, (value, name) => integer(value, name, 1)),
        historySize: setting(100, (value, name) => integer(value, name, 1)),
        gradientTolerance: setting(1e-7, nonNegative),
        changeTolerance: setting(1e-9, nonNegative),
      },
      plan: ({ maxIterations, historySize, gradientTolerance, changeTolerance }) => ({
        kernel: 'lbfgs',
        parameters: [maxIterations, historySize, gradientTolerance, changeTolerance],
      }),
    }),
    fullBatch: true,
  },
} satisfies Readonly<Record<string, Optimizer>>;

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
  const { entry, settings } = resolveSpec(optimizers, spec, 'optimizer');
  const { plan, fullBatch } = entry as unknown as Optimizer;
  const { kernel, parameters } = plan(settings);
  const hasKernel = kernel !== 'lbfgs';
  return {
    plan: { kernel, parameters, slots: hasKernel ? optimizerKernels[kernel].slots : 0 },
    hasKernel,
    fullBatch,
    learningRate: settings.learningRate as number,
  };
}
