import type { Dtype, LayerPlan } from '../../backend.js';
import { ActivationLayer } from './activation.js';
import { BatchNormalizationLayer } from './batch_normalization.js';
import { DenseLayer } from './dense.js';
import { DropoutLayer } from './dropout.js';
import type { Layer } from './layer.js';
import { LayerNormalizationLayer } from './layer_normalization.js';

type LayerKinds = {
  readonly [P in LayerPlan as P['kind']]: new (
    plan: P,
    dtype: Dtype,
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

/** `position` is the layer's in the plan. */
export function createLayer(plan: LayerPlan, dtype: Dtype, position: number): Layer {
  const LayerKind = layerKinds[plan.kind] as new (plan: LayerPlan, dtype: Dtype, position: number) => Layer;
  return new LayerKind(plan, dtype, position);
}
