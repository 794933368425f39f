import type { Dtype, FloatArray, LossPlan, NumericArray, Plan, Samples } from '../backend.js';
import { createArray } from './arrays.js';
import { expandClasses } from './loss_rows.js';

/** Rows `order[from + i]` of the samples, or rows `from + i` where there is no order. */
export interface Batch {
  readonly samples: Samples;
  readonly order: Uint32Array | undefined;
  readonly from: number;
  readonly rows: number;
  readonly loss: LossPlan;
  /** What the sum of the rows' losses is divided by. */
  readonly divisor: number;
  /** Keys the dropout masks. */
  readonly update: number;
}

/** Collects the rows of a block in the network's dtype. */
export class BatchReader {
  x: FloatArray; // (rows, inputs)
  /** (rows, outputs); classes as rows of zeros with a one. */
  targets: FloatArray;
  /** (rows), where the samples are weighted. */
  weights: Float64Array | undefined;
  readonly #inputs: number;
  readonly #outputs: number;
  readonly #dtype: Dtype;
  #classes = new Int32Array(0);
  #weights = new Float64Array(0);

  constructor({ inputs, outputs, dtype }: Plan) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#dtype = dtype;
    this.x = this.targets = createArray(dtype, 0);
  }

  reserve(rows: number): void {
    this.x = createArray(this.#dtype, rows * this.#inputs);
    this.targets = createArray(this.#dtype, rows * this.#outputs);
    this.#classes = new Int32Array(rows);
    this.#weights = new Float64Array(rows);
  }

  /** Rows `order[from + i]` of the samples, or rows `from + i` where there is no order. */
  read(samples: Samples, order: Uint32Array | undefined, from: number, rows: number): void {
    gather(samples.x, this.#inputs, order, from, rows, this.x, 0);
    this.readTargets(samples, order, from, rows);
  }

  /** The same without `x`. */
  readTargets(samples: Samples, order: Uint32Array | undefined, from: number, rows: number): void {
    if (samples.y) gather(samples.y, this.#outputs, order, from, rows, this.targets, 0);
    if (samples.classes) {
      gather(samples.classes, 1, order, from, rows, this.#classes, 0);
      expandClasses(this.#classes, rows, this.#outputs, this.targets);
    }
    if (samples.weights) gather(samples.weights, 1, order, from, rows, this.#weights, 0);
    this.weights = samples.weights && this.#weights;
  }
}

/** Writes the rows one behind the other, from element `start` of `into` on. */
export function gather(
  source: NumericArray,
  width: number,
  order: Uint32Array | undefined,
  from: number,
  rows: number,
  into: NumericArray,
  start: number,
): void {
  let to = start;
  for (let i = from; i < from + rows; i++) {
    let at = (order !== undefined ? order[i] | 0 : i) * width;
    for (const end = to + width; to < end; to++) {
      into[to] = source[at];
      at++;
    }
  }
}
