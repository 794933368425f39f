import { makeSpec, resolveSpec, type SettingsOf, type Spec, type SpecObject, setting } from './registry.js';
import { nonNegative as atLeastZero, positive } from './validate.js';

/** What a dense layer's weights W add to the loss, by name: l1·Σ|w| + l2·Σw². Biases are not penalized. */
export const regularizers = {
  l1: { settings: { l1: setting(0.01, atLeastZero) } },
  l2: { settings: { l2: setting(0.01, atLeastZero) } },
  l1l2: { settings: { l1: setting(0.01, atLeastZero), l2: setting(0.01, atLeastZero) } },
} as const;

/** A regularizer's name, or `{ type, … }` with its factors. */
export type RegularizerSpec = Spec<typeof regularizers>;
type RegularizerObject<N extends keyof typeof regularizers> = Required<SpecObject<typeof regularizers, N>>;

/** The penalty λ‖W‖₁ = λ·Σ|w|; its gradient is λ·sign w, 0 at 0. `lambda` is 0.01 where not given. Throws `INVALID_ARGUMENT`. */
export function l1(lambda = 0.01): RegularizerObject<'l1'> {
  return makeSpec(regularizers, 'l1', { l1: lambda });
}

/** The penalty λ‖W‖² = λ·Σw²; its gradient is 2λw. `lambda` is 0.01 where not given. Throws `INVALID_ARGUMENT`. */
export function l2(lambda = 0.01): RegularizerObject<'l2'> {
  return makeSpec(regularizers, 'l2', { l2: lambda });
}

/** Both penalties: l1·‖W‖₁ + l2·‖W‖² (Zou and Hastie 2005), each factor 0.01 where not given. Throws `INVALID_ARGUMENT`. */
export function l1l2(
  settings: Partial<SettingsOf<(typeof regularizers)['l1l2']['settings']>> = {},
): RegularizerObject<'l1l2'> {
  return makeSpec(regularizers, 'l1l2', settings);
}

/** The factors of the penalty, 0 for none; throws `INVALID_ARGUMENT`. */
export function resolveRegularizer(spec: unknown, name: string): { l1: number; l2: number } {
  return { l1: 0, l2: 0, ...(spec === undefined ? {} : resolveSpec(regularizers, spec, name).settings) };
}

/** What holds for a dense layer's weights after each update. */
export const constraints = {
  /** A column of W (the weights into one unit) whose L2 norm exceeds the maximum is scaled down to it (Srebro et al. 2005). */
  maxNorm: { settings: { maximum: setting(2, positive) } },
  /** Negative weights become 0. */
  nonNegative: { settings: {} },
} as const;

/** A constraint's name, or `{ type, … }` with its settings. */
export type ConstraintSpec = Spec<typeof constraints>;

/**
 * After each update, the weights into each unit are scaled down to an L2 norm of at most `maximum`, 2 where not given (Srebro et al.
 * 2005). Throws `INVALID_ARGUMENT`.
 */
export function maxNorm(maximum = 2): Required<SpecObject<typeof constraints, 'maxNorm'>> {
  return makeSpec(constraints, 'maxNorm', { maximum });
}

/** After each update, negative weights become 0. */
export function nonNegative(): Required<SpecObject<typeof constraints, 'nonNegative'>> {
  return makeSpec(constraints, 'nonNegative', {});
}

/** A constraint as the plan has it; throws `INVALID_ARGUMENT`. */
export function resolveConstraint(spec: unknown, name: string): { maxNorm: number; nonNegative: boolean } {
  if (spec === undefined) return { maxNorm: 0, nonNegative: false };
  const { type, settings } = resolveSpec(constraints, spec, name);
  return { maxNorm: type === 'maxNorm' ? (settings.maximum as number) : 0, nonNegative: type === 'nonNegative' };
}
