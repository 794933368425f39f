import { philox4x32 } from '../../random.js';
import type { FloatArray } from '../backend.js';

const counter = new Uint32Array(4);
const key = new Uint32Array(2);
const numbers = new Uint32Array(4);

/**
 * Writes rows `firstRow` to `firstRow + rows` of the mask of a layer at an update, (rows, columns): 0 with probability `rate`,
 * else 1 / (1 − rate). An element's number depends on its position alone (column, row in the batch, update, layer, seed).
 */
export function fillDropoutMask(
  mask: FloatArray,
  firstRow: number,
  rows: number,
  columns: number,
  rate: number,
  seed: number,
  update: number,
  layer: number,
): void {
  const threshold = Math.floor(rate * 2 ** 32);
  const kept = 1 / (1 - rate);
  key[0] = seed;
  counter[2] = update;
  counter[3] = layer;
  for (let i = 0; i < rows; i++) {
    counter[1] = firstRow + i;
    for (let j = 0; j < columns; j++) {
      if (j % 4 === 0) {
        counter[0] = j / 4;
        philox4x32(counter, key, numbers);
      }
      mask[i * columns + j] = numbers[j % 4] >= threshold ? kept : 0;
    }
  }
}
