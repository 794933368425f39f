import type { OptimizerKernel } from '../../../optimizers/optimizer.js';
import type { Dtype, FloatArray } from '../../backend.js';
import { createArray } from '../arrays.js';

/** A parameter array of a layer, and the gradient of the batch at hand. */
export interface Parameter {
  readonly values: FloatArray;
  /** In double; empty until there is one. */
  gradient: Float64Array;
}

/**
 * The parameters of a stack as parts of one array, with one for their gradients and the optimizer's state beside it, so that an update is
 * a single loop: those that are trained from the front, and moving statistics, whose gradient is 0 and which no optimizer sees, from the back.
 */
export class ParameterPool {
  readonly #dtype: Dtype;
  readonly #values: FloatArray;
  readonly #taken: { readonly parameter: Parameter; readonly from: number }[] = [];
  #trainedLength = 0;
  #untrainedFrom: number;
  /** Of what is trained. */
  #trained: FloatArray;
  #gradient = new Float64Array(0);
  #slots: FloatArray[] = [];

  /** `size` is the length of all that will be taken. */
  constructor(dtype: Dtype, size: number) {
    this.#dtype = dtype;
    this.#values = createArray(dtype, size);
    this.#trained = this.#values.subarray(0, 0);
    this.#untrainedFrom = size;
  }

  take(length: number): Parameter {
    const from = this.#trainedLength;
    this.#trainedLength += length;
    this.#trained = this.#values.subarray(0, this.#trainedLength);
    return this.#part(from, length);
  }

  takeUntrained(length: number): Parameter {
    this.#untrainedFrom -= length;
    return this.#part(this.#untrainedFrom, length);
  }

  #part(from: number, length: number): Parameter {
    const parameter = { values: this.#values.subarray(from, from + length), gradient: this.#gradient };
    this.#taken.push({ parameter, from });
    return parameter;
  }

  reserveGradients(): void {
    if (this.#gradient.length === this.#trainedLength) return;
    const gradients = new Float64Array(this.#values.length);
    for (const { parameter, from } of this.#taken) {
      parameter.gradient = gradients.subarray(from, from + parameter.values.length);
    }
    this.#gradient = gradients.subarray(0, this.#trainedLength);
  }

  get trained(): Parameter {
    return { values: this.#trained, gradient: this.#gradient };
  }

  /** `startsAnew` clears the optimizer's state. */
  update(kernel: OptimizerKernel, constants: readonly number[], startsAnew: boolean): void {
    if (startsAnew) {
      this.#slots = Array.from({ length: kernel.slots }, () => createArray(this.#dtype, this.#trainedLength));
    }
    kernel.update(this.#trained, this.#gradient, this.#slots, constants);
  }
}
