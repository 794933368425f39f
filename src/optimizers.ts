import type { FloatArray, OptimizerPlan } from './backend/backend.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { boolean, fraction, invalid, nonNegative, positive } from './validate.js';

/** An optimizer as a user names it: its settings and the kernel and parameters they come to. */
export interface Optimizer<S extends Settings = Settings> {
  readonly settings: S;
  plan(settings: SettingsOf<S>): { kernel: OptimizerKernelName; parameters: readonly number[] };
}

function optimizer<const S extends Settings>(entry: Optimizer<S>): Optimizer<S> {
  return entry;
}

export const optimizers = {
  /** PyTorch's SGD; `nesterov` needs a momentum and no dampening. */
  sgd: optimizer({
    settings: {
      learningRate: setting(1e-3, nonNegative),
      momentum: setting(0, nonNegative),
      dampening: setting(0, nonNegative),
      nesterov: setting(false, boolean),
      weightDecay: setting(0, nonNegative),
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
  /** Kingma & Ba 2015, as PyTorch's Adam. */
  adam: optimizer({
    settings: {
      learningRate: setting(1e-3, nonNegative),
      beta1: setting(0.9, fraction),
      beta2: setting(0.999, fraction),
      epsilon: setting(1e-8, positive),
      weightDecay: setting(0, nonNegative),
    },
    plan: ({ beta1, beta2, epsilon, weightDecay }) => ({
      kernel: 'adam',
      parameters: [beta1, beta2, epsilon, weightDecay],
    }),
  }),
} satisfies Readonly<Record<string, Optimizer>>;

export type OptimizerName = keyof typeof optimizers;
/** An optimizer's name, or `{ type, … }` with its settings. */
export type OptimizerSpec = Spec<typeof optimizers>;
type OptimizerObject<N extends OptimizerName> = Required<SpecObject<typeof optimizers, N>>;
type OptimizerSettings<N extends OptimizerName> = Partial<SettingsOf<(typeof optimizers)[N]['settings']>>;

export function sgd(settings: OptimizerSettings<'sgd'> = {}): OptimizerObject<'sgd'> {
  return checked(makeSpec(optimizers, 'sgd', settings));
}

export function adam(settings: OptimizerSettings<'adam'> = {}): OptimizerObject<'adam'> {
  return checked(makeSpec(optimizers, 'adam', settings));
}

/** Settings that do not go together are told where they are written, not when they are first used. */
function checked<T>(spec: T): T {
  resolveOptimizer(spec);
  return spec;
}

/** What a backend is told of an optimizer; throws `INVALID_ARGUMENT` for an unknown name or setting. */
export function resolveOptimizer(spec: unknown): { plan: OptimizerPlan; learningRate: number } {
  const { entry, settings } = resolveSpec(optimizers, spec, 'optimizer');
  const { kernel, parameters } = (entry as unknown as Optimizer).plan(settings);
  return {
    plan: { kernel, parameters, slots: optimizerKernels[kernel].slots },
    learningRate: settings.learningRate as number,
  };
}

/** An update kernel: the same elementwise rule for every parameter. */
export interface OptimizerKernel {
  /** Names of the numeric parameters, in the order in which they cross. */
  readonly parameters: readonly string[];
  /** State arrays kept beside each parameter array, zero at the start. */
  readonly slots: number;
  /** What is the same for all elements of update number `step`, counted from 0. */
  prepare(step: number, learningRate: number, parameters: readonly number[]): readonly number[];
  update(weights: FloatArray, gradient: FloatArray, slots: readonly FloatArray[], constants: readonly number[]): void;
}

export type OptimizerKernelName = 'sgd' | 'momentum' | 'adam';

export const optimizerKernels: Readonly<Record<OptimizerKernelName, OptimizerKernel>> = {
  sgd: {
    parameters: ['weightDecay'],
    slots: 0,
    prepare: (_, learningRate, parameters) => [learningRate, ...parameters],
    update(weights, gradient, _, constants) {
      const [learningRate, weightDecay] = constants as [number, number];
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        weights[i] = weight - learningRate * (gradient[i] + weightDecay * weight);
      }
    },
  },
  /** b ← momentum·b + (1 − dampening)·g, w ← w − learningRate·b; with nesterov w ← w − learningRate·(g + momentum·b). */
  momentum: {
    parameters: ['momentum', 'dampening', 'nesterov', 'weightDecay'],
    slots: 1,
    prepare(step, learningRate, parameters) {
      const [momentum, dampening, nesterov, weightDecay] = parameters as [number, number, number, number];
      // The first gradient is the buffer, undampened, as in PyTorch.
      return [learningRate, momentum, step === 0 ? 1 : 1 - dampening, nesterov, weightDecay];
    },
    update(weights, gradient, slots, constants) {
      const [learningRate, momentum, share, nesterov, weightDecay] = constants as [
        number,
        number,
        number,
        number,
        number,
      ];
      const [buffers] = slots as [FloatArray];
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const buffer = momentum * buffers[i] + share * decayed;
        buffers[i] = buffer;
        weights[i] = weight - learningRate * (nesterov !== 0 ? decayed + momentum * buffer : buffer);
      }
    },
  },
  /** m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − learningRate·m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). */
  adam: {
    parameters: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
    slots: 2,
    prepare(step, learningRate, parameters) {
      const [beta1, beta2, epsilon, weightDecay] = parameters as [number, number, number, number];
      const stepSize = learningRate / (1 - beta1 ** (step + 1));
      const rootCorrection = Math.sqrt(1 - beta2 ** (step + 1));
      return [stepSize, rootCorrection, beta1, beta2, epsilon, weightDecay];
    },
    update(weights, gradient, slots, constants) {
      const [stepSize, rootCorrection, beta1, beta2, epsilon, weightDecay] = constants as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const [means, squares] = slots as [FloatArray, FloatArray];
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i];
        const decayed = gradient[i] + weightDecay * weight;
        const mean = beta1 * means[i] + (1 - beta1) * decayed;
        const square = beta2 * squares[i] + (1 - beta2) * decayed * decayed;
        means[i] = mean;
        squares[i] = square;
        weights[i] = weight - (stepSize * mean) / (Math.sqrt(square) / rootCorrection + epsilon);
      }
    },
  },
};
