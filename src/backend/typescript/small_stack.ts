import { type Activation, activationNamed } from '../../activations.js';
import type { Plan } from '../backend.js';

/** Dense layers so small that to go from one to the next, and to find their arrays each time, takes as long as their products. */
export interface SmallStack {
  readonly layers: readonly SmallLayer[];
  /** Rows that the buffers of a pass hold. */
  readonly mostRows: number;
  /** Weights of the largest layer. */
  readonly mostWeights: number;
}

export interface SmallLayer {
  readonly inputs: number;
  readonly units: number;
  readonly bias: boolean;
  readonly activation: Activation;
  readonly activationParameters: readonly number[];
  /** Where its weights begin among the parameters; its bias comes after them. */
  readonly weightsFrom: number;
  /** Where its inputs and its outputs begin in the buffers of a pass. */
  readonly inputFrom: number;
  readonly outputFrom: number;
}

/** Numbers in each of a pass's three buffers. */
export const bufferLength = 2 ** 13;

/** Weights of a layer up to which reading them column by column is no slower than packing them: those that the first-level cache keeps. */
const layerWeights = 2 ** 12;

/** Rows that go together in a pass. */
export const rowsAtOnce = 4;

/** Multiply-adds up to which fewer rows than those go faster one by one than layer by layer. */
const fewRowsWork = 128;

/** The stack of a plan, if it is small and has nothing but dense layers in float32. */
export function smallStack({ layers, dtype, inputs }: Plan): SmallStack | undefined {
  if (dtype !== 'float32') return undefined;
  const width = layers.reduce((sum, { units }) => sum + units, inputs);
  const mostRows = Math.floor(bufferLength / width);
  const mostWeights = Math.max(...layers.map(({ inputs, units }) => inputs * units));
  if (mostWeights > layerWeights) return undefined;
  const small: SmallLayer[] = [];
  let weightsFrom = 0;
  // From the back, so that the outputs of the last layer are at the front, where `lossRows` looks for them.
  let inputFrom = mostRows * (width - inputs);
  for (const layer of layers) {
    if (layer.kind !== 'dense') return undefined;
    const { inputs, units, bias, activation } = layer;
    const outputFrom = inputFrom - mostRows * units;
    small.push({
      inputs,
      units,
      bias,
      activation: activationNamed(activation),
      activationParameters: activation.parameters,
      weightsFrom,
      inputFrom,
      outputFrom,
    });
    inputFrom = outputFrom;
    weightsFrom += inputs * units + (bias ? units : 0);
  }
  return { layers: small, mostRows, mostWeights };
}

/** Whether a pass of so many rows through the stack is faster than one layer by layer. */
export function isSmallPass({ mostRows, mostWeights }: SmallStack, rows: number): boolean {
  return rows <= mostRows && (rows >= rowsAtOnce || rows * mostWeights <= fewRowsWork);
}
