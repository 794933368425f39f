import { activations, resolveActivation } from '../../src/activations.js';
import type { ActivationPlan, OptimizerPlan } from '../../src/backend/backend.js';
import { adam, resolveOptimizer, sgd } from '../../src/optimizers.js';

/** Every activation there is, with its defaults. */
export const activationPlans: readonly ActivationPlan[] = Object.keys(activations).map((name) =>
  resolveActivation(name, 'activation'),
);

/** Every update kernel, with each of its branches. */
export const optimizerPlans: readonly OptimizerPlan[] = [
  sgd(),
  sgd({ weightDecay: 0.1 }),
  sgd({ momentum: 0.9 }),
  sgd({ momentum: 0.8, dampening: 0.25, weightDecay: 0.1 }),
  sgd({ momentum: 0.9, nesterov: true }),
  adam(),
  adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
].map((spec) => resolveOptimizer(spec).plan);
