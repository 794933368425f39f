import { type Activation, activationNamed } from '../../../activations.js';
import type { DensePlan, Dtype, FloatArray } from '../../backend.js';
import { activateRows, differentiateRows } from '../activation_rows.js';
import { createArray, sumColumns } from '../arrays.js';
import { multiply, repeated, transpose, type View, view, viewAgain } from '../gemm.js';
import { isSmall, multiplyColumns, multiplyRows } from '../small_products.js';
import { type BackwardWishes, Layer } from './layer.js';
import type { Parameter, ParameterPool } from './parameter.js';

/** φ(x·W + 1·bias) */
export class DenseLayer extends Layer {
  override readonly parameters: readonly Parameter[];
  override readonly hasPenalty: boolean;
  override readonly followsBatches: boolean;
  output: FloatArray;
  readonly #plan: DensePlan;
  readonly #dtype: Dtype;
  readonly #activation: Activation;
  readonly #weights: Parameter; // (inputs, units)
  readonly #bias: Parameter | undefined; // (units)
  readonly #weightsView: View;
  readonly #transposedWeights: View;
  readonly #biasRows: View | undefined;
  #weightGradient: View; // (inputs, units)
  #sums: View; // (rows, units)
  #delta: View; // (rows, units), the caller's
  #input: View; // (rows, inputs), the caller's
  #transposedInput: View;
  #inputGradient: View; // (rows, inputs)

  constructor(plan: DensePlan, dtype: Dtype, pool: ParameterPool) {
    super();
    this.#plan = plan;
    this.#dtype = dtype;
    this.#activation = activationNamed(plan.activation);
    this.#weights = pool.take(plan.inputs * plan.units);
    this.#bias = plan.bias ? pool.take(plan.units) : undefined;
    this.parameters = this.#bias ? [this.#weights, this.#bias] : [this.#weights];
    this.hasPenalty = plan.l1 > 0 || plan.l2 > 0;
    this.followsBatches = plan.nonNegative || plan.maxNorm > 0;
    this.output = createArray(dtype, 0);
    this.#weightsView = view(this.#weights.values, plan.units);
    this.#transposedWeights = transpose(this.#weightsView);
    this.#biasRows = this.#bias && repeated(this.#bias.values);
    const nothing = view(this.output, 0);
    this.#weightGradient = this.#sums = this.#delta = nothing;
    this.#input = this.#transposedInput = this.#inputGradient = nothing;
  }

  override get preActivation(): FloatArray {
    return this.#sums.data;
  }

  reserve(rows: number): void {
    const { inputs, units } = this.#plan;
    this.output = createArray(this.#dtype, rows * units);
    this.#sums = view(createArray(this.#dtype, rows * units), units);
    this.#inputGradient = view(createArray(this.#dtype, rows * inputs), inputs);
  }

  forward(input: FloatArray, rows: number): void {
    const { inputs, units, activation } = this.#plan;
    this.#input = viewAgain(this.#input, input, inputs);
    if (isSmall(rows, inputs, units)) {
      multiplyRows(rows, units, inputs, input, this.#weights.values, units, 1, this.#sums.data, this.#bias?.values);
    } else multiply(rows, units, inputs, this.#input, this.#weightsView, this.#sums, this.#biasRows);
    activateRows(this.#activation, activation.parameters, rows, units, this.#sums.data, this.output);
  }

  backward(gradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray {
    const { inputs, units, activation } = this.#plan;
    if (!wishes.ofPreActivation) {
      const saved = this.#activation.saves === 'output' ? this.output : this.#sums.data;
      differentiateRows(this.#activation, activation.parameters, rows, units, saved, gradient, gradient);
    }
    if (isSmall(rows, inputs, units)) this.#multiplySmall(gradient, rows, wishes);
    else this.#multiply(gradient, rows, wishes);
    return this.#inputGradient.data;
  }

  #multiplySmall(delta: FloatArray, rows: number, wishes: BackwardWishes): void {
    const { inputs, units } = this.#plan;
    if (wishes.parameterGradients) {
      const bias = this.#bias?.gradient;
      multiplyColumns(rows, inputs, units, this.#input.data, delta, this.#weights.gradient, bias, wishes.accumulate);
    }
    if (!wishes.inputGradient) return;
    multiplyRows(rows, inputs, units, delta, this.#weights.values, 1, units, this.#inputGradient.data);
  }

  #multiply(delta: FloatArray, rows: number, wishes: BackwardWishes): void {
    const { inputs, units } = this.#plan;
    this.#delta = viewAgain(this.#delta, delta, units);
    if (wishes.parameterGradients) {
      this.#transposedInput = viewAgain(this.#transposedInput, this.#input.data, inputs, true);
      this.#weightGradient = viewAgain(this.#weightGradient, this.#weights.gradient, units);
      const start = wishes.accumulate ? this.#weightGradient : undefined;
      multiply(inputs, units, rows, this.#transposedInput, this.#delta, this.#weightGradient, start);
      if (this.#bias) sumColumns(delta, units, rows, units, this.#bias.gradient, wishes.accumulate);
    }
    if (!wishes.inputGradient) return;
    multiply(rows, inputs, units, this.#delta, this.#transposedWeights, this.#inputGradient);
  }

  override penalty(): number {
    const { l1, l2 } = this.#plan;
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
