import { type LossKernel, lossKernels } from '../../losses.js';
import type { FloatArray, LossPlan } from '../backend.js';

const kernels: Readonly<Record<string, LossKernel>> = lossKernels;

/**
 * Returns `sum` + Σᵢ wᵢ·scale·lᵢ, added in double in row order, and writes gradient = wᵢ·scale·∂lᵢ/∂prediction / divisor. Prediction,
 * targets and gradient are (rows, outputs); `weights` has one number per row, every row counts 1 where absent.
 */
export function lossRows(
  loss: LossPlan,
  prediction: FloatArray,
  targets: FloatArray,
  weights: Float64Array | undefined,
  rows: number,
  outputs: number,
  divisor: number,
  gradient: FloatArray,
  sum: number,
): number {
  const kernel = kernels[loss.kernel];
  let total = sum;
  for (let i = 0; i < rows; i++) {
    const scale = loss.scale * (weights !== undefined ? weights[i] : 1);
    const from = i * outputs;
    const factor = scale / divisor;
    total += scale * kernel.row(prediction, from, targets, from, gradient, factor, outputs, loss.parameters);
  }
  return total;
}

/** Writes each row's class as a row of zeros with a one, (rows, outputs). */
export function expandClasses(classes: Int32Array, rows: number, outputs: number, targets: FloatArray): void {
  targets.fill(0, 0, rows * outputs);
  for (let i = 0; i < rows; i++) targets[i * outputs + classes[i]] = 1;
}
