import { activations, elu, leakyRelu, resolveActivation } from '../../src/activations.js';
import type { ActivationPlan, OptimizerPlan } from '../../src/backend/backend.js';
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  amsgrad,
  lion,
  nadam,
  radam,
  resolveOptimizer,
  rmsprop,
  rprop,
  sgd,
} from '../../src/optimizers.js';

/** Every activation there is, with its defaults, and with others where it has parameters. */
export const activationPlans: readonly ActivationPlan[] = [
  ...Object.keys(activations),
  leakyRelu({ slope: 0.3 }),
  elu({ alpha: 0.5 }),
].map((spec) => resolveActivation(spec, 'activation'));

/** Every optimizer that has a kernel, and each branch of that. */
export const optimizerSpecs = [
  sgd(),
  sgd({ weightDecay: 0.1 }),
  sgd({ momentum: 0.9 }),
  sgd({ momentum: 0.8, dampening: 0.25, weightDecay: 0.1 }),
  sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  adam(),
  adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
  adamW(),
  adamW({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
  amsgrad(),
  amsgrad({ beta1: 0.8, beta2: 0.5, epsilon: 1e-3, weightDecay: 0.1 }),
  nadam(),
  nadam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1, momentumDecay: 0.1 }),
  radam(),
  // Adapts from the fifth update on.
  radam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
  rmsprop(),
  rmsprop({ rho: 0.9, epsilon: 1e-3, momentum: 0.8, weightDecay: 0.1 }),
  rmsprop({ rho: 0.9, epsilon: 1e-3, centered: true }),
  rmsprop({ rho: 0.9, epsilon: 1e-3, momentum: 0.8, centered: true }),
  adagrad(),
  adagrad({ epsilon: 1e-3, weightDecay: 0.1, learningRateDecay: 0.2, initialAccumulator: 0.3 }),
  adadelta(),
  adadelta({ rho: 0.8, epsilon: 1e-3, weightDecay: 0.1 }),
  adamax(),
  adamax({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
  lion(),
  lion({ beta1: 0.8, beta2: 0.95, weightDecay: 0.1 }),
  rprop(),
  rprop({ etaMinus: 0.4, etaPlus: 1.5, minimumStep: 0.005, maximumStep: 0.02 }),
] as const;

export const optimizerPlans: readonly OptimizerPlan[] = optimizerSpecs.map((spec) => resolveOptimizer(spec).plan);
