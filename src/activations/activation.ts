import type { FloatArray } from '../backend/backend.js';
import type { Settings } from '../registry.js';

/**
 * All there is to know of an activation φ. The functions work on one row; `parameters` are the settings in declared order,
 * and input and output, or gradient and delta, may be the same array at the same position.
 */
export interface Activation<S extends Settings = Settings> {
  readonly settings: S;
  /** What the derivative is computed from. */
  readonly saves: 'output' | 'preActivation';
  /** An output depends on the whole row of inputs. */
  readonly rowwise: boolean;
  /** Outputs are decisions, 0 or 1, not scores. */
  readonly decides?: boolean;
  forward(
    input: FloatArray,
    inputFrom: number,
    output: FloatArray,
    outputFrom: number,
    columns: number,
    parameters: readonly number[],
  ): void;
  /** δ = gradient ⊙ φ'(saved), or gradient times the Jacobian where φ is row-wise. */
  backward(
    saved: FloatArray,
    savedFrom: number,
    gradient: FloatArray,
    gradientFrom: number,
    delta: FloatArray,
    deltaFrom: number,
    columns: number,
    parameters: readonly number[],
  ): void;
}

interface Elementwise<S extends Settings> {
  readonly settings: S;
  readonly saves: 'output' | 'preActivation';
  value(z: number, parameters: readonly number[]): number;
  derivative(saved: number, parameters: readonly number[]): number;
}

export function elementwise<const S extends Settings>({
  settings,
  saves,
  value,
  derivative,
}: Elementwise<S>): Activation<S> {
  return {
    settings,
    saves,
    rowwise: false,
    forward(input, inputFrom, output, outputFrom, columns, parameters) {
      for (let j = 0; j < columns; j++) output[outputFrom + j] = value(input[inputFrom + j], parameters);
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns, parameters) {
      for (let j = 0; j < columns; j++) {
        delta[deltaFrom + j] = gradient[gradientFrom + j] * derivative(saved[savedFrom + j], parameters);
      }
    },
  };
}
