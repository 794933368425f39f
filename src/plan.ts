import type { ActivationPlan, DensePlan, Dtype, FloatArray, LayerPlan, Plan } from './backend/backend.js';
import { type BackendChoice, selectThreads } from './backend/select.js';
import { initialValues } from './initializers.js';
import { type DenseSpec, type LayerSpec, resolveLayer } from './layers.js';
import { RandomGenerator } from './random.js';
import { integer, invalid, oneOf, options } from './validate.js';

export interface NetworkOptions {
  /** Numbers per row of x. */
  readonly inputs: number;
  readonly layers: readonly LayerSpec[];
  /** Unsigned 32-bit integer that all randomness comes from; default 0. */
  readonly seed?: number;
  /** Default `float32`. */
  readonly dtype?: Dtype;
  /** Default `auto`: native where it loads, else TypeScript. */
  readonly backend?: BackendChoice;
  /** Compute threads; default `CHAINRULE_THREADS`, else `os.availableParallelism()`. */
  readonly threads?: number;
}

export interface ResolvedNetwork {
  readonly plan: Plan;
  readonly specs: readonly LayerSpec[];
  readonly backend: BackendChoice;
  /** The last layer's, which a loss may be fused with. */
  readonly outputActivation: ActivationPlan;
}

/** First number of the random stream of the initial weights. */
const weightsStream = 1;

/** Checks what a user configured and fills in every default; throws `INVALID_ARGUMENT`. */
export function resolveNetwork(given: unknown): ResolvedNetwork {
  const fields = options(given, 'options of Network', ['inputs', 'layers', 'seed', 'dtype', 'backend', 'threads']);
  const { seed = 0, dtype = 'float32', backend = 'auto', layers } = fields;
  const inputs = integer(fields.inputs, 'inputs', 1);
  if (!Array.isArray(layers) || layers.length === 0) throw invalid('an array of at least one layer', 'layers', layers);
  let width = inputs;
  const resolved = layers.map((layer: unknown, i) => {
    const { spec, plan } = resolveLayer(layer, width, `layers[${i}]`);
    width = plan.units;
    return { spec, plan };
  });
  const last = resolved[resolved.length - 1].plan;
  if (last.kind !== 'dense') throw invalid('a dense layer', `layers[${layers.length - 1}]`, layers[layers.length - 1]);
  return {
    plan: {
      dtype: oneOf<Dtype>(dtype, 'dtype', ['float32', 'float64']),
      inputs,
      outputs: width,
      layers: resolved.map(({ plan }) => plan),
      seed: integer(seed, 'seed', 0, 2 ** 32 - 1),
      threads: selectThreads(fields.threads as number | undefined),
    },
    specs: Object.freeze(resolved.map(({ spec }) => spec)),
    backend: oneOf<BackendChoice>(backend, 'backend', ['auto', 'native', 'typescript']),
    outputActivation: last.activation,
  };
}

/** One parameter array of a network: which layer has it, as what, and its shape. */
export interface ParameterShape {
  readonly layer: number;
  readonly name: 'weights' | 'bias';
  readonly rows: number;
  readonly columns: number;
}

/** All parameter arrays in the order in which they cross to a trainer. */
export function parameterShapes(layers: readonly LayerPlan[]): ParameterShape[] {
  return layers.flatMap((layer, i): ParameterShape[] => {
    if (layer.kind !== 'dense') return [];
    const weights: ParameterShape = { layer: i, name: 'weights', rows: layer.inputs, columns: layer.units };
    return layer.bias ? [weights, { layer: i, name: 'bias', rows: 1, columns: layer.units }] : [weights];
  });
}

/** Starting values of all parameters, from the seed and each layer's initializers. */
export function initialParameters({ plan, specs }: ResolvedNetwork): FloatArray[] {
  const generators = plan.layers.map((_, i) => new RandomGenerator(plan.seed, weightsStream, i));
  return parameterShapes(plan.layers).map(({ layer, name, rows, columns }) => {
    const spec = specs[layer] as DenseSpec;
    const option = name === 'weights' ? 'kernelInitializer' : 'biasInitializer';
    const { inputs, units } = plan.layers[layer] as DensePlan;
    const at = `layers[${layer}].${option}`;
    return initialValues(spec[option], [rows, columns], { inputs, outputs: units }, generators[layer], plan.dtype, at);
  });
}
