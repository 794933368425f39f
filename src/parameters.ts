import type { Dtype, FloatArray, LayerPlan, Plan } from './backend/backend.js';
import { expected } from './errors.js';
import { initialValues } from './initializers.js';
import type { DenseSpec, LayerSpec } from './layers.js';
import { copyValues, createFloats, type MatrixLike } from './matrix.js';
import { RandomGenerator } from './random.js';
import { invalid, isObject, options } from './validate.js';

const parameterNames = ['weights', 'bias', 'gamma', 'beta', 'movingMean', 'movingVariance'] as const;
type ParameterName = (typeof parameterNames)[number];

/**
 * A layer's parameters. Dense: weights, (inputs, units) row-major, and bias, (units), if it has one. Batch normalization:
 * gamma, beta, movingMean, movingVariance, (units) each; layer normalization: gamma, beta. Empty for a layer without any.
 */
export type LayerParameters<T = FloatArray> = { readonly [N in ParameterName]?: T };

/** One parameter array of a network: which layer has it, as what, and its shape. */
export interface ParameterShape {
  readonly layer: number;
  readonly name: ParameterName;
  readonly rows: number;
  readonly columns: number;
  /** What a parameter that no initializer is named for starts at. */
  readonly start?: number;
}

/** All parameter arrays in the order in which they cross to a trainer. */
export function parameterShapes(layers: readonly LayerPlan[]): ParameterShape[] {
  return layers.flatMap((layer, i) => layerShapes(layer).map((shape) => ({ ...shape, layer: i })));
}

function layerShapes(layer: LayerPlan): Omit<ParameterShape, 'layer'>[] {
  const { inputs, units } = layer;
  const vector = (name: ParameterName, start?: number) => ({ name, rows: 1, columns: units, start });
  switch (layer.kind) {
    case 'dense': {
      const weights = { name: 'weights', rows: inputs, columns: units } as const;
      return layer.bias ? [weights, vector('bias')] : [weights];
    }
    case 'batchNormalization':
      return [vector('gamma', 1), vector('beta', 0), vector('movingMean', 0), vector('movingVariance', 1)];
    case 'layerNormalization':
      return [vector('gamma', 1), vector('beta', 0)];
    default:
      return [];
  }
}

/** How many numbers a layer learns or keeps. */
export function parameterCount(layer: LayerPlan): number {
  return layerShapes(layer).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/** First number of the random stream of the initial weights. */
const weightsStream = 1;

/** Starting values of all parameters, from the seed and each layer's initializers. */
export function initialParameters(plan: Plan, specs: readonly LayerSpec[]): FloatArray[] {
  const generators = plan.layers.map((_, i) => new RandomGenerator(plan.seed, weightsStream, i));
  return parameterShapes(plan.layers).map(({ layer, name, rows, columns, start }) => {
    if (start !== undefined) return createFloats(plan.dtype, rows * columns).fill(start);
    const option = name === 'weights' ? 'kernelInitializer' : 'biasInitializer';
    const { inputs, units } = plan.layers[layer];
    const fans = { inputs, outputs: units, rows, columns };
    const at = `layers[${layer}].${option}`;
    return initialValues((specs[layer] as DenseSpec)[option], fans, generators[layer], plan.dtype, at);
  });
}

/** New arrays for all parameters, in crossing order. */
export function newParameters(shapes: readonly ParameterShape[], dtype: Dtype): FloatArray[] {
  return shapes.map(({ rows, columns }) => createFloats(dtype, rows * columns));
}

/** Parameter arrays in crossing order to one entry per layer. */
export function byLayer(
  shapes: readonly ParameterShape[],
  arrays: readonly FloatArray[],
  layers: number,
): LayerParameters[] {
  const entries: { [N in ParameterName]?: FloatArray }[] = Array.from({ length: layers }, () => ({}));
  shapes.forEach(({ layer, name }, i) => {
    entries[layer][name] = arrays[i];
  });
  return entries;
}

/**
 * Copies one entry per layer into arrays in crossing order. Throws `SHAPE_MISMATCH`, `NOT_FINITE`, or `INVALID_ARGUMENT`
 * also for a negative moving variance.
 */
export function readParameters(
  given: readonly LayerParameters<MatrixLike>[],
  shapes: readonly ParameterShape[],
  layers: number,
  dtype: Dtype,
): FloatArray[] {
  if (!Array.isArray(given)) throw invalid('an array with one entry per layer', 'parameters', given);
  if (given.length !== layers) {
    throw expected('SHAPE_MISMATCH', `${layers} layers`, 'parameters', String(given.length));
  }
  given.forEach((layer: unknown, i) => {
    const known = shapes.filter((shape) => shape.layer === i).map(({ name }) => name);
    if (!isObject(layer)) throw invalid('an object', `parameters[${i}]`, layer);
    options(layer, `parameters[${i}]`, known);
  });
  return shapes.map(({ layer, name, rows, columns }) => {
    const at = `parameters[${layer}].${name}`;
    const values = copyValues(given[layer][name], rows, columns, dtype, at);
    const negative = name === 'movingVariance' ? values.findIndex((value) => value < 0) : -1;
    if (negative >= 0) throw invalid('a number ≥ 0', `${at}[${negative}]`, values[negative]);
    return values;
  });
}
