import type { Dtype, LayerPlan } from '../../backend.js';
import { ActivationLayer } from './activation.js';
import { BatchNormalizationLayer } from './batch_normalization.js';
import { DenseLayer } from './dense.js';
import { DropoutLayer } from './dropout.js';
import type { Layer } from './layer.js';
import { LayerNormalizationLayer } from './layer_normalization.js';
import type { ParameterPool } from './parameter.js';

type LayerKinds = {
  readonly [P in LayerPlan as P['kind']]: new (
    plan: P,
    dtype: Dtype,
    pool: ParameterPool,
    position: number,
  ) => Layer;
};

const layerKinds: LayerKinds = {
  dense: DenseLayer,
  dropout: DropoutLayer,
  activation: ActivationLayer,
  batchNormalization: BatchNormalizationLayer,
  layerNormalization: LayerNormalizationLayer,
};

/** `position` is the layer's in the plan; its parameters are taken from the pool. */
export function createLayer(plan: LayerPlan, dtype: Dtype, pool: ParameterPool, position: number): Layer {
  const LayerKind = layerKinds[plan.kind] as new (...given: [LayerPlan, Dtype, ParameterPool, number]) => Layer;
  return new LayerKind(plan, dtype, pool, position);
}
