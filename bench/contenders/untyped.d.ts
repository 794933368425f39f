/** The parts that the bench uses of libraries that come without types. */

declare module 'convnetjs' {
  export interface Vol {
    readonly w: Float64Array;
  }
  export interface Layer {
    /** Of dense layers: a unit's weights each. */
    readonly filters?: readonly Vol[];
    readonly biases?: Vol;
  }
  class Net {
    readonly layers: Layer[];
    makeLayers(definitions: readonly object[]): void;
    forward(volume: Vol): Vol;
  }
  class Trainer {
    constructor(network: Net, options: object);
    train(volume: Vol, target: number | readonly number[]): void;
  }
  const convnetjs: {
    readonly Net: typeof Net;
    readonly Trainer: typeof Trainer;
    readonly Vol: new (width: number, height: number, depth: number, value: number) => Vol;
  };
  export default convnetjs;
}

declare module 'synaptic' {
  interface Connection {
    readonly from: Neuron;
    weight: number;
  }
  type Squash = (x: number, derivative: boolean) => number;
  interface Neuron {
    readonly ID: number;
    readonly connections: { readonly inputs: Readonly<Record<string, Connection>> };
    bias: number;
  }
  class Layer {
    constructor(size: number);
    readonly list: readonly Neuron[];
    project(layer: Layer, type: string): void;
    set(options: { squash: Squash }): void;
    static readonly connectionType: { readonly ALL_TO_ALL: string };
  }
  class Network {
    constructor(layers: { input: Layer; hidden: Layer[]; output: Layer });
    activate(input: readonly number[]): number[];
    propagate(learningRate: number, target: readonly number[]): void;
  }
  const synaptic: {
    readonly Layer: typeof Layer;
    readonly Network: typeof Network;
    readonly Neuron: { readonly squash: Readonly<Record<'TANH' | 'LOGISTIC' | 'RELU' | 'IDENTITY', Squash>> };
  };
  export default synaptic;
}

declare module 'ml-fnn' {
  import type { Matrix } from 'ml-matrix';
  export default class FeedForwardNeuralNetworks {
    constructor(options: object);
    /** Outputs by label, in the order in which the labels were first met. */
    readonly dicts: { readonly inputs: Readonly<Record<number, number>> };
    readonly model: readonly { W: Matrix; b: Matrix }[];
    iterations: number;
    train(features: Matrix, labels: readonly number[]): void;
    propagate(features: Matrix): Matrix;
  }
}
