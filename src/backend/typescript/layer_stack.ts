import { stateLength } from '../../optimizers/optimizer.js';
import { optimizerKernels } from '../../optimizers.js';
import { parameterCount } from '../../parameters.js';
import type { ApplyJob, ClipPlan, Dtype, FloatArray, Plan } from '../backend.js';
import { createLayer } from './layers/index.js';
import type { BackwardWishes, Layer, TrainingPosition } from './layers/layer.js';
import { type Parameter, ParameterPool } from './layers/parameter.js';

/** The layers of a network as one: passes through them, and updates of all their parameters. */
export class LayerStack {
  readonly parameters: readonly Parameter[];
  /** Parameters in all. */
  readonly size: number;
  readonly usesBatchStatistics: boolean;
  readonly #pool: ParameterPool;
  readonly #layers: readonly Layer[];
  readonly #penalizedLayers: readonly Layer[];
  readonly #followingLayers: readonly Layer[];
  readonly #units: readonly number[];
  readonly #dtype: Dtype;
  readonly #optimizerState = new Float64Array(stateLength);

  constructor(plan: Plan) {
    this.#units = plan.layers.map(({ units }) => units);
    this.#dtype = plan.dtype;
    this.size = plan.layers.reduce((sum, layer) => sum + parameterCount(layer), 0);
    this.#pool = new ParameterPool(plan.dtype, this.size);
    this.#layers = plan.layers.map((layer, position) => createLayer(layer, plan.dtype, this.#pool, position));
    this.parameters = this.#layers.flatMap((layer) => layer.parameters);
    this.#penalizedLayers = this.#layers.filter((layer) => layer.hasPenalty);
    this.#followingLayers = this.#layers.filter((layer) => layer.followsBatches);
    this.usesBatchStatistics = this.#layers.some((layer) => layer.usesBatchStatistics);
  }

  /** What is trained, of all layers one after the other in the sequence in which parameters cross. */
  get trained(): Parameter {
    return this.#pool.trained;
  }

  get last(): Layer {
    return this.#layers[this.#layers.length - 1];
  }

  reserve(rows: number): void {
    for (const layer of this.#layers) layer.reserve(rows);
  }

  /** Before the first pass of a batch. */
  beginBatch(): void {
    for (const layer of this.#followingLayers) layer.beginBatch();
  }

  reserveGradients(): void {
    this.#pool.reserveGradients();
  }

  forward(input: FloatArray, rows: number, position?: TrainingPosition): void {
    let x = input;
    for (const layer of this.#layers) {
      layer.forward(x, rows, position);
      x = layer.output;
    }
  }

  /** `wishes` are for the stack as for a layer; returns ∂L/∂input where it is wished for. */
  backward(outputGradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray {
    const { parameterGradients, accumulate } = wishes;
    let gradient = outputGradient;
    for (let l = this.#layers.length - 1; l >= 0; l--) {
      const ofPreActivation = wishes.ofPreActivation && l === this.#layers.length - 1;
      const inputGradient = wishes.inputGradient || l > 0;
      const layerWishes = { ofPreActivation, inputGradient, parameterGradients, accumulate };
      gradient = this.#layers[l].backward(gradient, rows, layerWishes);
    }
    return gradient;
  }

  /** What the parameters add to the loss. */
  penalty(): number {
    return this.#penalizedLayers.reduce((sum, layer) => sum + layer.penalty(), 0);
  }

  addPenaltyGradients(): void {
    for (const layer of this.#penalizedLayers) layer.addPenaltyGradient();
  }

  /** L2 norm of each layer's gradient; 0 without parameters. */
  gradientNorms(): number[] {
    return this.#layers.map(({ parameters }) => {
      let squares = 0;
      for (const { gradient } of parameters) {
        for (const value of gradient) squares += value * value;
      }
      return Math.sqrt(squares);
    });
  }

  /** The first layer with a number that is not finite, as `Trainer.findNotFinite` says; outputs are of so many rows. */
  findNotFinite(among: 'parameters' | 'outputs' | 'gradients', rows: number): number {
    const isNumber = (value: number): boolean =>
      Number.isFinite(this.#dtype === 'float32' ? Math.fround(value) : value);
    const ofLayer = (layer: Layer, i: number): readonly FloatArray[] => {
      if (among === 'parameters') return layer.parameters.map(({ values }) => values);
      if (among === 'gradients') return layer.parameters.map(({ gradient }) => gradient);
      const output = layer === this.last ? layer.preActivation : layer.output;
      return [output.subarray(0, rows * this.#units[i])];
    };
    const unfit = (layer: Layer, i: number): boolean => ofLayer(layer, i).some((values) => !values.every(isNumber));
    return among === 'gradients' ? this.#layers.findLastIndex(unfit) : this.#layers.findIndex(unfit);
  }

  update({ optimizer, optimizerStep, learningRate, clip }: ApplyJob): void {
    if (clip) this.#clip(clip);
    const kernel = optimizerKernels[optimizer.kernel];
    const startsAnew = optimizerStep === 0;
    if (startsAnew) this.#optimizerState.fill(0);
    const constants = kernel.prepare(optimizerStep, learningRate, optimizer.parameters, this.#optimizerState);
    this.#pool.update(kernel, constants, startsAnew);
    for (const layer of this.#followingLayers) layer.endUpdate();
  }

  #clip({ norm, value }: ClipPlan): void {
    if (norm !== undefined) {
      // As PyTorch's clip_grad_norm_, which keeps clear of a division by 0.
      const factor = norm / (Math.hypot(...this.gradientNorms()) + 1e-6);
      if (factor < 1) this.#changeGradients((gradient) => gradient * factor);
    }
    if (value !== undefined) this.#changeGradients((gradient) => Math.min(Math.max(gradient, -value), value));
  }

  #changeGradients(change: (gradient: number) => number): void {
    for (const { gradient } of this.parameters) {
      for (let i = 0; i < gradient.length; i++) gradient[i] = change(gradient[i]);
    }
  }
}
