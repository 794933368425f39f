import type { ActivationPlan, LossPlan } from './backend/backend.js';
import type { LossKernelName } from './loss_kernels.js';
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

/** A loss as a user names it: which kernel computes it, and how its rows are scaled and averaged. */
export interface Loss<S extends Settings = Settings> {
  readonly settings: S;
  readonly kernel: LossKernelName;
  /** Behind these output activations, `kernel` reads the pre-activation instead and its gradient is that layer's δ. */
  readonly fused?: { readonly activations: readonly string[]; readonly kernel: LossKernelName };
  /** Targets may be class indices. */
  readonly acceptsClasses: boolean;
  /** The kernel's parameters, in the order in which it declares them; none where absent. */
  parameters?(settings: SettingsOf<S>): readonly number[];
  /** Factor of a row's loss. */
  scale(settings: SettingsOf<S>, outputs: number): number;
}

function loss<const S extends Settings>(entry: Loss<S>): Loss<S> {
  return entry;
}

/** A loss without options that is the mean over all elements. */
function meanOf(kernel: LossKernelName, fused?: Loss['fused']): Loss<Record<never, never>> {
  return { settings: {}, kernel, fused, acceptsClasses: false, scale: (_, outputs) => 1 / outputs };
}

/** A loss without options that is the mean over rows. */
function rowMeanOf(kernel: LossKernelName): Loss<Record<never, never>> {
  return { settings: {}, kernel, acceptsClasses: false, scale: () => 1 };
}

const reductions = ['mean', 'sum'] as const;
const reduction = setting('mean', (value, name) => oneOf(value, name, reductions));

/** In all that follows p is the network's output and t the target. */
export const losses = {
  /** Mean of (p − t)² over all elements. */
  meanSquaredError: meanOf('squaredError'),
  /** Σ (p − t)² of a row, or half of it; the mean over rows or their sum. */
  squaredError: loss({
    settings: { half: setting(false, boolean), reduction },
    kernel: 'squaredError',
    acceptsClasses: false,
    scale: ({ half }) => (half ? 0.5 : 1),
  }),
  /** Mean of |p − t| over all elements; its gradient at 0 is 0. */
  meanAbsoluteError: meanOf('absoluteError'),
  /** Mean over all elements of ½(p − t)² up to |p − t| = delta, delta·(|p − t| − ½delta) beyond (Huber 1964, PyTorch's HuberLoss). */
  huber: loss({
    settings: { delta: setting(1, positive) },
    kernel: 'huber',
    acceptsClasses: false,
    parameters: ({ delta }) => [delta],
    scale: (_, outputs) => 1 / outputs,
  }),
  /** Mean of ln cosh(p − t) over all elements. */
  logCosh: meanOf('logCosh'),
  /** Mean of −t·ln p − (1 − t)·ln(1 − p) over all elements, or their sum. */
  binaryCrossEntropy: loss({
    settings: { reduction },
    kernel: 'binaryCrossEntropy',
    fused: { activations: ['sigmoid'], kernel: 'sigmoidCrossEntropy' },
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
    kernel: 'softmaxCrossEntropy',
    // Softmax of logSoftmax(z) is that of z.
    fused: { activations: ['softmax', 'logSoftmax'], kernel: 'softmaxCrossEntropy' },
    acceptsClasses: true,
    parameters: ({ labelSmoothing }) => [labelSmoothing],
    scale: () => 1,
  }),
  /** Mean of max(0, 1 − t·p) over all elements, for labels ±1. */
  hinge: meanOf('hinge'),
  /** Mean of max(0, 1 − t·p)² over all elements, for labels ±1. */
  squaredHinge: meanOf('squaredHinge'),
  /** Mean of ln(1 + e^(−t·p)) over all elements, for labels ±1. */
  logistic: meanOf('logistic'),
  /**
   * Mean of max(0, −t·p) over all elements, for labels ±1, p being the pre-activation of a step layer: its gradient is −t
   * where t·p ≤ 0, so that gradient descent is the perceptron rule (Rosenblatt 1958).
   */
  perceptron: meanOf('perceptron', { activations: ['step'], kernel: 'perceptron' }),
  /** Mean of p − t·ln p over all elements, p being rates. */
  poisson: meanOf('poisson'),
  /** Σ t·ln(t / p) of a row; the mean over rows. */
  klDivergence: rowMeanOf('klDivergence'),
  /** 1 − the cosine of the angle between p and t of a row; the mean over rows. */
  cosine: rowMeanOf('cosine'),
} satisfies Readonly<Record<string, Loss>>;

export type LossName = keyof typeof losses;
/** A loss's name, or `{ type, … }` with its options. */
export type LossSpec = Spec<typeof losses>;
type LossObject<N extends LossName> = Required<SpecObject<typeof losses, N>>;
type LossSettings<N extends LossName> = Partial<SettingsOf<(typeof losses)[N]['settings']>>;

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
  const settings = resolved.settings as { reduction?: LossPlan['reduction'] };
  const fused = entry.fused?.activations.includes(outputActivation.name) ? entry.fused : undefined;
  const plan: LossPlan = {
    kernel: fused?.kernel ?? entry.kernel,
    onPreActivation: fused !== undefined,
    parameters: entry.parameters?.(settings) ?? [],
    scale: entry.scale(settings, outputs),
    reduction: settings.reduction ?? 'mean',
  };
  return { plan, acceptsClasses: entry.acceptsClasses };
}
