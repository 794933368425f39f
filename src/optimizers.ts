import type { OptimizerPlan } from './backend/backend.js';
import * as factories from './optimizers/index.js';
import type { Optimizer, OptimizerKernel } from './optimizers/optimizer.js';
import { entriesOf, resolveSpec, type Spec } from './registry.js';

export * from './optimizers/index.js';

/** Every optimizer by its name: to add one, export it from its family's file in optimizers/. */
export const optimizers = entriesOf<typeof factories, Optimizer>(factories);

/** The entries' kernels by name. */
export const optimizerKernels: Readonly<Record<string, OptimizerKernel>> = Object.fromEntries(
  Object.values<Pick<Optimizer, 'kernels'>>(optimizers).flatMap(({ kernels }) =>
    kernels.map((kernel) => [kernel.name, kernel]),
  ),
);

/** The optimizers there are. */
export type OptimizerName = keyof typeof optimizers;
/**
 * An optimizer's name, or `{ type, … }` with its settings. In their formulas w is a weight, g its gradient, weightDecay·w added where
 * nothing else is said, η the learning rate, β₁ beta1, β₂ beta2, ρ rho, ε epsilon and t the step counted from 1.
 */
export type OptimizerSpec = Spec<typeof optimizers>;

export interface ResolvedOptimizer {
  /** What a backend is told of it, unless `hasKernel` is false. */
  readonly plan: OptimizerPlan;
  readonly hasKernel: boolean;
  readonly fullBatch: boolean;
  readonly learningRate: number;
}

/** The optimizer a spec names; throws `INVALID_ARGUMENT` for an unknown name or setting. */
export function resolveOptimizer(spec: unknown): ResolvedOptimizer {
  const { type, entry, settings } = resolveSpec(optimizers, spec, 'optimizer');
  const { plan, fullBatch } = entry as unknown as Optimizer;
  const { kernel, parameters } = plan(settings);
  return {
    plan: { kernel: kernel?.name ?? type, parameters, slots: kernel?.slots ?? 0 },
    hasKernel: kernel !== undefined,
    fullBatch,
    learningRate: settings.learningRate as number,
  };
}
