import { type ActivationSpec, resolveActivation } from './activations.js';
import type { LayerPlan } from './backend/backend.js';
import { checkInitializer, type InitializerSpec } from './initializers.js';
import { boolean, entry, fraction, integer, invalid, isObject, options } from './validate.js';

/** A fully connected layer, φ(x·W + b), as plain data with every default filled in. */
export interface DenseSpec {
  readonly type: 'dense';
  readonly units: number;
  readonly activation: ActivationSpec;
  readonly bias: boolean;
  readonly kernelInitializer: InitializerSpec;
  readonly biasInitializer: InitializerSpec;
}

/** Sets a random share of its inputs to zero while training and divides the others by 1 − rate. */
export interface DropoutSpec {
  readonly type: 'dropout';
  readonly rate: number;
}

export type LayerSpec = DenseSpec | DropoutSpec;
export type DenseOptions = Partial<Omit<DenseSpec, 'type' | 'units'>>;

type Given = Readonly<Record<string, unknown>>;

interface LayerKind<S extends LayerSpec> {
  readonly options: readonly string[];
  /** The layer with every default filled in; `at` is put before an option's name in messages. */
  check(given: Given, at: string): S;
  plan(spec: S, inputs: number): LayerPlan;
}

const layerKinds: { readonly dense: LayerKind<DenseSpec>; readonly dropout: LayerKind<DropoutSpec> } = {
  dense: {
    options: ['units', 'activation', 'bias', 'kernelInitializer', 'biasInitializer'],
    check(given, at) {
      const {
        activation = 'identity',
        bias = true,
        kernelInitializer = 'glorotUniform',
        biasInitializer = 'zeros',
      } = given;
      resolveActivation(activation, `${at}activation`);
      return {
        type: 'dense',
        units: integer(given.units, `${at}units`, 1),
        activation: activation as ActivationSpec,
        bias: boolean(bias, `${at}bias`),
        kernelInitializer: checkInitializer(kernelInitializer, `${at}kernelInitializer`),
        biasInitializer: checkInitializer(biasInitializer, `${at}biasInitializer`),
      };
    },
    plan: ({ units, activation, bias }, inputs) => ({
      kind: 'dense',
      inputs,
      units,
      activation: resolveActivation(activation, 'activation'),
      bias,
    }),
  },
  dropout: {
    options: ['rate'],
    check: ({ rate }, at) => ({ type: 'dropout', rate: fraction(rate, `${at}rate`) }),
    plan: ({ rate }, inputs) => ({ kind: 'dropout', inputs, units: inputs, rate }),
  },
};

/** A dense layer of so many units; throws `INVALID_ARGUMENT`. Default: identity, with a bias that starts at zero, `glorotUniform` weights. */
export function dense(units: number, given: DenseOptions = {}): DenseSpec {
  const { options: known, check } = layerKinds.dense;
  const optional = known.filter((option) => option !== 'units');
  return Object.freeze(check({ ...options(given, 'options of dense', optional), units }, ''));
}

/** A dropout layer; `rate` is the share set to zero, in [0, 1). */
export function dropout(rate: number): DropoutSpec {
  return Object.freeze(layerKinds.dropout.check({ rate }, ''));
}

/** A layer as the user wrote it, checked and frozen, and its plan. */
export function resolveLayer(spec: unknown, inputs: number, name: string): { spec: LayerSpec; plan: LayerPlan } {
  if (!isObject(spec)) throw invalid('a layer such as dense(units)', name, spec);
  const kind = entry<LayerKind<LayerSpec>>(layerKinds, spec.type, `${name}.type`);
  const checked = Object.freeze(kind.check(options(spec, name, ['type', ...kind.options]), `${name}.`));
  return { spec: checked, plan: kind.plan(checked, inputs) };
}
