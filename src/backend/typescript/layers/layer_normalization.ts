import type { Dtype, FloatArray, LayerNormalizationPlan } from '../../backend.js';
import { createArray } from '../arrays.js';
import { type BackwardWishes, Layer } from './layer.js';
import type { Parameter, ParameterPool } from './parameter.js';

/** gamma ⊙ x̂ + beta by row, x̂ = (x − mean) / √(variance + epsilon); Ba, Kiros & Hinton 2016. */
export class LayerNormalizationLayer extends Layer {
  override readonly parameters: readonly Parameter[];
  output: FloatArray;
  readonly #plan: LayerNormalizationPlan;
  readonly #dtype: Dtype;
  readonly #gamma: Parameter;
  readonly #beta: Parameter;
  // Of the last forward pass, (rows).
  #mean = new Float64Array(0);
  #inverseDeviation = new Float64Array(0);
  #input: FloatArray; // (rows, units), the caller's

  constructor(plan: LayerNormalizationPlan, dtype: Dtype, pool: ParameterPool) {
    super();
    this.#plan = plan;
    this.#dtype = dtype;
    this.#gamma = pool.take(plan.units);
    this.#beta = pool.take(plan.units);
    this.parameters = [this.#gamma, this.#beta];
    this.output = this.#input = createArray(dtype, 0);
  }

  reserve(rows: number): void {
    this.output = createArray(this.#dtype, rows * this.#plan.units);
    this.#mean = new Float64Array(rows);
    this.#inverseDeviation = new Float64Array(rows);
  }

  forward(input: FloatArray, rows: number): void {
    const { units, epsilon } = this.#plan;
    const [gamma, beta] = [this.#gamma.values, this.#beta.values];
    this.#input = input;
    for (let i = 0; i < rows; i++) {
      const row = input.subarray(i * units, (i + 1) * units);
      let sum = 0;
      for (const x of row) sum += x;
      const mean = sum / units;
      let squares = 0;
      for (const x of row) squares += (x - mean) ** 2;
      this.#mean[i] = mean;
      this.#inverseDeviation[i] = 1 / Math.sqrt(squares / units + epsilon);
      for (let j = 0; j < units; j++) this.output[i * units + j] = gamma[j] * this.#normalized(i, j) + beta[j];
    }
  }

  /** x̂ of the last forward pass. */
  #normalized(row: number, column: number): number {
    return (this.#input[row * this.#plan.units + column] - this.#mean[row]) * this.#inverseDeviation[row];
  }

  backward(gradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray {
    const { units } = this.#plan;
    const gamma = this.#gamma.values;
    if (wishes.parameterGradients && !wishes.accumulate) {
      this.#gamma.gradient.fill(0);
      this.#beta.gradient.fill(0);
    }
    for (let i = 0; i < rows; i++) {
      const from = i * units;
      let sum = 0; // Σ ∂L/∂x̂ of the row
      let product = 0; // Σ ∂L/∂x̂ · x̂
      for (let j = 0; j < units; j++) {
        const normalized = this.#normalized(i, j);
        if (wishes.parameterGradients) {
          this.#gamma.gradient[j] += gradient[from + j] * normalized;
          this.#beta.gradient[j] += gradient[from + j];
        }
        sum += gradient[from + j] * gamma[j];
        product += gradient[from + j] * gamma[j] * normalized;
      }
      for (let j = 0; j < units && wishes.inputGradient; j++) {
        const centered = gradient[from + j] * gamma[j] - (sum + this.#normalized(i, j) * product) / units;
        gradient[from + j] = this.#inverseDeviation[i] * centered;
      }
    }
    return gradient;
  }
}
