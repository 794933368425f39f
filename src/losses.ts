import type { ActivationPlan, LossPlan } from './backend/backend.js';
import * as configurable from './losses/configurable.js';
import { fixedLosses } from './losses/fixed.js';
import type { Loss, LossKernel } from './losses/loss.js';
import { entriesOf, resolveSpec, type Spec } from './registry.js';

export * from './losses/configurable.js';
export type { Loss, LossKernel } from './losses/loss.js';

/** Every loss by its name: to add one, an entry in losses/fixed.ts, or with options in losses/configurable.ts. */
export const losses = { ...fixedLosses, ...entriesOf<typeof configurable, Loss>(configurable) };

/**
 * The losses there are, p being the output and t the target. Means over all elements: meanSquaredError (p − t)², meanAbsoluteError
 * |p − t|, huber, logCosh ln cosh(p − t), binaryCrossEntropy, poisson p − t·ln p, and for labels ±1 hinge max(0, 1 − t·p), squaredHinge
 * its square, logistic ln(1 + e^(−t·p)) and perceptron max(0, −t·p) (Rosenblatt 1958). Means over rows of sums over the outputs:
 * squaredError, crossEntropy, klDivergence t·ln(t / p), and cosine, 1 − the cosine of the angle between p and t.
 */
export type LossName = keyof typeof losses;
/** A loss's name, or `{ type, … }` with its options. */
export type LossSpec = Spec<typeof losses>;

/** The entries' kernels by name. */
export const lossKernels: Readonly<Record<string, LossKernel>> = Object.fromEntries(
  Object.values<Pick<Loss, 'kernel' | 'fused'>>(losses)
    .flatMap(({ kernel, fused }) => (fused ? [kernel, fused.kernel] : [kernel]))
    .map((kernel) => [kernel.name, kernel]),
);

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
