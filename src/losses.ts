import { sigmoid } from './activations.js';
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
import { boolean, oneOf } from './validate.js';

/** A loss as a user names it: which kernel computes it, and how its rows are scaled and averaged. */
export interface Loss<S extends Settings = Settings> {
  readonly settings: S;
  readonly kernel: string;
  /** With this output activation, `kernel` reads its pre-activation instead and its gradient is that layer's δ. */
  readonly fused?: { readonly activation: string; readonly kernel: string };
  /** Targets may be class indices. */
  readonly acceptsClasses: boolean;
  /** Factor of a row's loss. */
  scale(settings: SettingsOf<S>, outputs: number): number;
}

function loss<const S extends Settings>(entry: Loss<S>): Loss<S> {
  return entry;
}

const reductions = ['mean', 'sum'] as const;
const reduction = setting('mean', (value, name) => oneOf(value, name, reductions));

export const losses = {
  /** Mean of (p − t)² over all elements. */
  meanSquaredError: loss({
    settings: {},
    kernel: 'squaredError',
    acceptsClasses: false,
    scale: (_, outputs) => 1 / outputs,
  }),
  /** Σ (p − t)² of a row, or half of it; the mean over rows or their sum. */
  squaredError: loss({
    settings: { half: setting(false, boolean), reduction },
    kernel: 'squaredError',
    acceptsClasses: false,
    scale: ({ half }) => (half ? 0.5 : 1),
  }),
  /** Mean of −t·ln p − (1 − t)·ln(1 − p) over all elements, or their sum. */
  binaryCrossEntropy: loss({
    settings: { reduction },
    kernel: 'binaryCrossEntropy',
    fused: { activation: 'sigmoid', kernel: 'sigmoidCrossEntropy' },
    acceptsClasses: false,
    scale: (settings, outputs) => (settings.reduction === 'mean' ? 1 / outputs : 1),
  }),
  /** −Σ t·ln softmax(z) of a row; z is a softmax layer's pre-activation, or the outputs of any other layer. */
  crossEntropy: loss({
    settings: { reduction },
    kernel: 'softmaxCrossEntropy',
    fused: { activation: 'softmax', kernel: 'softmaxCrossEntropy' },
    acceptsClasses: true,
    scale: () => 1,
  }),
} satisfies Readonly<Record<string, Loss>>;

export type LossName = keyof typeof losses;
/** A loss's name, or `{ type, … }` with its options. */
export type LossSpec = Spec<typeof losses>;
type LossObject<N extends LossName> = Required<SpecObject<typeof losses, N>>;
type LossSettings<N extends LossName> = Partial<SettingsOf<(typeof losses)[N]['settings']>>;

export function squaredError(settings: LossSettings<'squaredError'> = {}): LossObject<'squaredError'> {
  return makeSpec(losses, 'squaredError', settings);
}

export function binaryCrossEntropy(
  settings: LossSettings<'binaryCrossEntropy'> = {},
): LossObject<'binaryCrossEntropy'> {
  return makeSpec(losses, 'binaryCrossEntropy', settings);
}

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
  const entry: Loss = resolved.entry;
  const settings = resolved.settings as { reduction?: LossPlan['reduction'] };
  const fused = entry.fused?.activation === outputActivation.name ? entry.fused : undefined;
  const plan: LossPlan = {
    kernel: fused?.kernel ?? entry.kernel,
    onPreActivation: fused !== undefined,
    parameters: [],
    scale: entry.scale(settings, outputs),
    reduction: settings.reduction ?? 'mean',
  };
  return { plan, acceptsClasses: entry.acceptsClasses };
}

/** A loss kernel: the loss lᵢ of one row and its gradient. */
export interface LossKernel {
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
  ): number;
}

/** A kernel whose loss is a sum over outputs of l(prediction, target). */
function elementwise(
  value: (prediction: number, target: number) => number,
  derivative: (prediction: number, target: number) => number,
): LossKernel {
  return {
    parameters: [],
    row(prediction, from, target, targetFrom, gradient, factor, outputs) {
      let sum = 0;
      for (let j = 0; j < outputs; j++) {
        const p = prediction[from + j];
        const t = target[targetFrom + j];
        sum += value(p, t);
        gradient[from + j] = factor * derivative(p, t);
      }
      return sum;
    },
  };
}

export const lossKernels = {
  squaredError: elementwise(
    (p, t) => (p - t) ** 2,
    (p, t) => 2 * (p - t),
  ),
  /** On probabilities. As PyTorch's BCELoss: logarithms no smaller than −100, and p·(1 − p) no smaller than 10⁻¹². */
  binaryCrossEntropy: elementwise(
    (p, t) => -(t * Math.max(Math.log(p), -100) + (1 - t) * Math.max(Math.log1p(-p), -100)),
    (p, t) => (p - t) / Math.max(p * (1 - p), 1e-12),
  ),
  /** On logits: −t·ln σ(z) − (1 − t)·ln(1 − σ(z)), in the form that does not overflow. */
  sigmoidCrossEntropy: elementwise(
    (z, t) => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z))),
    (z, t) => sigmoid(z) - t,
  ),
  /** On logits: Σ tⱼ·(ln Σ eᶻ − zⱼ); the gradient is softmax(z)·Σt − t. */
  softmaxCrossEntropy: {
    parameters: [],
    row(prediction, from, target, targetFrom, gradient, factor, outputs) {
      let maximum = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < outputs; j++) maximum = Math.max(maximum, prediction[from + j]);
      let exponentials = 0;
      let targets = 0;
      for (let j = 0; j < outputs; j++) {
        exponentials += Math.exp(prediction[from + j] - maximum);
        targets += target[targetFrom + j];
      }
      const logarithm = Math.log(exponentials);
      let sum = 0;
      for (let j = 0; j < outputs; j++) {
        const z = prediction[from + j];
        const t = target[targetFrom + j];
        // A class that is not asked for adds nothing, even where its logit is −∞.
        if (t !== 0) sum += t * (maximum - z + logarithm);
        gradient[from + j] = factor * ((Math.exp(z - maximum) / exponentials) * targets - t);
      }
      return sum;
    },
  },
} satisfies Readonly<Record<string, LossKernel>>;
