import type { DropoutPlan, Dtype, FloatArray } from '../../backend.js';
import { createArray } from '../arrays.js';
import { fillDropoutMask } from '../dropout.js';
import { Layer, type TrainingPosition } from './layer.js';
import type { ParameterPool } from './parameter.js';

export class DropoutLayer extends Layer {
  output: FloatArray;
  readonly #plan: DropoutPlan;
  readonly #dtype: Dtype;
  readonly #position: number;
  #training = false;
  #dropped: FloatArray; // (rows, units)
  #mask: FloatArray; // (rows, units)

  /** `position` is the layer's in the plan. */
  constructor(plan: DropoutPlan, dtype: Dtype, _pool: ParameterPool, position: number) {
    super();
    this.#plan = plan;
    this.#dtype = dtype;
    this.#position = position;
    this.output = this.#dropped = this.#mask = createArray(dtype, 0);
  }

  reserve(rows: number): void {
    this.#dropped = createArray(this.#dtype, rows * this.#plan.units);
    this.#mask = createArray(this.#dtype, rows * this.#plan.units);
  }

  forward(input: FloatArray, rows: number, position?: TrainingPosition): void {
    this.#training = position !== undefined;
    this.output = position ? this.#dropped : input;
    if (!position) return;
    const { units, rate } = this.#plan;
    fillDropoutMask(this.#mask, position.firstRow, rows, units, rate, position.seed, position.update, this.#position);
    for (let i = 0; i < rows * units; i++) this.#dropped[i] = input[i] * this.#mask[i];
  }

  backward(gradient: FloatArray, rows: number): FloatArray {
    if (!this.#training) return gradient;
    for (let i = 0; i < rows * this.#plan.units; i++) gradient[i] *= this.#mask[i];
    return gradient;
  }
}
