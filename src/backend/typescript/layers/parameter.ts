import type { OptimizerKernel } from '../../../optimizers/optimizer.js';
import type { Dtype, FloatArray } from '../../backend.js';
import { createArray } from '../arrays.js';

/** A parameter array of a layer, the gradient of the batch at hand and the optimizer's state beside it. */
export class Parameter {
  readonly values: FloatArray;
  /** In double; empty until there is one. */
  gradient = new Float64Array(0);
  /** Moving statistics are not: their gradient is 0 and no optimizer sees them. */
  readonly isTrained: boolean;
  readonly #dtype: Dtype;
  #slots: FloatArray[] = [];

  constructor(dtype: Dtype, length: number, isTrained = true) {
    this.values = createArray(dtype, length);
    this.isTrained = isTrained;
    this.#dtype = dtype;
  }

  reserveGradient(): void {
    if (this.gradient.length === 0) this.gradient = new Float64Array(this.values.length);
  }

  /** `startsAnew` clears the optimizer's state. */
  update(kernel: OptimizerKernel, constants: readonly number[], startsAnew: boolean): void {
    if (!this.isTrained) return;
    if (startsAnew) {
      this.#slots = Array.from({ length: kernel.slots }, () => createArray(this.#dtype, this.values.length));
    }
    kernel.update(this.values, this.gradient, this.#slots, constants);
  }
}
