import type { FloatArray } from '../../backend.js';
import type { Parameter } from './parameter.js';

/** Where a block of rows stands: keys the dropout masks. */
export interface TrainingPosition {
  readonly seed: number;
  readonly update: number;
  /** Row within the whole batch of the block's first row. */
  readonly firstRow: number;
}

/** What a backward pass is for. */
export interface BackwardWishes {
  /** The gradient that comes in is that of the pre-activation. */
  readonly ofPreActivation: boolean;
  readonly inputGradient: boolean;
  readonly parameterGradients: boolean;
  /** Parameter gradients are added to those of the passes before; otherwise they replace what there was. */
  readonly accumulate: boolean;
}

/** One layer of a trainer, with its parameters and its buffers for blocks of up to so many rows. */
export abstract class Layer {
  /** In the order in which they cross. */
  readonly parameters: readonly Parameter[] = [];
  /** Outputs of training depend on the other rows of a pass. */
  readonly usesBatchStatistics: boolean = false;
  /** It has a penalty: only then are `penalty` and `addPenaltyGradient` called. */
  readonly hasPenalty: boolean = false;
  /** It has something to do around a batch: only then are `beginBatch` and `endUpdate` called. */
  readonly followsBatches: boolean = false;
  /** (rows, units), of the last forward pass. */
  abstract readonly output: FloatArray;

  /** The input of the activation, or the output where there is none. */
  get preActivation(): FloatArray {
    return this.output;
  }

  /** Makes room for so many rows; forgets the last forward pass. */
  abstract reserve(rows: number): void;

  /** `position` is absent outside training. The input stays the caller's, who leaves it alone until the pass back. */
  abstract forward(input: FloatArray, rows: number, position?: TrainingPosition): void;

  /**
   * Back through the last forward pass: `gradient` (rows, units) is ∂L/∂output and is overwritten. Writes the parameters'
   * gradients and returns ∂L/∂input (rows, inputs), each where it is wished for.
   */
  abstract backward(gradient: FloatArray, rows: number, wishes: BackwardWishes): FloatArray;

  /** What the parameters add to the loss. */
  penalty(): number {
    return 0;
  }

  addPenaltyGradient(): void {}

  /** Before the first pass of a batch. */
  beginBatch(): void {}

  /** After an update of the parameters: what else has to change with it. */
  endUpdate(): void {}
}
