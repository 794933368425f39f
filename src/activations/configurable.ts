import { factory, setting } from '../registry.js';
import { finite } from '../validate.js';
import { elementwise } from './activation.js';

/**
 * z above 0, else slope·z (Maas et al. 2013), as PyTorch's LeakyReLU: the derivative at 0 is the slope.
 * Default: slope 0.01. Throws `INVALID_ARGUMENT` unless it is finite.
 * @function
 */
export const leakyRelu = factory(
  'leakyRelu',
  elementwise({
    settings: { slope: setting(0.01, finite) },
    saves: 'preActivation',
    value: (z, [slope]) => (z > 0 ? z : slope * z),
    derivative: (z, [slope]) => (z > 0 ? 1 : slope),
  }),
);

/**
 * z above 0, else alpha·(eᶻ − 1) (Clevert et al. 2016), as PyTorch's ELU.
 * Default: alpha 1. Throws `INVALID_ARGUMENT` unless it is finite.
 * @function
 */
export const elu = factory(
  'elu',
  elementwise({
    settings: { alpha: setting(1, finite) },
    saves: 'preActivation',
    value: (z, [alpha]) => (z > 0 ? z : alpha * Math.expm1(z)),
    derivative: (z, [alpha]) => (z > 0 ? 1 : alpha * Math.exp(z)),
  }),
);
