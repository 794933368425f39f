import type { Dtype, FloatArray } from './backend/backend.js';
import { expected } from './errors.js';
import { copyValues, createFloats, isNumericArray, type MatrixLike } from './matrix.js';
import type { RandomGenerator } from './random.js';
import {
  makeSpec,
  resolveSpec,
  type Settings,
  type SettingsOf,
  type Spec,
  type SpecObject,
  setting,
} from './registry.js';
import { finite, isObject, nonNegative } from './validate.js';
import { addScaled, dot } from './vectors.js';

/** What an array of parameters is for: the layer's fan-in and fan-out, and the array's own shape. */
interface Fans {
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  readonly columns: number;
}

/** How an array of parameters starts; numbers are drawn in double and rounded to the dtype, the same draws in both. */
export interface Initializer<S extends Settings = Settings> {
  readonly settings: S;
  /** A function that draws the next value, row after row. */
  draw(random: RandomGenerator, fans: Fans, settings: SettingsOf<S>): () => number;
}

function initializer<const S extends Settings>(entry: Initializer<S>): Initializer<S> {
  return entry;
}

/** Uniform with the variance given: bounds ± √(3·variance). */
function uniform(variance: (fans: Fans) => number): Initializer<Record<never, never>> {
  return {
    settings: {},
    draw(random, fans) {
      const bound = Math.sqrt(3 * variance(fans));
      return () => bound * (2 * random.uniform() - 1);
    },
  };
}

function normal(variance: (fans: Fans) => number): Initializer<Record<never, never>> {
  return {
    settings: {},
    draw(random, fans) {
      const standardDeviation = Math.sqrt(variance(fans));
      return () => standardDeviation * random.normal();
    },
  };
}

/** So many orthonormal vectors: modified Gram–Schmidt, twice over for orthogonality to working precision (Giraud et al. 2005). */
function orthonormal(random: RandomGenerator, count: number, length: number): Float64Array[] {
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const vector = Float64Array.from({ length }, () => random.normal());
    for (const other of [...vectors, ...vectors]) addScaled(vector, other, -dot(vector, other));
    const norm = Math.sqrt(dot(vector, vector));
    vectors.push(vector.map((value) => value / norm));
  }
  return vectors;
}

const glorot = ({ inputs, outputs }: Fans): number => 2 / (inputs + outputs);
const he = ({ inputs }: Fans): number => 2 / inputs;
const lecun = ({ inputs }: Fans): number => 1 / inputs;

export const initializers = {
  zeros: initializer({ settings: {}, draw: () => () => 0 }),
  ones: initializer({ settings: {}, draw: () => () => 1 }),
  constant: initializer({
    settings: { value: setting(0, finite) },
    draw:
      (_random, _fans, { value }) =>
      () =>
        value,
  }),
  randomNormal: initializer({
    settings: { mean: setting(0, finite), standardDeviation: setting(0.05, nonNegative) },
    draw:
      (random, _fans, { mean, standardDeviation }) =>
      () =>
        mean + standardDeviation * random.normal(),
  }),
  /** As `randomNormal`, with values more than two standard deviations from the mean drawn again. */
  truncatedNormal: initializer({
    settings: { mean: setting(0, finite), standardDeviation: setting(0.05, nonNegative) },
    draw:
      (random, _fans, { mean, standardDeviation }) =>
      () => {
        let value = random.normal();
        while (Math.abs(value) > 2) value = random.normal();
        return mean + standardDeviation * value;
      },
  }),
  /** In [minimum, maximum). */
  randomUniform: initializer({
    settings: { minimum: setting(-0.05, finite), maximum: setting(0.05, finite) },
    draw:
      (random, _fans, { minimum, maximum }) =>
      () =>
        minimum + (maximum - minimum) * random.uniform(),
  }),
  /** N(0, sigma² / fan-in). */
  fanInNormal: initializer({
    settings: { sigma: setting(1, nonNegative) },
    draw(random, { inputs }, { sigma }) {
      const standardDeviation = sigma / Math.sqrt(inputs);
      return () => standardDeviation * random.normal();
    },
  }),
  /** Variance 2 / (fan-in + fan-out): Glorot & Bengio 2010. */
  glorotUniform: uniform(glorot),
  glorotNormal: normal(glorot),
  /** Variance 2 / fan-in: He et al. 2015. */
  heUniform: uniform(he),
  heNormal: normal(he),
  /** Variance 1 / fan-in: LeCun et al. 1998. */
  lecunUniform: uniform(lecun),
  lecunNormal: normal(lecun),
  /** gain times a random matrix with orthonormal rows or columns, whichever are fewer: Saxe et al. 2014. */
  orthogonal: initializer({
    settings: { gain: setting(1, finite) },
    draw(random, { rows, columns }, { gain }) {
      const byColumn = rows >= columns;
      const vectors = orthonormal(random, Math.min(rows, columns), Math.max(rows, columns));
      let i = 0;
      return () => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        i++;
        return gain * (byColumn ? vectors[column][row] : vectors[row][column]);
      };
    },
  }),
} satisfies Readonly<Record<string, Initializer>>;

/** The initializers there are. */
export type InitializerName = keyof typeof initializers;
/**
 * An initializer's name, `{ type, … }` with its settings, or explicit values in the parameter's shape. Variances: glorot
 * 2 / (fan-in + fan-out) (Glorot & Bengio 2010), he 2 / fan-in (He et al. 2015), lecun 1 / fan-in (LeCun et al. 1998).
 */
export type InitializerSpec = Spec<typeof initializers> | MatrixLike;
type InitializerObject<N extends InitializerName> = Required<SpecObject<typeof initializers, N>>;
type InitializerSettings<N extends InitializerName> = Partial<SettingsOf<(typeof initializers)[N]['settings']>>;

/** Every number is `value`. Throws `INVALID_ARGUMENT` unless it is finite. */
export function constant(value: number): InitializerObject<'constant'> {
  return makeSpec(initializers, 'constant', { value });
}

/** Normal with `mean` (default 0) and `standardDeviation` (default 0.05). Throws `INVALID_ARGUMENT`. */
export function randomNormal(settings: InitializerSettings<'randomNormal'> = {}): InitializerObject<'randomNormal'> {
  return makeSpec(initializers, 'randomNormal', settings);
}

/** As `randomNormal`, numbers beyond two standard deviations drawn again. Throws `INVALID_ARGUMENT`. */
export function truncatedNormal(
  settings: InitializerSettings<'truncatedNormal'> = {},
): InitializerObject<'truncatedNormal'> {
  return makeSpec(initializers, 'truncatedNormal', settings);
}

/**
 * `gain` (default 1) times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014). Throws
 * `INVALID_ARGUMENT`.
 */
export function orthogonal(settings: InitializerSettings<'orthogonal'> = {}): InitializerObject<'orthogonal'> {
  return makeSpec(initializers, 'orthogonal', settings);
}

/** Uniform in [minimum, maximum), by default [−0.05, 0.05). Throws `INVALID_ARGUMENT`. */
export function randomUniform(settings: InitializerSettings<'randomUniform'> = {}): InitializerObject<'randomUniform'> {
  return makeSpec(initializers, 'randomUniform', settings);
}

/** Normal with mean 0 and variance sigma² / fan-in; `sigma` is 1 where not given. Throws `INVALID_ARGUMENT`. */
export function fanInNormal(settings: InitializerSettings<'fanInNormal'> = {}): InitializerObject<'fanInNormal'> {
  return makeSpec(initializers, 'fanInNormal', settings);
}

/** Whether values are given, not an initializer's name. */
export function isExplicit(spec: unknown): spec is MatrixLike {
  return Array.isArray(spec) || isNumericArray(spec) || (isObject(spec) && 'data' in spec);
}

/** Throws `INVALID_ARGUMENT` unless spec names an initializer or is a set of values, whose shape is seen to when they are used. */
export function checkInitializer(spec: unknown, name: string): InitializerSpec {
  if (!isExplicit(spec)) resolveSpec(initializers, spec, name);
  return spec as InitializerSpec;
}

/** A new array of starting values, (fans.rows, fans.columns). */
export function initialValues(
  spec: InitializerSpec,
  fans: Fans,
  random: RandomGenerator,
  dtype: Dtype,
  name: string,
): FloatArray {
  const { rows, columns } = fans;
  if (isExplicit(spec)) return copyValues(spec, rows, columns, dtype, name);
  const { entry, settings } = resolveSpec(initializers, spec, name);
  const next = (entry as unknown as Initializer).draw(random, fans, settings);
  const values = createFloats(dtype, rows * columns);
  for (let i = 0; i < values.length; i++) {
    values[i] = next();
    if (!Number.isFinite(values[i])) throw expected('NOT_FINITE', `finite ${dtype} numbers`, name, String(values[i]));
  }
  return values;
}
