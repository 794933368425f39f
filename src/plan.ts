import { activationNamed } from './activations.js';
import type { ActivationPlan, Dtype, LayerPlan, LossPlan, Plan } from './backend/backend.js';
import { type BackendChoice, selectThreads } from './backend/select.js';
import { expected } from './errors.js';
import { type LayerSpec, resolveLayer } from './layers.js';
import { type Loss, losses, resolveLoss } from './losses.js';
import { integer, invalid, isObject, oneOf, options } from './validate.js';

/** What a network is made of, and what it runs on. */
export interface NetworkOptions {
  /** Numbers per row of x. */
  readonly inputs: number;
  /** At least one, the first next to the inputs. */
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
  /** Layer i is that of spec i, but that a last activation may be part of the dense layer before it. */
  readonly plan: Plan;
  readonly specs: readonly LayerSpec[];
  readonly backend: BackendChoice;
}

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
  return {
    plan: {
      dtype: oneOf<Dtype>(dtype, 'dtype', ['float32', 'float64']),
      inputs,
      outputs: width,
      layers: joinOutputActivation(resolved.map(({ plan }) => plan)),
      seed: integer(seed, 'seed', 0, 2 ** 32 - 1),
      threads: selectThreads(fields.threads as number | undefined),
    },
    specs: Object.freeze(resolved.map(({ spec }) => spec)),
    backend: oneOf<BackendChoice>(backend, 'backend', ['auto', 'native', 'typescript']),
  };
}

/** An activation that comes last, right behind a dense layer without one, is that layer's: a loss may be fused with it then. */
function joinOutputActivation(layers: readonly LayerPlan[]): readonly LayerPlan[] {
  const [before, last] = layers.slice(-2);
  if (last?.kind !== 'activation' || before.kind !== 'dense' || before.activation.name !== 'identity') return layers;
  return [...layers.slice(0, -2), { ...before, activation: last.activation }];
}

const identity: ActivationPlan = { name: 'identity', parameters: [] };

/**
 * The loss on a network's outputs, fused with the activation of a last dense layer where it can be; throws `INVALID_ARGUMENT`,
 * also for a loss that would have to be fused with an activation that does not stand right behind a dense layer.
 */
export function resolveOutputLoss(spec: unknown, plan: Plan): { plan: LossPlan; acceptsClasses: boolean } {
  const last = plan.layers[plan.layers.length - 1];
  const resolved = resolveLoss(spec, last.kind === 'dense' ? last.activation : identity, plan.outputs);
  if (last.kind !== 'activation') return resolved;
  const type = (isObject(spec) ? spec.type : spec) as keyof typeof losses;
  const { fused, kernel }: Loss = losses[type];
  // The same kernel on outputs would take them for pre-activations.
  if (fused?.activations.includes(last.activation.name) && fused.kernel === kernel) {
    const what = `a dense layer right before activation('${last.activation.name}')`;
    throw expected('INVALID_ARGUMENT', what, `loss ${JSON.stringify(type)}`, 'another layer there');
  }
  return resolved;
}

/** Whether the outputs are classes, 0 and 1, and not scores. */
export function givesDecisions({ layers }: Plan): boolean {
  const last = layers[layers.length - 1];
  return 'activation' in last && activationNamed(last.activation).decides === true;
}

/** Whether some layer's weights add to the loss. */
export function hasPenalty({ layers }: Plan): boolean {
  return layers.some((layer) => layer.kind === 'dense' && (layer.l1 > 0 || layer.l2 > 0));
}

/** Throws `INVALID_ARGUMENT` where batch normalization would have the statistics of a single row, as PyTorch does. */
export function ensureEnoughRows({ layers }: Plan, rows: number, passRows: number): void {
  if (
    rows > 0 &&
    Math.min(rows, rows % passRows || passRows) === 1 &&
    layers.some(({ kind }) => kind === 'batchNormalization')
  ) {
    throw expected(
      'INVALID_ARGUMENT',
      'at least 2 rows in each batch beside batchNormalization',
      'batchSize',
      'a batch of 1',
    );
  }
}
