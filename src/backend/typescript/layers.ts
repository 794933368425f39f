import type { Activation } from '../../activations.js';
import { type OptimizerKernelName, optimizerKernels } from '../../optimizers.js';
import type { DensePlan, DropoutPlan, Dtype, FloatArray, LayerPlan, OptimizerPlan } from '../backend.js';
import { fillDropoutMask } from './dropout.js';
import { multiply } from './gemm.js';
import { activationNamed, addColumnSums, view } from './kernels.js';

/** Where a block of rows stands: keys the dropout masks. */
export interface TrainingPosition {
  readonly seed: number;
  readonly update: number;
  /** Row within the whole batch of the block's first row. */
  readonly firstRow: number;
}

/** One layer of a trainer, with its parameters and its buffers for blocks of up to so many rows. */
export interface Layer {
  /** Weights, then bias, as far as there are any. */
  readonly parameters: readonly FloatArray[];
  /** Of the current batch, in double, beside `parameters`. */
  readonly gradients: readonly Float64Array[];
  /** (rows, units), of the last forward pass. */
  readonly output: FloatArray;
  /** The input of the activation, or the output where there is none. */
  readonly preActivation: FloatArray;
  reserve(rows: number): void;
  /** `position` is absent outside training. */
  forward(input: FloatArray, rows: number, position?: TrainingPosition): void;
  /**
   * Adds to `gradients`; `gradient` (rows, units) is ∂L/∂output, or ∂L/∂preActivation if `ofPreActivation`, and is overwritten.
   * Returns ∂L/∂input (rows, inputs) where it is wanted.
   */
  backward(gradient: FloatArray, rows: number, ofPreActivation: boolean, wantsInputGradient: boolean): FloatArray;
  clearGradients(): void;
  /** Step 0 starts the optimizer's state anew. */
  update(optimizer: OptimizerPlan, step: number, learningRate: number): void;
}

export function createLayer(plan: LayerPlan, dtype: Dtype, position: number): Layer {
  return plan.kind === 'dense' ? new DenseLayer(plan, dtype) : new DropoutLayer(plan, dtype, position);
}

export function createArray(dtype: Dtype, length: number): FloatArray {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

class DenseLayer implements Layer {
  readonly parameters: readonly FloatArray[];
  gradients: readonly Float64Array[] = [];
  output: FloatArray;
  preActivation: FloatArray;
  readonly #plan: DensePlan;
  readonly #dtype: Dtype;
  readonly #activation: Activation;
  readonly #weights: FloatArray; // (inputs, units)
  readonly #bias: FloatArray | undefined; // (units)
  #slots: FloatArray[][] = []; // per parameter array, as long as it
  #input: FloatArray; // (rows, inputs), the caller's
  #inputGradient: FloatArray; // (rows, inputs)

  constructor(plan: DensePlan, dtype: Dtype) {
    this.#plan = plan;
    this.#dtype = dtype;
    this.#activation = activationNamed(plan.activation);
    this.#weights = createArray(dtype, plan.inputs * plan.units);
    this.#bias = plan.bias ? createArray(dtype, plan.units) : undefined;
    this.parameters = this.#bias ? [this.#weights, this.#bias] : [this.#weights];
    this.output = this.preActivation = this.#input = this.#inputGradient = createArray(dtype, 0);
  }

  reserve(rows: number): void {
    const { inputs, units } = this.#plan;
    this.output = createArray(this.#dtype, rows * units);
    this.preActivation = createArray(this.#dtype, rows * units);
    this.#inputGradient = createArray(this.#dtype, rows * inputs);
  }

  forward(input: FloatArray, rows: number): void {
    const { inputs, units, activation } = this.#plan;
    const sums = this.preActivation;
    if (this.#bias) {
      for (let i = 0; i < rows; i++) sums.set(this.#bias, i * units);
    }
    multiply(
      rows,
      units,
      inputs,
      view(input, inputs),
      view(this.#weights, units),
      view(sums, units),
      this.#bias !== undefined,
    );
    for (let i = 0; i < rows; i++) {
      this.#activation.forward(sums, i * units, this.output, i * units, units, activation.parameters);
    }
    this.#input = input;
  }

  backward(gradient: FloatArray, rows: number, ofPreActivation: boolean, wantsInputGradient: boolean): FloatArray {
    const { inputs, units, activation } = this.#plan;
    const saved = this.#activation.saves === 'output' ? this.output : this.preActivation;
    for (let i = 0; i < rows && !ofPreActivation; i++) {
      const from = i * units;
      this.#activation.backward(saved, from, gradient, from, gradient, from, units, activation.parameters);
    }
    const delta = view(gradient, units);
    const [weightGradient, biasGradient] = this.gradients;
    multiply(inputs, units, rows, view(this.#input, inputs, true), delta, view(weightGradient, units), true);
    if (biasGradient) addColumnSums(gradient, units, rows, units, biasGradient);
    if (wantsInputGradient) {
      multiply(rows, inputs, units, delta, view(this.#weights, units, true), view(this.#inputGradient, inputs), false);
    }
    return this.#inputGradient;
  }

  clearGradients(): void {
    if (this.gradients.length === 0) this.gradients = this.parameters.map(({ length }) => new Float64Array(length));
    for (const gradient of this.gradients) gradient.fill(0);
  }

  update(optimizer: OptimizerPlan, step: number, learningRate: number): void {
    const kernel = optimizerKernels[optimizer.kernel as OptimizerKernelName];
    if (step === 0) {
      this.#slots = this.parameters.map(({ length }) =>
        Array.from({ length: kernel.slots }, () => createArray(this.#dtype, length)),
      );
    }
    const constants = kernel.prepare(step, learningRate, optimizer.parameters);
    this.parameters.forEach((parameter, i) => {
      kernel.update(parameter, this.gradients[i], this.#slots[i], constants);
    });
  }
}

class DropoutLayer implements Layer {
  readonly parameters: readonly FloatArray[] = [];
  readonly gradients: readonly Float64Array[] = [];
  output: FloatArray;
  readonly #plan: DropoutPlan;
  readonly #dtype: Dtype;
  readonly #position: number;
  #dropped: FloatArray; // (rows, units)
  #mask: FloatArray; // (rows, units)

  constructor(plan: DropoutPlan, dtype: Dtype, position: number) {
    this.#plan = plan;
    this.#dtype = dtype;
    this.#position = position;
    this.output = this.#dropped = this.#mask = createArray(dtype, 0);
  }

  get preActivation(): FloatArray {
    return this.output;
  }

  reserve(rows: number): void {
    this.#dropped = createArray(this.#dtype, rows * this.#plan.units);
    this.#mask = createArray(this.#dtype, rows * this.#plan.units);
  }

  forward(input: FloatArray, rows: number, position?: TrainingPosition): void {
    this.output = position ? this.#dropped : input;
    if (!position) return;
    const { units, rate } = this.#plan;
    fillDropoutMask(this.#mask, position.firstRow, rows, units, rate, position.seed, position.update, this.#position);
    for (let i = 0; i < rows * units; i++) this.#dropped[i] = input[i] * this.#mask[i];
  }

  backward(gradient: FloatArray, rows: number): FloatArray {
    for (let i = 0; i < rows * this.#plan.units; i++) gradient[i] *= this.#mask[i];
    return gradient;
  }

  clearGradients(): void {}

  update(): void {}
}
