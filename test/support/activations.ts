import { activationNamed } from '../../src/activations.js';
import type { ActivationPlan, Dtype, FloatArray } from '../../src/backend/backend.js';
import { epsilonOf } from './arrays.js';

/** What bounds a function's error: 4 units in the last place, as the native ones promise, and two roundings around it. */
const functionError = 6;
/** The same for a derivative: two functions, and half a dozen roundings around them. */
const derivativeError = 14;

/** What a value is a product or difference of, where that may be more than the value: those that are z·share(z), and z + 3. */
const gated = (z: number) => Math.min(Math.abs(z), 10);
const termMagnitudes: { readonly [name: string]: (z: number) => number } = {
  gelu: gated,
  geluTanh: gated,
  silu: gated,
  mish: gated,
  hardSigmoid: (z) => Math.min(Math.abs(z), 3),
};

/** φ by row in double, and how far a computed one may be off if each z is within its `error`. */
export function activationValues(
  activation: ActivationPlan,
  dtype: Dtype,
  rows: number,
  columns: number,
  input: FloatArray,
  error: Float64Array = new Float64Array(input.length),
): { values: Float64Array; tolerance: Float64Array } {
  const { forward, rowwise } = activationNamed(activation);
  const at = (shift: (i: number) => number) => {
    const moved = Float64Array.from(input, (z, i) => z + shift(i));
    const output = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      forward(moved, i * columns, output, i * columns, columns, activation.parameters);
    }
    return output;
  };
  const values = at(() => 0);
  const [above, below] = [1, -1].map((sign) => at((i) => sign * error[i]));
  const tolerance = values.map((value, e) => {
    const row = e - (e % columns);
    if (rowwise) {
      // A value changes by at most twice the largest change of its row, by itself (logSoftmax) or relatively (softmax). Under
      // the exponential is a difference of what is in the row, and around it a sum of the row.
      const largest = Array.from(input.subarray(row, row + columns), Math.abs).reduce((a, b) => Math.max(a, b), 0);
      const range = Math.min(2 * largest, Number.MAX_VALUE);
      const carried = 2 * error.subarray(row, row + columns).reduce((a, b) => Math.max(a, b), 0);
      const own = (functionError + columns) * epsilonOf[dtype];
      return activation.name === 'softmax'
        ? carried + (own + epsilonOf[dtype] * Math.min(range, 100)) * Math.abs(value)
        : carried + own * (Math.abs(value) + 1) + epsilonOf[dtype] * range;
    }
    const terms = Math.abs(value) + (termMagnitudes[activation.name]?.(input[e]) ?? 0);
    const carried = error[e] === 0 ? 0 : Math.max(Math.abs(above[e] - value), Math.abs(below[e] - value));
    return carried + functionError * epsilonOf[dtype] * terms;
  });
  return { values, tolerance };
}

/** δ by row in double from `saved`, and how far a computed one may be off if each gradient is within its `error`. */
export function activationDeltas(
  activation: ActivationPlan,
  dtype: Dtype,
  rows: number,
  columns: number,
  saved: FloatArray,
  gradient: FloatArray,
  error: Float64Array = new Float64Array(gradient.length),
  magnitudes: Float64Array = Float64Array.from(gradient, Math.abs),
): { values: Float64Array; tolerance: Float64Array } {
  const { backward, rowwise } = activationNamed(activation);
  const at = (g: FloatArray) => {
    const delta = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      const from = i * columns;
      backward(saved, from, g, from, delta, from, columns, activation.parameters);
    }
    return delta;
  };
  const values = at(gradient);
  const slopes = rowwise ? values : at(new Float64Array(rows * columns).fill(1)).map(Math.abs);
  const tolerance = values.map((_, e) => {
    const row = e - (e % columns);
    const sum = (array: Float64Array) => array.subarray(row, row + columns).reduce((a, b) => a + b, 0);
    // A sum of the row, times a share of 1 at most.
    if (rowwise) return sum(error) + error[e] + (derivativeError + columns) * epsilonOf[dtype] * sum(magnitudes);
    return slopes[e] * error[e] + derivativeError * epsilonOf[dtype] * (slopes[e] + 1) * magnitudes[e];
  });
  return { values, tolerance };
}
