import { type Activation, activationNamed } from '../../../activations.js';
import type { DensePlan, Dtype, FloatArray } from '../../backend.js';
import { addColumnSums, createArray } from '../arrays.js';
import { multiply, view } from '../gemm.js';
import { type BackwardWishes, Layer } from './layer.js';
import { Parameter } from './parameter.js';

/** φ(x·W + 1·bias) */
export class DenseLayer extends Layer {
  override readonly parameters: readonly Parameter[];
  output: FloatArray;
  readonly #plan: DensePlan;
  readonly #dtype: Dtype;
  readonly #activation: Activation;
  readonly #weights: Parameter; // (inputs, units)
  readonly #bias: Parameter | undefined; // (units)
  #sums: FloatArray; // (rows, units)
  #input: FloatArray; // (rows, inputs), the caller's
  #inputGradient: FloatArray; // (rows, inputs)

  constructor(plan: DensePlan, dtype: Dtype) {
    super();
    this.#plan = plan;
    this.#dtype = dtype;
    this.#activation = activationNamed(plan.activation);
    this.#weights = new Parameter(dtype, plan.inputs * plan.units);
    this.#bias = plan.bias ? new Parameter(dtype, plan.units) : undefined;
    this.parameters = this.#bias ? [this.#weights, this.#bias] : [this.#weights];
    this.output = this.#sums = this.#input = this.#inputGradient = createArray(dtype, 0);
  }

  override get preActivation(): FloatArray {
    return this.#sums;
  }

  reserve(rows: number): void {
    const { inputs, units } = this.#plan;
    this.output = createArray(this.#dtype, rows * units);
    this.#sums = createArray(this.#dtype, rows * units);
    this.#inputGradient = createArray(this.#dtype, rows * inputs);
  }

  forward(input: FloatArray, rows: number): void {
    const { inputs, units, activation } = this.#plan;
    const sums = this.#sums;
    if (this.#bias) {
      for (let i = 0; i < rows; i++) sums.set(this.#bias.values, i * units);
    }
    const weights = view(this.#weights.values, units);
    multiply(rows, units, inputs, view(input, inputs), weights, view(sums, units), this.#bias !== undefined);
    for (let i = 0; i < rows; i++) {
      this.#activation.forward(sums, i * units, this.output, i * units, units, activation.parameters);
    }
    this.#input = input;
  }

  backward(gradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray {
    const { inputs, units, activation } = this.#plan;
    const saved = this.#activation.saves === 'output' ? this.output : this.#sums;
    for (let i = 0; i < rows && !wishes.ofPreActivation; i++) {
      const from = i * units;
      this.#activation.backward(saved, from, gradient, from, gradient, from, units, activation.parameters);
    }
    const delta = view(gradient, units);
    if (wishes.parameterGradients) {
      const weightGradient = view(this.#weights.gradient, units);
      multiply(inputs, units, rows, view(this.#input, inputs, true), delta, weightGradient, true);
      if (this.#bias) addColumnSums(gradient, units, rows, units, this.#bias.gradient);
    }
    if (wishes.inputGradient) {
      const transposedWeights = view(this.#weights.values, units, true);
      multiply(rows, inputs, units, delta, transposedWeights, view(this.#inputGradient, inputs), false);
    }
    return this.#inputGradient;
  }

  override penalty(): number {
    const { l1, l2 } = this.#plan;
    if (l1 === 0 && l2 === 0) return 0;
    let magnitudes = 0;
    let squares = 0;
    for (const weight of this.#weights.values) {
      magnitudes += Math.abs(weight);
      squares += weight * weight;
    }
    return l1 * magnitudes + l2 * squares;
  }

  override addPenaltyGradient(): void {
    const { l1, l2 } = this.#plan;
    if (l1 === 0 && l2 === 0) return;
    const { values, gradient } = this.#weights;
    for (let i = 0; i < values.length; i++) gradient[i] += l1 * Math.sign(values[i]) + 2 * l2 * values[i];
  }

  /** Constraints on the weights. */
  override endUpdate(): void {
    const { values } = this.#weights;
    if (this.#plan.nonNegative) {
      for (let i = 0; i < values.length; i++) values[i] = Math.max(values[i], 0);
    }
    if (this.#plan.maxNorm > 0) limitColumns(values, this.#plan.inputs, this.#plan.units, this.#plan.maxNorm);
  }
}

/** Scales columns of a matrix (rows, columns) whose L2 norm is above the limit down to it. */
function limitColumns(values: FloatArray, rows: number, columns: number, limit: number): void {
  const squares = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) squares[i % columns] += values[i] * values[i];
  for (let j = 0; j < columns; j++) {
    const norm = Math.sqrt(squares[j]);
    if (norm <= limit) continue;
    for (let i = 0; i < rows; i++) values[i * columns + j] *= limit / norm;
  }
}
