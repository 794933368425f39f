import fc from 'fast-check';
import type { Dtype } from '../../src/backend/backend.js';
import { dense, type LayerParameters, type NetworkOptions } from '../../src/index.js';
import { epsilonOf, floats, randomValues } from './arrays.js';
import { dtypes } from './backends.js';

/** |φ(z)| ≤ |z| + 1, |φ′| ≤ 1.13 and |φ″| ≤ 1.2 (but at kinks) hold for each of these. */
const activations = [
  'identity',
  'sigmoid',
  'tanh',
  'relu',
  'leakyRelu',
  'elu',
  'gelu',
  'silu',
  'mish',
  'softplus',
] as const;
const steepest = 1.13;
const mostCurved = 1.2;
/** Units in the last place by which an activation or its slope, each a few operations, may be off, and then some. */
const activationUlp = 16;

export interface Sample {
  readonly options: NetworkOptions & { readonly dtype: Dtype };
  readonly x: Float64Array | Float32Array;
  readonly y: Float64Array | Float32Array;
  readonly rows: number;
}

/** A network of up to three hidden layers, and rows for it: numbers in (−1, 1). */
export function samples(rows: { min: number; max: number }): fc.Arbitrary<Sample> {
  const width = fc.integer({ min: 1, max: 9 });
  const layer = fc.record({ units: width, activation: fc.constantFrom(...activations) });
  return fc
    .record({
      inputs: width,
      hidden: fc.array(layer, { minLength: 1, maxLength: 3 }),
      outputs: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer(rows),
      seed: fc.nat(10_000),
      dtype: fc.constantFrom(...dtypes),
    })
    .map(({ inputs, hidden, outputs, rows, seed, dtype }) => {
      const layers = hidden.map(({ units, activation }) => dense(units, { activation, biasInitializer: 'heUniform' }));
      return {
        options: { inputs, layers: [...layers, dense(outputs)], seed, dtype },
        x: floats(dtype, randomValues(rows * inputs, seed + 1)),
        y: floats(dtype, randomValues(rows * outputs, seed + 2)),
        rows,
      };
    });
}

/**
 * How far a loss ½Σ(f − t)² per row, averaged, and its gradients may be off by rounding: bounds on the values and on their
 * errors, carried through the network forward and back by its largest sums of |w| into and out of a unit.
 */
export function roundingBound({ options, rows }: Sample, parameters: readonly LayerParameters[]): number {
  const ε = epsilonOf[options.dtype];
  let [width, a, aError] = [options.inputs, 1, 0];
  const layers = parameters.map(({ weights, bias }) => {
    const inputs = width;
    const units = weights!.length / inputs;
    width = units;
    const into = new Float64Array(units);
    const out = new Float64Array(inputs);
    weights!.forEach((w: number, i: number) => {
      into[i % units] += Math.abs(w);
      out[Math.floor(i / units)] += Math.abs(w);
    });
    const sums = { into: Math.max(...into), out: Math.max(...out), bias: Math.max(0, ...bias!.map(Math.abs)) };
    const z = a * sums.into + sums.bias;
    const zError = aError * sums.into + (inputs + 2) * ε * z;
    const layer = { ...sums, units, a, aError, zError };
    [a, aError] = [z + 1, steepest * zError + activationUlp * ε * (z + 1)];
    return layer;
  });
  let d = a + 1;
  let dError = aError + ε * d;
  let bound = width * d * (dError + (rows + width + 4) * ε * d);
  for (let l = layers.length - 1; l >= 0; l--) {
    const { units, out, a, aError, zError } = layers[l];
    if (l < layers.length - 1) {
      const next = layers[l + 1];
      const through = d * next.out;
      const throughError = dError * next.out + (next.units + 2) * ε * through;
      dError = steepest * throughError + through * (mostCurved * zError + activationUlp * ε);
      d = steepest * through;
    }
    // The mean over rows of aᵀδ, and δ·Wᵀ for the inputs.
    bound = Math.max(bound, a * dError + d * aError + (rows + 4) * ε * a * d, dError * out + (units + 2) * ε * d * out);
  }
  return bound;
}
