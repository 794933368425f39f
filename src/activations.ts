import type { ActivationPlan, FloatArray } from './backend/backend.js';
import { resolveSpec, type Settings, type Spec } from './registry.js';

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

function elementwise<const S extends Settings>({ settings, saves, value, derivative }: Elementwise<S>): Activation<S> {
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

/** 1 / (1 + e⁻ᶻ), from the exponential that does not overflow. */
export function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const exponential = Math.exp(z);
  return exponential / (1 + exponential);
}

export const activations = {
  identity: elementwise({
    settings: {},
    saves: 'output',
    value: (z) => z,
    derivative: () => 1,
  }),
  sigmoid: elementwise({
    settings: {},
    saves: 'output',
    value: sigmoid,
    derivative: (output) => output * (1 - output),
  }),
  tanh: elementwise({
    settings: {},
    saves: 'output',
    value: Math.tanh,
    derivative: (output) => (1 - output) * (1 + output),
  }),
  /** NaN stays NaN; the derivative at 0 is 0. */
  relu: elementwise({
    settings: {},
    saves: 'output',
    value: (z) => (z <= 0 ? 0 : z),
    derivative: (output) => (output > 0 ? 1 : 0),
  }),
  /** e^(zⱼ − max z) / Σ e^(z − max z) along the row. */
  softmax: {
    settings: {},
    saves: 'output',
    rowwise: true,
    forward(input, inputFrom, output, outputFrom, columns) {
      let maximum = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < columns; j++) maximum = Math.max(maximum, input[inputFrom + j]);
      let sum = 0;
      for (let j = 0; j < columns; j++) {
        const exponential = Math.exp(input[inputFrom + j] - maximum);
        output[outputFrom + j] = exponential;
        sum += exponential;
      }
      for (let j = 0; j < columns; j++) output[outputFrom + j] /= sum;
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns) {
      let product = 0;
      for (let j = 0; j < columns; j++) product += saved[savedFrom + j] * gradient[gradientFrom + j];
      for (let j = 0; j < columns; j++) {
        delta[deltaFrom + j] = saved[savedFrom + j] * (gradient[gradientFrom + j] - product);
      }
    },
  } satisfies Activation as Activation<Record<never, never>>,
} satisfies Readonly<Record<string, Activation>>;

export type ActivationName = keyof typeof activations;
/** An activation's name, or `{ type, … }` with its parameters. */
export type ActivationSpec = Spec<typeof activations>;

/** What a backend is told of an activation; throws `INVALID_ARGUMENT` for an unknown name or parameter. */
export function resolveActivation(spec: unknown, argumentName: string): ActivationPlan {
  const { type, settings } = resolveSpec(activations, spec, argumentName);
  return { name: type, parameters: Object.values(settings).map(Number) };
}
