import type { FloatArray } from '../backend/backend.js';
import { type Factory, factory, type Settings, type SettingsOf, setting } from '../registry.js';
import { nonNegative } from '../validate.js';

/**
 * An optimizer as a user names it: its settings, and the kernel and parameters they come to. Formulas and defaults are those
 * of PyTorch's class of the same name. In the formulas w is a weight, g its gradient, weightDecay·w added where nothing else is said,
 * η the learning rate, β₁ beta1, β₂ beta2, ρ rho, ε epsilon and t the step counted from 1.
 */
export interface Optimizer<S extends Settings = Settings> {
  readonly settings: S;
  /** It needs the gradient over all rows. */
  readonly fullBatch: boolean;
  /** All that `plan` chooses from. */
  readonly kernels: readonly OptimizerKernel[];
  /** Without a kernel where steps are made of whole gradients. */
  plan(settings: SettingsOf<S>): { kernel?: OptimizerKernel; parameters: readonly number[] };
}

/** An update kernel: the same elementwise rule for every parameter. */
export interface OptimizerKernel {
  readonly name: string;
  /** Names of the numeric parameters, in the order in which they cross. */
  readonly parameters: readonly string[];
  /** State arrays kept beside each parameter array, zero at the start. */
  readonly slots: number;
  /**
   * What is the same for all elements of update number `step`, counted from 0. Steps come in sequence: `state` has
   * `stateLength` numbers that stay from one to the next, zero before the first.
   */
  prepare(step: number, learningRate: number, parameters: readonly number[], state: Float64Array): readonly number[];
  update(weights: FloatArray, gradient: FloatArray, slots: readonly FloatArray[], constants: readonly number[]): void;
}

export const stateLength = 4;

/** An optimizer and its factory, which also refuses settings that `plan` does. */
export function optimizer<const S extends Settings, N extends string>(
  type: N,
  entry: Optimizer<S>,
): Factory<N, SettingsOf<S>> {
  return factory(type, entry, entry.plan);
}

/** In place of 0: where there never was a gradient, 0 / 0 would be no number; beside any other divisor it is nothing. */
const leastEpsilon = 2 ** -126;

/** An optimizer with one kernel, of its own name, whose parameters are settings of the same names. */
export function direct<const S extends Settings, N extends string>(
  settings: S,
  kernel: OptimizerKernel & { readonly name: N },
  fullBatch = false,
): Factory<N, SettingsOf<S>> {
  return optimizer(kernel.name, {
    settings,
    fullBatch,
    kernels: [kernel],
    plan(values: Readonly<Record<string, unknown>>) {
      const held = { ...values, epsilon: Math.max(Number(values.epsilon), leastEpsilon) };
      return { kernel, parameters: kernel.parameters.map((name) => Number(held[name as keyof typeof held])) };
    },
  });
}

export const learningRate = (value: number) => setting(value, nonNegative);
export const weightDecay = setting(0, nonNegative);

/** The constants of one update, without those before it. */
export function constantsAt(
  kernel: OptimizerKernel,
  step: number,
  learningRate: number,
  parameters: readonly number[],
): readonly number[] {
  const state = new Float64Array(stateLength);
  for (let before = 0; before < step; before++) kernel.prepare(before, learningRate, parameters, state);
  return kernel.prepare(step, learningRate, parameters, state);
}
