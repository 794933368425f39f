import type { BatchNormalizationPlan, Dtype, FloatArray } from '../../backend.js';
import { createArray, sumColumns } from '../arrays.js';
import { type BackwardWishes, Layer, type TrainingPosition } from './layer.js';
import type { Parameter, ParameterPool } from './parameter.js';

/** gamma ⊙ x̂ + beta by column, x̂ = (x − mean) / √(variance + epsilon); Ioffe & Szegedy 2015, moving statistics as PyTorch. */
export class BatchNormalizationLayer extends Layer {
  override readonly parameters: readonly Parameter[];
  override readonly usesBatchStatistics = true;
  override readonly followsBatches = true;
  output: FloatArray;
  readonly #plan: BatchNormalizationPlan;
  readonly #dtype: Dtype;
  readonly #gamma: Parameter;
  readonly #beta: Parameter;
  readonly #movingMean: Parameter;
  readonly #movingVariance: Parameter;
  /** What the moving statistics become if the batch at hand comes to an update. */
  readonly #nextMean: FloatArray;
  readonly #nextVariance: FloatArray;
  // Of the last forward pass, (units).
  readonly #mean: Float64Array;
  readonly #inverseDeviation: Float64Array;
  #training = false;
  #input: FloatArray; // (rows, units), the caller's

  constructor(plan: BatchNormalizationPlan, dtype: Dtype, pool: ParameterPool) {
    super();
    const { units } = plan;
    this.#plan = plan;
    this.#dtype = dtype;
    this.#gamma = pool.take(units);
    this.#beta = pool.take(units);
    this.#movingMean = pool.takeUntrained(units);
    this.#movingVariance = pool.takeUntrained(units);
    this.parameters = [this.#gamma, this.#beta, this.#movingMean, this.#movingVariance];
    this.#nextMean = createArray(dtype, units);
    this.#nextVariance = createArray(dtype, units);
    this.#mean = new Float64Array(units);
    this.#inverseDeviation = new Float64Array(units);
    this.output = this.#input = createArray(dtype, 0);
  }

  reserve(rows: number): void {
    this.output = createArray(this.#dtype, rows * this.#plan.units);
  }

  override beginBatch(): void {
    this.#nextMean.set(this.#movingMean.values);
    this.#nextVariance.set(this.#movingVariance.values);
  }

  override endUpdate(): void {
    this.#movingMean.values.set(this.#nextMean);
    this.#movingVariance.values.set(this.#nextVariance);
  }

  forward(input: FloatArray, rows: number, position?: TrainingPosition): void {
    const { units } = this.#plan;
    this.#input = input;
    this.#training = position !== undefined;
    if (position) this.#useBatch(input, rows);
    else this.#useMoving();
    const [gamma, beta] = [this.#gamma.values, this.#beta.values];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) this.output[i * units + j] = gamma[j] * this.#normalized(i, j) + beta[j];
    }
  }

  /** x̂ of the last forward pass. */
  #normalized(row: number, column: number): number {
    return (this.#input[row * this.#plan.units + column] - this.#mean[column]) * this.#inverseDeviation[column];
  }

  #useMoving(): void {
    this.#mean.set(this.#movingMean.values);
    this.#movingVariance.values.forEach((variance, j) => {
      this.#inverseDeviation[j] = 1 / Math.sqrt(variance + this.#plan.epsilon);
    });
  }

  #useBatch(input: FloatArray, rows: number): void {
    const { units, momentum, epsilon } = this.#plan;
    const mean = this.#mean;
    sumColumns(input, units, rows, units, mean, false);
    for (let j = 0; j < units; j++) mean[j] /= rows;
    const squares = new Float64Array(units);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) squares[j] += (input[i * units + j] - mean[j]) ** 2;
    }
    for (let j = 0; j < units; j++) {
      this.#inverseDeviation[j] = 1 / Math.sqrt(squares[j] / rows + epsilon);
      const unbiased = squares[j] / Math.max(rows - 1, 1);
      this.#nextMean[j] = (1 - momentum) * this.#nextMean[j] + momentum * mean[j];
      this.#nextVariance[j] = (1 - momentum) * this.#nextVariance[j] + momentum * unbiased;
    }
  }

  backward(gradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray {
    const { units } = this.#plan;
    const sums = new Float64Array(units); // Σ gradient
    const products = new Float64Array(units); // Σ gradient ⊙ x̂
    sumColumns(gradient, units, rows, units, sums, false);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < units; j++) products[j] += gradient[i * units + j] * this.#normalized(i, j);
    }
    if (wishes.parameterGradients) {
      for (let j = 0; j < units; j++) {
        this.#gamma.gradient[j] = (wishes.accumulate ? this.#gamma.gradient[j] : 0) + products[j];
        this.#beta.gradient[j] = (wishes.accumulate ? this.#beta.gradient[j] : 0) + sums[j];
      }
    }
    // The batch's own mean and variance move with its rows; moving statistics do not.
    const share = this.#training ? 1 / rows : 0;
    for (let i = 0; i < rows && wishes.inputGradient; i++) {
      for (let j = 0; j < units; j++) {
        const centered = gradient[i * units + j] - share * (sums[j] + this.#normalized(i, j) * products[j]);
        gradient[i * units + j] = this.#gamma.values[j] * this.#inverseDeviation[j] * centered;
      }
    }
    return gradient;
  }
}
