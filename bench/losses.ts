import type { NumericArray } from '../src/index.js';
import type { Workload } from './shapes.js';

/** A softmax in float32 may say 0, and a contender that has none may say less. */
const smallestShare = 1e-7;

/** The mean loss of outputs, (rows, outputs), each row's brought to a sum of 1 where they are to be shares. */
export function lossOf({ loss, layers }: Workload, outputs: Float32Array, y: NumericArray): number {
  const width = layers[layers.length - 1].units;
  const rows = outputs.length / width;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const row = outputs.subarray(i * width, (i + 1) * width);
    sum += loss === 'crossEntropy' ? crossEntropy(row, y[i]) : (row[0] - y[i]) ** 2;
  }
  return sum / rows;
}

function crossEntropy(outputs: Float32Array, label: number): number {
  const total = outputs.reduce((sum, output) => sum + Math.max(output, smallestShare), 0);
  return -Math.log(Math.max(outputs[label], smallestShare) / total);
}
