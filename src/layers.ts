import { type ActivationSpec, resolveActivation } from './activations.js';
import type { LayerPlan } from './backend/backend.js';
import { checkInitializer, type InitializerSpec } from './initializers.js';
import { type ConstraintSpec, type RegularizerSpec, resolveConstraint, resolveRegularizer } from './regularizers.js';
import { boolean, entry, fraction, integer, invalid, isObject, number, options, positive } from './validate.js';

/** A fully connected layer, φ(x·W + b), as plain data with every default filled in. */
export interface DenseSpec {
  readonly type: 'dense';
  /** Numbers per row of the output. */
  readonly units: number;
  /** φ; default `identity`. */
  readonly activation: ActivationSpec;
  /** Whether there is a b; default true. */
  readonly bias: boolean;
  /** How W, (inputs, units), starts; default `glorotUniform`. */
  readonly kernelInitializer: InitializerSpec;
  /** How b, (units), starts; default `zeros`. */
  readonly biasInitializer: InitializerSpec;
  /** A penalty on W that is part of the loss; default: none. */
  readonly regularizer?: RegularizerSpec;
  /** What holds for W after each update; default: nothing. */
  readonly constraint?: ConstraintSpec;
}

/** Sets a random share of its inputs to zero while training and divides the others by 1 − rate (Srivastava et al. 2014, PyTorch's Dropout). */
export interface DropoutSpec {
  readonly type: 'dropout';
  /** In [0, 1). */
  readonly rate: number;
}

/** An activation as a layer of its own. */
export interface ActivationLayerSpec {
  readonly type: 'activation';
  readonly activation: ActivationSpec;
}

/** Normalizes each column over the rows of a batch, then scales by gamma and adds beta: Ioffe and Szegedy 2015, PyTorch's BatchNorm1d. */
export interface BatchNormalizationSpec {
  readonly type: 'batchNormalization';
  /** moving = (1 − momentum)·moving + momentum·batch for the statistics used outside training; default 0.1. */
  readonly momentum: number;
  /** Added to the variance; default 1e-5. */
  readonly epsilon: number;
}

/** Normalizes each row over its columns, then scales by gamma and adds beta: Ba, Kiros and Hinton 2016, PyTorch's LayerNorm. */
export interface LayerNormalizationSpec {
  readonly type: 'layerNormalization';
  /** Added to the variance; default 1e-5. */
  readonly epsilon: number;
}

/** A layer as plain data: what `dense`, `dropout`, `activation`, `batchNormalization` and `layerNormalization` make. */
export type LayerSpec = DenseSpec | DropoutSpec | ActivationLayerSpec | BatchNormalizationSpec | LayerNormalizationSpec;
/** Of `dense`, but for the units; defaults as in `DenseSpec`. */
export type DenseOptions = Partial<Omit<DenseSpec, 'type' | 'units'>>;
/** Of `batchNormalization`: momentum 0.1, epsilon 1e-5 where not given. */
export type BatchNormalizationOptions = Partial<Omit<BatchNormalizationSpec, 'type'>>;
/** Of `layerNormalization`: epsilon 1e-5 where not given. */
export type LayerNormalizationOptions = Partial<Omit<LayerNormalizationSpec, 'type'>>;

type Given = Readonly<Record<string, unknown>>;

interface LayerKind<S extends LayerSpec> {
  readonly options: readonly string[];
  /** The layer with every default filled in; `at` is put before an option's name in messages. */
  check(given: Given, at: string): S;
  plan(spec: S, inputs: number): LayerPlan;
}

const layerKinds: { readonly [S in LayerSpec as S['type']]: LayerKind<S> } = {
  dense: {
    options: ['units', 'activation', 'bias', 'kernelInitializer', 'biasInitializer', 'regularizer', 'constraint'],
    check(given, at) {
      const {
        activation = 'identity',
        bias = true,
        kernelInitializer = 'glorotUniform',
        biasInitializer = 'zeros',
        regularizer,
        constraint,
      } = given;
      resolveActivation(activation, `${at}activation`);
      resolveRegularizer(regularizer, `${at}regularizer`);
      resolveConstraint(constraint, `${at}constraint`);
      return {
        type: 'dense',
        units: integer(given.units, `${at}units`, 1),
        activation: activation as ActivationSpec,
        bias: boolean(bias, `${at}bias`),
        kernelInitializer: checkInitializer(kernelInitializer, `${at}kernelInitializer`),
        biasInitializer: checkInitializer(biasInitializer, `${at}biasInitializer`),
        ...(regularizer !== undefined && { regularizer: regularizer as RegularizerSpec }),
        ...(constraint !== undefined && { constraint: constraint as ConstraintSpec }),
      };
    },
    plan: ({ units, activation, bias, regularizer, constraint }, inputs) => ({
      kind: 'dense',
      inputs,
      units,
      activation: resolveActivation(activation, 'activation'),
      bias,
      ...resolveRegularizer(regularizer, 'regularizer'),
      ...resolveConstraint(constraint, 'constraint'),
    }),
  },
  dropout: {
    options: ['rate'],
    check: ({ rate }, at) => ({ type: 'dropout', rate: fraction(rate, `${at}rate`) }),
    plan: ({ rate }, inputs) => ({ kind: 'dropout', inputs, units: inputs, rate }),
  },
  activation: {
    options: ['activation'],
    check({ activation }, at) {
      resolveActivation(activation, `${at}activation`);
      return { type: 'activation', activation: activation as ActivationSpec };
    },
    plan: ({ activation }, inputs) => ({
      kind: 'activation',
      inputs,
      units: inputs,
      activation: resolveActivation(activation, 'activation'),
    }),
  },
  batchNormalization: {
    options: ['momentum', 'epsilon'],
    check: ({ momentum = 0.1, epsilon = 1e-5 }, at) => ({
      type: 'batchNormalization',
      momentum: number(momentum, `${at}momentum`, 'a number from 0 to 1', (v) => v >= 0 && v <= 1),
      epsilon: positive(epsilon, `${at}epsilon`),
    }),
    plan: ({ momentum, epsilon }, inputs) => ({ kind: 'batchNormalization', inputs, units: inputs, momentum, epsilon }),
  },
  layerNormalization: {
    options: ['epsilon'],
    check: ({ epsilon = 1e-5 }, at) => ({ type: 'layerNormalization', epsilon: positive(epsilon, `${at}epsilon`) }),
    plan: ({ epsilon }, inputs) => ({ kind: 'layerNormalization', inputs, units: inputs, epsilon }),
  },
};

/**
 * A dense layer of so many units: φ(x·W + b), W (inputs, units), b (units). Default: identity, with a bias that starts at
 * zero, `glorotUniform` weights, no regularizer, no constraint. Throws `INVALID_ARGUMENT`.
 */
export function dense(units: number, given: DenseOptions = {}): DenseSpec {
  const { options: known, check } = layerKinds.dense;
  const optional = known.filter((option) => option !== 'units');
  return Object.freeze(check({ ...options(given, 'options of dense', optional), units }, ''));
}

/** A dropout layer; `rate` is the share set to zero, in [0, 1). Srivastava et al. 2014. Throws `INVALID_ARGUMENT`. */
export function dropout(rate: number): DropoutSpec {
  return Object.freeze(layerKinds.dropout.check({ rate }, ''));
}

/** An activation as a layer of its own, as wide as its inputs. Throws `INVALID_ARGUMENT`. */
export function activation(name: ActivationSpec): ActivationLayerSpec {
  return Object.freeze(layerKinds.activation.check({ activation: name }, ''));
}

/**
 * gamma ⊙ (x − mean) / √(variance + epsilon) + beta by column: over the rows of a pass while training (biased variance),
 * with moving statistics otherwise: moving ← (1 − momentum)·moving + momentum·batch, the batch's variance unbiased, as
 * PyTorch (Ioffe and Szegedy 2015). Default: momentum 0.1, epsilon 1e-5. Throws `INVALID_ARGUMENT`.
 */
export function batchNormalization(given: BatchNormalizationOptions = {}): BatchNormalizationSpec {
  const { options: known, check } = layerKinds.batchNormalization;
  return Object.freeze(check(options(given, 'options of batchNormalization', known), ''));
}

/**
 * gamma ⊙ (x − mean) / √(variance + epsilon) + beta over the columns of each row, biased variance, as PyTorch (Ba, Kiros and
 * Hinton 2016). Default: epsilon 1e-5. Throws `INVALID_ARGUMENT`.
 */
export function layerNormalization(given: LayerNormalizationOptions = {}): LayerNormalizationSpec {
  const { options: known, check } = layerKinds.layerNormalization;
  return Object.freeze(check(options(given, 'options of layerNormalization', known), ''));
}

/** A layer as the user wrote it, checked and frozen, and its plan. */
export function resolveLayer(spec: unknown, inputs: number, name: string): { spec: LayerSpec; plan: LayerPlan } {
  if (!isObject(spec)) throw invalid('a layer such as dense(units)', name, spec);
  const kind = entry(
    layerKinds as Readonly<Record<string, unknown>>,
    spec.type,
    `${name}.type`,
  ) as LayerKind<LayerSpec>;
  const checked = Object.freeze(kind.check(options(spec, name, ['type', ...kind.options]), `${name}.`));
  return { spec: checked, plan: kind.plan(checked, inputs) };
}
