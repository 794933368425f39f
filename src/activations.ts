import { type Activation, elementwise } from './activations/activation.js';
import * as configurable from './activations/configurable.js';
import type { ActivationPlan, FloatArray } from './backend/backend.js';
import { erfc } from './erf.js';
import { entriesOf, resolveSpec, type Spec } from './registry.js';
import * as single from './single_precision.js';

export type { Activation } from './activations/activation.js';
export * from './activations/configurable.js';

/**
 * An elementwise activation with loops of its own: those that `elementwise` makes share their code, into which V8 compiles the
 * formula only as long as a process uses a single one, and otherwise calls it for each element.
 */
function looped(loops: Pick<Activation, 'forward' | 'backward'>): Activation<Record<never, never>> {
  return { settings: {}, saves: 'output', rowwise: false, ...loops };
}

/** 1 / (1 + e⁻ᶻ), from the exponential that does not overflow. */
export function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const exponential = Math.exp(z);
  return exponential / (1 + exponential);
}

/** σ' */
function sigmoidSlope(z: number): number {
  return sigmoid(z) * sigmoid(-z);
}

/** z·share(z), where share goes from 0 at −∞ to 1 at ∞ and has the derivative `slope`. */
function gated(share: (z: number) => number, slope: (z: number) => number): Activation<Record<never, never>> {
  // There every share is 0 or 1, and no square overflows.
  const hold = (z: number) => Math.min(Math.max(z, -1000), 1000);
  return elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => Math.max(z, -1000) * share(z),
    derivative: (z) => share(hold(z)) + hold(z) * slope(hold(z)),
  });
}

/** The largest of a row; NaN if one is. */
export function largest(row: FloatArray, from: number, columns: number): number {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < columns; j++) maximum = Math.max(maximum, row[from + j]);
  return maximum;
}

/** Φ(z), the share of the standard normal distribution below z. */
function normalDistribution(z: number): number {
  return erfc(-z * Math.SQRT1_2) / 2;
}

/** Scaled exponential linear units keep mean 0 and variance 1 with these (Klambauer et al. 2017). */
const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

/** ½(1 + tanh u) = σ(2u) with 2u = gain·(z + cubic·z³). */
const geluGain = 2 * Math.sqrt(2 / Math.PI);
const geluCubic = 0.044715;

/** ln(1 + eᶻ); z itself where e⁻ᶻ is less than half a unit in float32's last place of it, as in PyTorch. */
function softplus(z: number): number {
  return z > 20 ? z : Math.log1p(Math.exp(z));
}

/**
 * Every activation by its name: to add one, an entry here, or with parameters in activations/configurable.ts. Formulas and, at kinks,
 * derivatives are those of PyTorch. NaN stays NaN; at ±∞ stands the limit.
 */
export const activations = {
  identity: elementwise({
    settings: {},
    saves: 'output',
    value: (z) => z,
    derivative: () => 1,
  }),
  /** The hard threshold: 1 above 0, else 0. Its derivative is 0; the perceptron rule works without it. */
  step: {
    ...elementwise({
      settings: {},
      saves: 'output',
      value: (z) => (z > 0 ? 1 : z <= 0 ? 0 : z),
      derivative: () => 0,
    }),
    decides: true,
  },
  sigmoid: looped({
    forward(input, inputFrom, output, outputFrom, columns) {
      const value = output instanceof Float32Array ? single.sigmoid : sigmoid;
      for (let j = 0; j < columns; j++) output[outputFrom + j] = value(input[inputFrom + j]);
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns) {
      for (let j = 0; j < columns; j++) {
        const output = saved[savedFrom + j];
        delta[deltaFrom + j] = gradient[gradientFrom + j] * (output * (1 - output));
      }
    },
  }),
  tanh: looped({
    forward(input, inputFrom, output, outputFrom, columns) {
      const value = output instanceof Float32Array ? single.tanh : Math.tanh;
      for (let j = 0; j < columns; j++) output[outputFrom + j] = value(input[inputFrom + j]);
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns) {
      for (let j = 0; j < columns; j++) {
        const output = saved[savedFrom + j];
        delta[deltaFrom + j] = gradient[gradientFrom + j] * ((1 - output) * (1 + output));
      }
    },
  }),
  /** The derivative at 0 is 0. */
  relu: looped({
    forward(input, inputFrom, output, outputFrom, columns) {
      for (let j = 0; j < columns; j++) {
        const z = input[inputFrom + j];
        output[outputFrom + j] = z <= 0 ? 0 : z;
      }
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns) {
      for (let j = 0; j < columns; j++) {
        delta[deltaFrom + j] = gradient[gradientFrom + j] * (saved[savedFrom + j] > 0 ? 1 : 0);
      }
    },
  }),
  selu: elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => seluScale * (z > 0 ? z : seluAlpha * Math.expm1(z)),
    derivative: (z) => seluScale * (z > 0 ? 1 : seluAlpha * Math.exp(z)),
  }),
  /** z·Φ(z) (Hendrycks & Gimpel 2016). */
  gelu: gated(normalDistribution, (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)),
  /** The same with ½(1 + tanh u) for Φ, u = √(2/π)·(z + 0.044715 z³). */
  geluTanh: gated(
    (z) => sigmoid(geluGain * (z + geluCubic * z ** 3)),
    (z) => sigmoidSlope(geluGain * (z + geluCubic * z ** 3)) * geluGain * (1 + 3 * geluCubic * z * z),
  ),
  /** z·σ(z), also known as swish (Elfwing et al. 2018). */
  silu: gated(sigmoid, sigmoidSlope),
  /** z·tanh(ln(1 + eᶻ)) (Misra 2019). */
  mish: gated(
    (z) => Math.tanh(softplus(z)),
    (z) => sigmoid(z) * (1 - Math.tanh(softplus(z)) ** 2),
  ),
  softplus: elementwise({
    settings: {},
    saves: 'preActivation',
    value: softplus,
    derivative: (z) => (z > 20 ? 1 : sigmoid(z)),
  }),
  softsign: elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => (Number.isFinite(z) ? z / (1 + Math.abs(z)) : Math.sign(z)),
    derivative: (z) => (1 / (1 + Math.abs(z))) ** 2,
  }),
  /** A line from 0 at −3 to 1 at 3, level beyond; the derivative at both ends is 0, and between them PyTorch's ⅙, rounded to float32. */
  hardSigmoid: elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => Math.min(Math.max(z + 3, 0), 6) / 6,
    derivative: (z) => (z > -3 && z < 3 ? Math.fround(1 / 6) : 0),
  }),
  /** z within −1 and 1; the derivative at both ends is 0. */
  hardTanh: elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => Math.min(Math.max(z, -1), 1),
    derivative: (z) => (z > -1 && z < 1 ? 1 : 0),
  }),
  /** z within 0 and 6; the derivative at both ends is 0. */
  relu6: elementwise({
    settings: {},
    saves: 'preActivation',
    value: (z) => Math.min(Math.max(z, 0), 6),
    derivative: (z) => (z > 0 && z < 6 ? 1 : 0),
  }),
  exponential: elementwise({
    settings: {},
    saves: 'output',
    value: Math.exp,
    derivative: (output) => output,
  }),
  /** e^(zⱼ − max z) / Σ e^(z − max z) along the row. */
  softmax: {
    settings: {},
    saves: 'output',
    rowwise: true,
    forward(input, inputFrom, output, outputFrom, columns) {
      const maximum = largest(input, inputFrom, columns);
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
  /** zⱼ − ln Σ eᶻ along the row. */
  logSoftmax: {
    settings: {},
    saves: 'output',
    rowwise: true,
    forward(input, inputFrom, output, outputFrom, columns) {
      const maximum = largest(input, inputFrom, columns);
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += Math.exp(input[inputFrom + j] - maximum);
      const logarithm = Math.log(sum);
      for (let j = 0; j < columns; j++) output[outputFrom + j] = input[inputFrom + j] - maximum - logarithm;
    },
    backward(saved, savedFrom, gradient, gradientFrom, delta, deltaFrom, columns) {
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += gradient[gradientFrom + j];
      for (let j = 0; j < columns; j++) {
        delta[deltaFrom + j] = gradient[gradientFrom + j] - Math.exp(saved[savedFrom + j]) * sum;
      }
    },
  } satisfies Activation as Activation<Record<never, never>>,
  ...entriesOf<typeof configurable, Activation>(configurable),
};

/**
 * The activations there are: PyTorch's of these names (geluTanh being GELU with `approximate='tanh'`), softmax and logSoftmax along each
 * row; besides, exponential is eᶻ, and step 1 above 0 and 0 elsewhere.
 */
export type ActivationName = keyof typeof activations;
/** An activation's name, or `{ type, … }` with its parameters. */
export type ActivationSpec = Spec<typeof activations>;

/** What a backend is told of an activation; throws `INVALID_ARGUMENT` for an unknown name or parameter. */
export function resolveActivation(spec: unknown, argumentName: string): ActivationPlan {
  const { type, settings } = resolveSpec(activations, spec, argumentName);
  return { name: type, parameters: Object.values(settings).map(Number) };
}

/**
 * For each entry an object that has it as its prototype. V8 knows what an object's prototype is when it compiles a call, but not, of objects
 * that look alike, which one it will meet: so it compiles the loops of up to four activations into a caller.
 */
const inheriting: Readonly<Record<string, Activation>> = Object.fromEntries(
  Object.entries(activations).map(([name, entry]) => [name, Object.create(entry)]),
);

/** The entry of a plan. */
export function activationNamed({ name }: ActivationPlan): Activation {
  return inheriting[name];
}
