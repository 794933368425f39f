import type { FloatArray } from '../backend/backend.js';
import type { Settings, SettingsOf } from '../registry.js';

/** A loss kernel: the loss lᵢ of one row and its gradient. */
export interface LossKernel {
  readonly name: string;
  /** Names of the numeric parameters, in the order in which they cross. */
  readonly parameters: readonly string[];
  /** Returns lᵢ and writes gradient = factor·∂lᵢ/∂prediction, `outputs` elements from the given positions on. */
  row(
    prediction: FloatArray,
    from: number,
    target: FloatArray,
    targetFrom: number,
    gradient: FloatArray,
    factor: number,
    outputs: number,
    parameters: readonly number[],
  ): number;
}

/** A loss as a user names it: the kernel that computes it, and how its rows are scaled and averaged. */
export interface Loss<S extends Settings = Settings> {
  readonly settings: S;
  /** Its parameters are settings of the same names. */
  readonly kernel: LossKernel;
  /** Behind these output activations, this kernel reads the pre-activation instead and its gradient is that layer's δ. */
  readonly fused?: { readonly activations: readonly string[]; readonly kernel: LossKernel };
  /** Targets may be class indices. */
  readonly acceptsClasses: boolean;
  /** Factor of a row's loss. */
  scale(settings: SettingsOf<S>, outputs: number): number;
}

/** A kernel whose loss is a sum over outputs of l(prediction, target). */
export function elementwise(
  name: string,
  value: (prediction: number, target: number, parameters: readonly number[]) => number,
  derivative: (prediction: number, target: number, parameters: readonly number[]) => number,
  parameterNames: readonly string[] = [],
): LossKernel {
  return {
    name,
    parameters: parameterNames,
    row(prediction, from, target, targetFrom, gradient, factor, outputs, parameters) {
      let sum = 0;
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j];
        const t = target[targetFrom + j];
        sum += value(p, t, parameters);
        gradient[from + j] = factor * derivative(p, t, parameters);
      }
      return sum;
    },
  };
}

/** A kernel whose elements depend on each other. */
export function rowwise(name: string, row: LossKernel['row'], parameterNames: readonly string[] = []): LossKernel {
  return { name, parameters: parameterNames, row };
}

/** A loss without options that is the mean over all elements. */
export function meanOf(kernel: LossKernel, fused?: Loss['fused']): Loss<Record<never, never>> {
  return { settings: {}, kernel, fused, acceptsClasses: false, scale: (_, outputs) => 1 / outputs };
}

/** A loss without options that is the mean over rows. */
export function rowMeanOf(kernel: LossKernel): Loss<Record<never, never>> {
  return { settings: {}, kernel, acceptsClasses: false, scale: () => 1 };
}

/** In what follows p is the network's output and t the target. */
export const squaredErrorKernel = elementwise(
  'squaredError',
  (p, t) => (p - t) ** 2,
  (p, t) => 2 * (p - t),
);
