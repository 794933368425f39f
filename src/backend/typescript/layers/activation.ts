import { type Activation, activationNamed } from '../../../activations.js';
import type { ActivationLayerPlan, Dtype, FloatArray } from '../../backend.js';
import { activateRows, differentiateRows } from '../activation_rows.js';
import { createArray } from '../arrays.js';
import { type BackwardWishes, Layer } from './layer.js';

export class ActivationLayer extends Layer {
  output: FloatArray;
  readonly #plan: ActivationLayerPlan;
  readonly #dtype: Dtype;
  readonly #activation: Activation;
  #input: FloatArray; // (rows, units), the caller's

  constructor(plan: ActivationLayerPlan, dtype: Dtype) {
    super();
    this.#plan = plan;
    this.#dtype = dtype;
    this.#activation = activationNamed(plan.activation);
    this.output = this.#input = createArray(dtype, 0);
  }

  override get preActivation(): FloatArray {
    return this.#input;
  }

  reserve(rows: number): void {
    this.output = createArray(this.#dtype, rows * this.#plan.units);
  }

  forward(input: FloatArray, rows: number): void {
    const { units, activation } = this.#plan;
    activateRows(this.#activation, activation.parameters, rows, units, input, this.output);
    this.#input = input;
  }

  backward(gradient: FloatArray, rows: number, { ofPreActivation }: BackwardWishes): FloatArray {
    const { units, activation } = this.#plan;
    if (ofPreActivation) return gradient;
    const saved = this.#activation.saves === 'output' ? this.output : this.#input;
    differentiateRows(this.#activation, activation.parameters, rows, units, saved, gradient, gradient);
    return gradient;
  }
}
