import { Matrix } from '../matrix.js';
import { RandomGenerator } from '../random.js';
import { integer, nonNegative, options, positive } from '../validate.js';

/** First number of the random streams of made-up data. */
const syntheticStream = 3;

/** Points and the class of each: `{ x, y }` as `fit` takes them. */
export interface LabelledPoints {
  /** (rows, columns). */
  readonly x: Matrix<Float32Array>;
  /** Class indices, (rows). */
  readonly y: Int32Array;
}

/** Options of `blobs`. */
export interface BlobsOptions {
  /** Points, dealt out to the classes in turn; default 300. */
  readonly rows?: number;
  /** Default 3. */
  readonly classes?: number;
  /** Numbers per point; default 2. */
  readonly columns?: number;
  /** Of each blob, in each direction; default 1. The centres lie uniformly in [−10, 10). */
  readonly standardDeviation?: number;
  /** Unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** Normally distributed clouds of points, one for each class. Throws `INVALID_ARGUMENT`. */
export function blobs(given: BlobsOptions = {}): LabelledPoints {
  const fields = options(given, 'options of blobs', ['rows', 'classes', 'columns', 'standardDeviation', 'seed']);
  const classes = integer(fields.classes ?? 3, 'classes', 1);
  const columns = integer(fields.columns ?? 2, 'columns', 1);
  const deviation = nonNegative(fields.standardDeviation ?? 1, 'standardDeviation');
  const random = generator(fields.seed, 0);
  const centres = Float64Array.from({ length: classes * columns }, () => 20 * random.uniform() - 10);
  return labelled(rowsOf(fields.rows, 300), classes, columns, (point, label) => {
    for (let j = 0; j < columns; j++) point[j] = centres[label * columns + j] + deviation * random.normal();
  });
}

/** Options of `spirals`. */
export interface SpiralsOptions {
  /** Points, dealt out to the arms in turn; default 200. */
  readonly rows?: number;
  /** Arms; default 2. */
  readonly classes?: number;
  /** How often an arm goes around; default 1.5. */
  readonly turns?: number;
  /** Standard deviation added to both coordinates; default 0.02. */
  readonly noise?: number;
  /** Unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** Archimedean spirals in the unit disc, wound into each other, one for each class. Throws `INVALID_ARGUMENT`. */
export function spirals(given: SpiralsOptions = {}): LabelledPoints {
  const fields = options(given, 'options of spirals', ['rows', 'classes', 'turns', 'noise', 'seed']);
  const classes = integer(fields.classes ?? 2, 'classes', 1);
  const turns = positive(fields.turns ?? 1.5, 'turns');
  const noise = nonNegative(fields.noise ?? 0.02, 'noise');
  const random = generator(fields.seed, 1);
  return labelled(rowsOf(fields.rows, 200), classes, 2, (point, label) => {
    // The radius runs along the arm from its beginning, so that points are as dense inside as outside.
    const radius = 1 - random.uniform();
    const angle = 2 * Math.PI * (turns * radius + label / classes);
    point[0] = radius * Math.cos(angle) + noise * random.normal();
    point[1] = radius * Math.sin(angle) + noise * random.normal();
  });
}

/** Numbers to predict: `{ x, y }` as `fit` takes them. */
export interface Points {
  /** (rows, columns). */
  readonly x: Matrix<Float32Array>;
  /** (rows, outputs). */
  readonly y: Matrix<Float32Array>;
}

/** Options of `xor`. */
export interface XorOptions {
  /** Points, the four corners in turn; default 4. */
  readonly rows?: number;
  /** Standard deviation added to the coordinates; default 0. */
  readonly noise?: number;
  /** Unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** The corners (0, 0), (0, 1), (1, 0), (1, 1) and their exclusive or, 0 or 1, (rows, 1). Throws `INVALID_ARGUMENT`. */
export function xor(given: XorOptions = {}): Points {
  const fields = options(given, 'options of xor', ['rows', 'noise', 'seed']);
  const noise = nonNegative(fields.noise ?? 0, 'noise');
  const random = generator(fields.seed, 2);
  const { x, y } = labelled(rowsOf(fields.rows, 4), 4, 2, (point, corner) => {
    point[0] = (corner >> 1) + noise * random.normal();
    point[1] = (corner & 1) + noise * random.normal();
  });
  const exclusiveOr = Float32Array.from(y, (corner) => (corner >> 1) ^ (corner & 1));
  return { x, y: new Matrix(exclusiveOr, x.rows, 1) };
}

/** Options of `regression`. */
export interface RegressionOptions {
  /** Default 100. */
  readonly rows?: number;
  /** Numbers per row of x; default 1. */
  readonly columns?: number;
  /** Standard deviation added to y; default 0.1. */
  readonly noise?: number;
  /** Unsigned 32-bit integer; default 0. */
  readonly seed?: number;
}

/** `{ x, y }` as `fit` takes them, and what y was made with: behind getters, since `fit` knows no such fields. */
export class RegressionData implements Points {
  /** (rows, columns). */
  readonly x: Matrix<Float32Array>;
  /** (rows, 1). */
  readonly y: Matrix<Float32Array>;
  readonly #weights: Float64Array;
  readonly #bias: number;

  constructor({ x, y }: Points, weights: Float64Array, bias: number) {
    this.x = x;
    this.y = y;
    this.#weights = weights;
    this.#bias = bias;
  }

  /** What x is multiplied by, (columns). */
  get weights(): Float64Array {
    return this.#weights;
  }

  /** Added to every row's y. */
  get bias(): number {
    return this.#bias;
  }
}

/** y = x·weights + bias + noise, (rows, 1); x, weights and bias are standard normal. Throws `INVALID_ARGUMENT`. */
export function regression(given: RegressionOptions = {}): RegressionData {
  const fields = options(given, 'options of regression', ['rows', 'columns', 'noise', 'seed']);
  const rows = rowsOf(fields.rows, 100);
  const columns = integer(fields.columns ?? 1, 'columns', 1);
  const noise = nonNegative(fields.noise ?? 0.1, 'noise');
  const random = generator(fields.seed, 3);
  const weights = Float64Array.from({ length: columns }, () => random.normal());
  const bias = random.normal();
  const y = new Float32Array(rows);
  const { x } = labelled(rows, rows, columns, (point, row) => {
    for (let j = 0; j < columns; j++) point[j] = random.normal();
    y[row] = weights.reduce((sum, weight, j) => sum + weight * point[j], bias) + noise * random.normal();
  });
  return new RegressionData({ x, y: new Matrix(y, rows, 1) }, weights, bias);
}

function rowsOf(given: unknown, otherwise: number): number {
  return integer(given ?? otherwise, 'rows', 1);
}

function generator(seed: unknown, dataSet: number): RandomGenerator {
  return new RandomGenerator(integer(seed ?? 0, 'seed', 0, 2 ** 32 - 1), syntheticStream, dataSet);
}

/** Rows labelled 0, 1, …, classes − 1 in turn; `fill` writes a point of a class. */
function labelled(
  rows: number,
  classes: number,
  columns: number,
  fill: (point: Float32Array, label: number) => void,
): LabelledPoints {
  const x = new Matrix(new Float32Array(rows * columns), rows, columns);
  const y = Int32Array.from({ length: rows }, (_, row) => row % classes);
  for (let row = 0; row < rows; row++) fill(x.row(row), y[row]);
  return { x, y };
}
