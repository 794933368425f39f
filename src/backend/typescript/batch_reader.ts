import type { Dtype, FloatArray, NumericArray, Plan, Samples } from '../backend.js';
import { createArray } from './arrays.js';
import { expandClasses } from './loss_rows.js';

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
    gather(samples.x, this.#inputs, order, from, rows, this.x);
    if (samples.y) gather(samples.y, this.#outputs, order, from, rows, this.targets);
    if (samples.classes) {
      gather(samples.classes, 1, order, from, rows, this.#classes);
      expandClasses(this.#classes, rows, this.#outputs, this.targets);
    }
    if (samples.weights) gather(samples.weights, 1, order, from, rows, this.#weights);
    this.weights = samples.weights && this.#weights;
  }
}

function gather(
  source: NumericArray,
  width: number,
  order: Uint32Array | undefined,
  from: number,
  rows: number,
  into: NumericArray,
): void {
  let to = 0;
  for (let i = from; i < from + rows; i++) {
    const start = (order !== undefined ? order[i] : i) * width;
    for (let j = 0; j < width; j++) into[to + j] = source[start + j];
    to += width;
  }
}
