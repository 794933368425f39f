import type { Activation } from '../../activations.js';
import type { FloatArray } from '../backend.js';

/** output = φ(input), both (rows, columns), dense; may be the same array. */
export function activateRows(
  activation: Activation,
  parameters: readonly number[],
  rows: number,
  columns: number,
  input: FloatArray,
  output: FloatArray,
): void {
  const atOnce = activation.rowwise ? columns : rows * columns;
  for (let from = 0; from < rows * columns; from += atOnce) {
    activation.forward(input, from, output, from, atOnce, parameters);
  }
}

/** delta = gradient ⊙ φ'(saved), or the Jacobian product of a row-wise activation; all (rows, columns), dense. */
export function differentiateRows(
  activation: Activation,
  parameters: readonly number[],
  rows: number,
  columns: number,
  saved: FloatArray,
  gradient: FloatArray,
  delta: FloatArray,
): void {
  const atOnce = activation.rowwise ? columns : rows * columns;
  for (let from = 0; from < rows * columns; from += atOnce) {
    activation.backward(saved, from, gradient, from, delta, from, atOnce, parameters);
  }
}
