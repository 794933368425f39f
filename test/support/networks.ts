import { type ActivationSpec, resolveActivation } from '../../src/activations.js';
import type {
  Backend,
  DensePlan,
  Dtype,
  FloatArray,
  GradientJob,
  LayerPlan,
  LossPlan,
  Plan,
  Samples,
  Trainer,
  TrainingJob,
} from '../../src/backend/backend.js';
import { resolveLoss } from '../../src/losses.js';
import { resolveOptimizer } from '../../src/optimizers.js';
import { floats, randomValues } from './arrays.js';

/** Of a dense layer, beside its units. */
type DenseOptions = Partial<Omit<DensePlan, 'kind' | 'inputs' | 'units' | 'activation'>>;
type Normalization = 'batchNormalization' | 'layerNormalization';
/** A dense layer's units, activation and options; the rate of a dropout layer; an activation as a layer; or a normalization. */
export type LayerShape =
  | readonly [units: number, activation: ActivationSpec, options?: DenseOptions]
  | { readonly activation: ActivationSpec }
  | Normalization
  | number;

export function makePlan(
  dtype: Dtype,
  inputs: number,
  shapes: readonly LayerShape[],
  { seed = 1, threads = 1 }: { seed?: number; threads?: number } = {},
): Plan {
  const layers: LayerPlan[] = [];
  let width = inputs;
  for (const shape of shapes) {
    layers.push(layerOf(shape, width));
    width = layers[layers.length - 1].units;
  }
  return { dtype, inputs, outputs: width, layers, seed, threads };
}

function layerOf(shape: LayerShape, inputs: number): LayerPlan {
  const square = { inputs, units: inputs };
  if (typeof shape === 'number') return { kind: 'dropout', ...square, rate: shape };
  if (shape === 'batchNormalization') return { kind: shape, ...square, momentum: 0.1, epsilon: 1e-3 };
  if (shape === 'layerNormalization') return { kind: shape, ...square, epsilon: 1e-3 };
  if ('activation' in shape) {
    return { kind: 'activation', ...square, activation: resolveActivation(shape.activation, 'activation') };
  }
  const [units, spec, options] = shape;
  const plain = { bias: true, l1: 0, l2: 0, maxNorm: 0, nonNegative: false };
  return { kind: 'dense', inputs, units, activation: resolveActivation(spec, 'activation'), ...plain, ...options };
}

/** The loss behind a plan's last layer. */
export function lossOf(plan: Plan, spec: unknown): LossPlan {
  const last = plan.layers[plan.layers.length - 1];
  const activation = 'activation' in last ? last.activation : resolveActivation('identity', 'activation');
  return resolveLoss(spec, activation, plan.outputs).plan;
}

/** Uniform weights of variance 1 / inputs and small biases, the same in both dtypes; normalizations near the identity. */
export function makeParameters(plan: Plan, seed = 11): FloatArray[] {
  const values = (length: number, position: number, minimum: number, maximum: number) =>
    floats(plan.dtype, randomValues(length, seed + position, minimum, maximum));
  return plan.layers.flatMap((layer, l) => {
    const { inputs, units } = layer;
    const gammaAndBeta = () => [values(units, 4 * l, 0.5, 1.5), values(units, 4 * l + 1, -0.2, 0.2)];
    switch (layer.kind) {
      case 'dense': {
        const limit = Math.sqrt(3 / inputs);
        const weights = values(inputs * units, 4 * l, -limit, limit);
        return layer.bias ? [weights, values(units, 4 * l + 1, -0.2, 0.2)] : [weights];
      }
      case 'batchNormalization':
        return [...gammaAndBeta(), values(units, 4 * l + 2, -0.2, 0.2), values(units, 4 * l + 3, 0.5, 1.5)];
      case 'layerNormalization':
        return gammaAndBeta();
      default:
        return [];
    }
  });
}

export function makeTrainer(backend: Backend, plan: Plan, parameters = makeParameters(plan)): Trainer {
  const trainer = backend.createTrainer(plan);
  trainer.setParameters(parameters);
  return trainer;
}

export function parametersOf(trainer: Trainer, plan: Plan): FloatArray[] {
  const parameters = makeParameters(plan);
  trainer.getParameters(parameters);
  return parameters;
}

/** Inputs in [−1, 1) and targets in [0, 1), rows of which sum to 1. */
export function makeSamples(plan: Plan, rows: number, seed = 5): Samples & { x: FloatArray; y: FloatArray } {
  const y = randomValues(rows * plan.outputs, seed + 1, 0.05, 1);
  for (let i = 0; i < rows; i++) {
    const row = y.subarray(i * plan.outputs, (i + 1) * plan.outputs);
    const sum = row.reduce((total, value) => total + value, 0);
    for (let j = 0; j < plan.outputs; j++) row[j] = plan.outputs === 1 ? row[j] : row[j] / sum;
  }
  return { x: floats(plan.dtype, randomValues(rows * plan.inputs, seed)), y: floats(plan.dtype, y) };
}

/** Rows 0 to rows − 1, as often as there are epochs. */
export function inOrder(rows: number, epochs = 1): Uint32Array {
  return new Uint32Array(rows * epochs).map((_, i) => i % rows);
}

/** A job of plain gradient descent, but for what is given. */
export function makeJob(
  given: Partial<TrainingJob> & Pick<TrainingJob, 'samples' | 'order' | 'batchSize' | 'loss'>,
): TrainingJob {
  const epochRows = given.epochRows ?? given.order.length;
  const batches = Math.ceil(given.order.length / epochRows) * Math.ceil(epochRows / given.batchSize);
  return {
    epochRows,
    optimizer: resolveOptimizer('sgd').plan,
    learningRates: Float64Array.of(0.1),
    firstUpdate: 0,
    optimizerStep: 0,
    losses: new Float64Array(batches),
    ...given,
  };
}

/** All rows as one batch: its loss, its gradients and ∂L/∂x. */
export function gradientsOf(
  trainer: Trainer,
  plan: Plan,
  job: Pick<GradientJob, 'samples' | 'rows' | 'loss'> & { firstUpdate?: number },
) {
  const gradients = makeParameters(plan);
  const inputGradient = floats(plan.dtype, job.rows * plan.inputs);
  const loss = trainer.gradientsSync({ firstUpdate: 0, ...job, gradients, inputGradient });
  return { loss, gradients, inputGradient };
}
