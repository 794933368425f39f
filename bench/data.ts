import type { NumericArray } from '../src/index.js';
import type { Workload } from './shapes.js';

/** Fills an array with numbers in [−1, 1): xorshift (Marsaglia 2003), some nanoseconds each. */
export function fillUniform(array: Float32Array | Float64Array, seed: number): void {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  for (let i = 0; i < array.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    array[i] = (state >> 8) / 2 ** 23;
  }
}

/**
 * The first `rows` of a workload's synthetic rows. A class is the position of the largest of the first inputs, as many as
 * there are classes; a number is 1 where the first two inputs differ in sign, else 0.
 */
export function makeData({ inputs, layers, loss }: Workload, rows: number): { x: Float32Array; y: NumericArray } {
  const x = new Float32Array(rows * inputs);
  fillUniform(x, 1);
  if (loss !== 'crossEntropy') {
    return { x, y: Float32Array.from({ length: rows }, (_, i) => Number(x[i * inputs] * x[i * inputs + 1] < 0)) };
  }
  const classes = layers[layers.length - 1].units;
  const y = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 1; j < classes; j++) if (x[i * inputs + j] > x[i * inputs + y[i]]) y[i] = j;
  }
  return { x, y };
}
