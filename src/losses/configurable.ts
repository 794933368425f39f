import { largest, sigmoid } from '../activations.js';
import { type Factory, factory, type Settings, type SettingsOf, setting } from '../registry.js';
import { boolean, oneOf, positive, share } from '../validate.js';
import { elementwise, type Loss, rowwise, squaredErrorKernel } from './loss.js';

/** A loss and its factory. */
function loss<const S extends Settings, N extends string>(type: N, entry: Loss<S>): Factory<N, SettingsOf<S>> {
  return factory(type, entry);
}

const reductions = ['mean', 'sum'] as const;
const reduction = setting('mean', (value, name) => oneOf(value, name, reductions));

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

/**
 * Σ (p − t)² of a row, or `half` of it; its mean over the rows, or with `reduction: 'sum'` its sum. p is the network's output, t the target.
 * Defaults: half false, reduction 'mean'. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const squaredError = loss('squaredError', {
  settings: { half: setting(false, boolean), reduction },
  kernel: squaredErrorKernel,
  acceptsClasses: false,
  scale: ({ half }) => (half ? 0.5 : 1),
});

/**
 * Mean over all elements of ½(p − t)² up to |p − t| = delta, delta·(|p − t| − ½delta) beyond (Huber 1964), as PyTorch's HuberLoss.
 * Default: delta 1. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const huber = loss('huber', {
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
});

/**
 * Mean of −t·ln p − (1 − t)·ln(1 − p) over all elements, or with `reduction: 'sum'` their sum, as PyTorch's BCELoss; on a sigmoid layer
 * computed from its pre-activation, with δ = p − t, as BCEWithLogitsLoss.
 * Default: reduction 'mean'. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const binaryCrossEntropy = loss('binaryCrossEntropy', {
  settings: { reduction },
  // On probabilities. As PyTorch's BCELoss: logarithms no smaller than −100, and p·(1 − p) no smaller than 10⁻¹², rounded to float32.
  kernel: elementwise(
    'binaryCrossEntropy',
    (p, t) => -(t * Math.max(Math.log(p), -100) + (1 - t) * Math.max(Math.log1p(-p), -100)),
    (p, t) => (p - t) / Math.max(p * (1 - p), Math.fround(1e-12)),
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
});

/**
 * −Σ t·ln p of a row, as PyTorch's CrossEntropyLoss: p is softmax of the outputs or, behind a softmax or logSoftmax layer, of its
 * pre-activation, where δ = p − t; its mean over the rows, or with `reduction: 'sum'` its sum. Targets are distributions or class
 * indices; labelSmoothing makes t·(1 − labelSmoothing) + labelSmoothing / outputs of t (Szegedy et al. 2016).
 * Defaults: labelSmoothing 0, reduction 'mean'. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const crossEntropy = loss('crossEntropy', {
  settings: {
    labelSmoothing: setting(0, share),
    reduction,
  },
  kernel: softmaxCrossEntropyKernel,
  // Softmax of logSoftmax(z) is that of z.
  fused: { activations: ['softmax', 'logSoftmax'], kernel: softmaxCrossEntropyKernel },
  acceptsClasses: true,
  scale: () => 1,
});
