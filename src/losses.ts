import { largest, sigmoid } from './activations.js';
import type { ActivationPlan, FloatArray, LossPlan } from './backend/backend.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { boolean, number, oneOf, positive } from './validate.js';

/** A loss kernel: the loss lᵢ of one row and its gradient. */
export interface LossKernel<N extends string = string> {
  readonly name: N;
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
export interface Loss<S extends Settings = Settings, N extends string = string> {
  readonly settings: S;
  /** Its parameters are settings of the same names. */
  readonly kernel: LossKernel<N>;
  /** Behind these output activations, this kernel reads the pre-activation instead and its gradient is that layer's δ. */
  readonly fused?: { readonly activations: readonly string[]; readonly kernel: LossKernel<N> };
  /** Targets may be class indices. */
  readonly acceptsClasses: boolean;
  /** Factor of a row's loss. */
  scale(settings: SettingsOf<S>, outputs: number): number;
}

/** A kernel whose loss is a sum over outputs of l(prediction, target). */
function elementwise<N extends string>(
  name: N,
  value: (prediction: number, target: number, parameters: readonly number[]) => number,
  derivative: (prediction: number, target: number, parameters: readonly number[]) => number,
  parameterNames: readonly string[] = [],
): LossKernel<N> {
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
function rowwise<N extends string>(
  name: N,
  row: LossKernel['row'],
  parameterNames: readonly string[] = [],
): LossKernel<N> {
  return { name, parameters: parameterNames, row };
}

function loss<const S extends Settings, N extends string>(entry: Loss<S, N>): Loss<S, N> {
  return entry;
}

/** A loss without options that is the mean over all elements. */
function meanOf<N extends string>(
  kernel: LossKernel<N>,
  fused?: Loss<Settings, N>['fused'],
): Loss<Record<never, never>, N> {
  return { settings: {}, kernel, fused, acceptsClasses: false, scale: (_, outputs) => 1 / outputs };
}

/** A loss without options that is the mean over rows. */
function rowMeanOf<N extends string>(kernel: LossKernel<N>): Loss<Record<never, never>, N> {
  return { settings: {}, kernel, acceptsClasses: false, scale: () => 1 };
}

const reductions = ['mean', 'sum'] as const;
const reduction = setting('mean', (value, name) => oneOf(value, name, reductions));

const squaredErrorKernel = elementwise(
  'squaredError',
  (p, t) => (p - t) ** 2,
  (p, t) => 2 * (p - t),
);

/** On logits: Σ tⱼ·(ln Σ eᶻ − zⱼ) of smoothed targets; the gradient is softmax(z)·Σt − t. */
const softmaxCrossEntropyKernel = rowwise(
  'softmaxCrossEntropy',
  (prediction, from, target, targetFrom, gradient, factor, outputs, [labelSmoothing]) => {
    const maximum = largest(prediction, from, outputs);
    const share = labelSmoothing / outputs;
    let exponentials = 0;
    let targets = 0;
    for (let j = 0; j < outputs; j++) {
      exponentials += Math.exp(prediction[from + j] - maximum);
      targets += (1 - labelSmoothing) * target[targetFrom + j] + share;
    }
    const logarithm = Math.log(exponentials);
    let sum = 0;
    for (let j = 0; j < outputs; j++) {
      const z = prediction[from + j];
      const t = (1 - labelSmoothing) * target[targetFrom + j] + share;
      // A class that is not asked for adds nothing, even where its logit is −∞.
      if (t !== 0) sum += t * (maximum - z + logarithm);
      gradient[from + j] = factor * ((Math.exp(z - maximum) / exponentials) * targets - t);
    }
    return sum;
  },
  ['labelSmoothing'],
);

/** A point on the boundary counts as a mistake, so that weights of 0 can learn. */
const perceptronKernel = elementwise(
  'perceptron',
  (p, t) => Math.max(0, -t * p),
  (p, t) => (t * p <= 0 ? -t : 0),
);

/** In all that follows p is the network's output and t the target. */
export const losses = {
  /** Mean of (p − t)² over all elements. */
  meanSquaredError: meanOf(squaredErrorKernel),
  /** Σ (p − t)² of a row, or half of it; the mean over rows or their sum. */
  squaredError: loss({
    settings: { half: setting(false, boolean), reduction },
    kernel: squaredErrorKernel,
    acceptsClasses: false,
    scale: ({ half }) => (half ? 0.5 : 1),
  }),
  /** Mean of |p − t| over all elements; its gradient at 0 is 0. */
  meanAbsoluteError: meanOf(
    elementwise(
      'absoluteError',
      (p, t) => Math.abs(p - t),
      (p, t) => Math.sign(p - t),
    ),
  ),
  /** Mean over all elements of ½(p − t)² up to |p − t| = delta, delta·(|p − t| − ½delta) beyond (Huber 1964, PyTorch's HuberLoss). */
  huber: loss({
    settings: { delta: setting(1, positive) },
    kernel: elementwise(
      'huber',
      (p, t, [delta]) => {
        const distance = Math.abs(p - t);
        return distance <= delta ? 0.5 * distance * distance : delta * (distance - 0.5 * delta);
      },
      (p, t, [delta]) => Math.min(Math.max(p - t, -delta), delta),
      ['delta'],
    ),
    acceptsClasses: false,
    scale: (_, outputs) => 1 / outputs,
  }),
  /** Mean of ln cosh(p − t) over all elements, as |d| + ln(1 + e^(−2|d|)) − ln 2 with d = p − t, in which nothing overflows. */
  logCosh: meanOf(
    elementwise(
      'logCosh',
      (p, t) => {
        const distance = Math.abs(p - t);
        return distance + Math.log1p(Math.exp(-2 * distance)) - Math.LN2;
      },
      (p, t) => Math.tanh(p - t),
    ),
  ),
  /** Mean of −t·ln p − (1 − t)·ln(1 − p) over all elements, or their sum. */
  binaryCrossEntropy: loss({
    settings: { reduction },
    // On probabilities. As PyTorch's BCELoss: logarithms no smaller than −100, and p·(1 − p) no smaller than 10⁻¹².
    kernel: elementwise(
      'binaryCrossEntropy',
      (p, t) => -(t * Math.max(Math.log(p), -100) + (1 - t) * Math.max(Math.log1p(-p), -100)),
      (p, t) => (p - t) / Math.max(p * (1 - p), 1e-12),
    ),
    fused: {
      activations: ['sigmoid'],
      // On logits: −t·ln σ(z) − (1 − t)·ln(1 − σ(z)), in the form that does not overflow.
      kernel: elementwise(
        'sigmoidCrossEntropy',
        (z, t) => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z))),
        (z, t) => sigmoid(z) - t,
      ),
    },
    acceptsClasses: false,
    scale: (settings, outputs) => (settings.reduction === 'mean' ? 1 / outputs : 1),
  }),
  /**
   * −Σ t·ln softmax(z) of a row; z is a softmax layer's pre-activation, or the outputs of any other layer. Smoothing makes
   * t·(1 − labelSmoothing) + labelSmoothing / outputs of t (Szegedy et al. 2016, PyTorch's CrossEntropyLoss).
   */
  crossEntropy: loss({
    settings: {
      labelSmoothing: setting(0, (value, name) => number(value, name, 'a number in [0, 1]', (v) => v >= 0 && v <= 1)),
      reduction,
    },
    kernel: softmaxCrossEntropyKernel,
    // Softmax of logSoftmax(z) is that of z.
    fused: { activations: ['softmax', 'logSoftmax'], kernel: softmaxCrossEntropyKernel },
    acceptsClasses: true,
    scale: () => 1,
  }),
  /** Mean of max(0, 1 − t·p) over all elements, for labels ±1; the gradient where t·p = 1 is 0. */
  hinge: meanOf(
    elementwise(
      'hinge',
      (p, t) => Math.max(0, 1 - t * p),
      (p, t) => (t * p < 1 ? -t : 0),
    ),
  ),
  /** Mean of max(0, 1 − t·p)² over all elements, for labels ±1. */
  squaredHinge: meanOf(
    elementwise(
      'squaredHinge',
      (p, t) => Math.max(0, 1 - t * p) ** 2,
      (p, t) => -2 * t * Math.max(0, 1 - t * p),
    ),
  ),
  /** Mean of ln(1 + e^(−t·p)) over all elements, for labels ±1, in the form that does not overflow. */
  logistic: meanOf(
    elementwise(
      'logistic',
      (p, t) => Math.max(-t * p, 0) + Math.log1p(Math.exp(-Math.abs(t * p))),
      (p, t) => -t * sigmoid(-t * p),
    ),
  ),
  /**
   * Mean of max(0, −t·p) over all elements, for labels ±1, p being the pre-activation of a step layer: its gradient is −t
   * where t·p ≤ 0, so that gradient descent is the perceptron rule (Rosenblatt 1958).
   */
  perceptron: meanOf(perceptronKernel, { activations: ['step'], kernel: perceptronKernel }),
  /** Mean of p − t·ln p over all elements, p being rates; 0·ln 0 is 0. */
  poisson: meanOf(
    elementwise(
      'poisson',
      (p, t) => (t === 0 ? p : p - t * Math.log(p)),
      (p, t) => (t === 0 ? 1 : 1 - t / p),
    ),
  ),
  /** Σ t·ln(t / p) of a row; the mean over rows; 0·ln 0 is 0. */
  klDivergence: rowMeanOf(
    elementwise(
      'klDivergence',
      (p, t) => (t === 0 ? 0 : t * (Math.log(t) - Math.log(p))),
      (p, t) => (t === 0 ? 0 : -t / p),
    ),
  ),
  /**
   * 1 − the cosine of the angle between p and t of a row; the mean over rows. It is 1 − p̂·t̂ with p̂ = p / ‖p‖; the gradient is
   * (p̂·(p̂·t̂) − t̂) / ‖p‖. A vector of zeros has cosine 0 with any and gradient 0.
   */
  cosine: rowMeanOf(
    rowwise('cosine', (prediction, from, target, targetFrom, gradient, factor, outputs) => {
      const predictionScale = largestMagnitude(prediction, from, outputs);
      const targetScale = largestMagnitude(target, targetFrom, outputs);
      if (predictionScale === 0 || targetScale === 0) {
        gradient.fill(0, from, from + outputs);
        return 1;
      }
      // Squares of numbers no larger than 1 do not overflow.
      let predictionSquares = 0;
      let targetSquares = 0;
      let products = 0;
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j] / predictionScale;
        const t = target[targetFrom + j] / targetScale;
        predictionSquares += p * p;
        targetSquares += t * t;
        products += p * t;
      }
      const predictionNorm = Math.sqrt(predictionSquares);
      const targetNorm = Math.sqrt(targetSquares);
      const cosine = products / (predictionNorm * targetNorm);
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j] / predictionScale / predictionNorm;
        const t = target[targetFrom + j] / targetScale / targetNorm;
        gradient[from + j] = ((factor * (p * cosine - t)) / predictionNorm) * (1 / predictionScale);
      }
      return 1 - cosine;
    }),
  ),
} satisfies Readonly<Record<string, Loss>>;

export type LossName = keyof typeof losses;
/** A loss's name, or `{ type, … }` with its options. */
export type LossSpec = Spec<typeof losses>;
type LossObject<N extends LossName> = Required<SpecObject<typeof losses, N>>;
type LossSettings<N extends LossName> = Partial<SettingsOf<(typeof losses)[N]['settings']>>;

export type LossKernelName = (typeof losses)[LossName]['kernel']['name'];

/** The entries' kernels by name. */
export const lossKernels = Object.fromEntries(
  Object.values<Loss>(losses)
    .flatMap(({ kernel, fused }) => (fused ? [kernel, fused.kernel] : [kernel]))
    .map((kernel) => [kernel.name, kernel]),
) as { readonly [N in LossKernelName]: LossKernel<N> };

/** Σ (p − t)² of a row, or `half` of it; its mean over the rows, or with `reduction: 'sum'` its sum. Throws `INVALID_ARGUMENT`. */
export function squaredError(settings: LossSettings<'squaredError'> = {}): LossObject<'squaredError'> {
  return makeSpec(losses, 'squaredError', settings);
}

/**
 * Mean over all elements of ½(p − t)² up to |p − t| = delta, delta·(|p − t| − ½delta) beyond (Huber 1964). Default: delta 1. Throws
 * `INVALID_ARGUMENT`.
 */
export function huber(settings: LossSettings<'huber'> = {}): LossObject<'huber'> {
  return makeSpec(losses, 'huber', settings);
}

/**
 * Mean of −t·ln p − (1 − t)·ln(1 − p) over all elements, or with `reduction: 'sum'` their sum; on a sigmoid layer computed from its
 * pre-activation, with δ = p − t. Throws `INVALID_ARGUMENT`.
 */
export function binaryCrossEntropy(
  settings: LossSettings<'binaryCrossEntropy'> = {},
): LossObject<'binaryCrossEntropy'> {
  return makeSpec(losses, 'binaryCrossEntropy', settings);
}

/**
 * −Σ t·ln p of a row, p being softmax of the outputs, or the outputs themselves behind a softmax layer, where δ = p − t; its mean over the
 * rows, or with `reduction: 'sum'` its sum. Targets are distributions or class indices; `labelSmoothing` (default 0) mixes them with
 * the uniform distribution (Szegedy et al. 2016). Throws `INVALID_ARGUMENT`.
 */
export function crossEntropy(settings: LossSettings<'crossEntropy'> = {}): LossObject<'crossEntropy'> {
  return makeSpec(losses, 'crossEntropy', settings);
}

/** What a backend is told of a loss on a last layer `outputs` wide; throws `INVALID_ARGUMENT` for an unknown name or option. */
export function resolveLoss(
  spec: unknown,
  outputActivation: ActivationPlan,
  outputs: number,
): { plan: LossPlan; acceptsClasses: boolean } {
  const resolved = resolveSpec(losses, spec, 'loss');
  const entry = resolved.entry as unknown as Loss;
  const settings = resolved.settings as { reduction?: LossPlan['reduction'] } & typeof resolved.settings;
  const fused = entry.fused?.activations.includes(outputActivation.name) ? entry.fused : undefined;
  const kernel = fused?.kernel ?? entry.kernel;
  const plan: LossPlan = {
    kernel: kernel.name,
    onPreActivation: fused !== undefined,
    parameters: kernel.parameters.map((name) => Number(settings[name])),
    scale: entry.scale(settings, outputs),
    reduction: settings.reduction ?? 'mean',
  };
  return { plan, acceptsClasses: entry.acceptsClasses };
}

function largestMagnitude(row: FloatArray, from: number, columns: number): number {
  let maximum = 0;
  for (let j = 0; j < columns; j++) maximum = Math.max(maximum, Math.abs(row[from + j]));
  return maximum;
}
