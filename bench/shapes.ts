/** Products, networks and data that benches and tests speak of by name. */
import { adam, type DenseSpec, dense, type LossName, type OptimizerSpec, sgd } from '../src/index.js';

/** C (m, n) = op(A) (m, k) · op(B) (k, n). */
export interface GemmShape {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export const gemmShapes: readonly GemmShape[] = [
  ...[64, 128, 256, 512, 1024, 2048, 4096].map((size) => product(`${size}³`, size, size, size)),
  forward(32, 64, 64),
  forward(64, 784, 128),
  ...layerProducts(128, 784, 512),
  ...layerProducts(256, 2048, 2048),
  ...layerProducts(128, 512, 10),
];

/** The three products of a dense layer. */
function layerProducts(rows: number, inputs: number, units: number): GemmShape[] {
  const name = `${rows} × ${inputs} × ${units}`;
  return [
    forward(rows, inputs, units),
    product(`${name} δ·Wᵀ`, rows, inputs, units, false, true),
    product(`${name} Aᵀ·δ`, inputs, units, rows, true, false),
  ];
}

function forward(rows: number, inputs: number, units: number): GemmShape {
  return product(`${rows} × ${inputs} × ${units} A·W`, rows, units, inputs);
}

function product(name: string, m: number, n: number, k: number, transposeA = false, transposeB = false): GemmShape {
  return { name, m, n, k, transposeA, transposeB };
}

/** A network trained on synthetic rows. */
export interface Workload {
  readonly name: string;
  readonly rows: number;
  readonly inputs: number;
  readonly layers: readonly DenseSpec[];
  readonly loss: LossName;
  readonly optimizer: OptimizerSpec;
  readonly batchSize: number;
  readonly epochs: number;
}

const mnist = [dense(128, { activation: 'relu' }), dense(10, { activation: 'softmax' })];
const tabular = [
  dense(64, { activation: 'relu' }),
  dense(64, { activation: 'relu' }),
  dense(1, { activation: 'identity' }),
];

/**
 * As many rows and epochs as a native backend trains in about a second; `million` and `hundredThousand` are whole data
 * sets, too large for any cache.
 */
export const workloads: readonly Workload[] = [
  {
    name: 'xor',
    rows: 4,
    inputs: 2,
    layers: [dense(8, { activation: 'tanh' }), dense(1, { activation: 'sigmoid' })],
    loss: 'meanSquaredError',
    optimizer: sgd({ learningRate: 0.1 }),
    batchSize: 4,
    epochs: 200_000,
  },
  {
    name: 'tabular',
    rows: 20_000,
    inputs: 32,
    layers: tabular,
    loss: 'meanSquaredError',
    optimizer: sgd({ learningRate: 0.01 }),
    batchSize: 32,
    epochs: 40,
  },
  {
    name: 'tabularAdam',
    rows: 20_000,
    inputs: 32,
    layers: tabular,
    loss: 'meanSquaredError',
    optimizer: adam(),
    batchSize: 32,
    epochs: 30,
  },
  {
    name: 'mnistSmall',
    rows: 60_000,
    inputs: 784,
    layers: mnist,
    loss: 'crossEntropy',
    optimizer: sgd({ learningRate: 0.01 }),
    batchSize: 64,
    epochs: 4,
  },
  {
    name: 'mnistOnline',
    rows: 10_000,
    inputs: 784,
    layers: mnist,
    loss: 'crossEntropy',
    optimizer: sgd({ learningRate: 0.001 }),
    batchSize: 1,
    epochs: 1,
  },
  {
    name: 'mnistLarge',
    rows: 60_000,
    inputs: 784,
    layers: [
      dense(512, { activation: 'relu' }),
      dense(512, { activation: 'relu' }),
      dense(10, { activation: 'softmax' }),
    ],
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 128,
    epochs: 1,
  },
  {
    name: 'wide',
    rows: 5_120,
    inputs: 1024,
    layers: [
      dense(2048, { activation: 'relu' }),
      dense(2048, { activation: 'relu' }),
      dense(1000, { activation: 'softmax' }),
    ],
    loss: 'crossEntropy',
    optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
    batchSize: 256,
    epochs: 1,
  },
  {
    name: 'million',
    rows: 1_000_000,
    inputs: 64,
    layers: [
      dense(128, { activation: 'relu' }),
      dense(64, { activation: 'relu' }),
      dense(10, { activation: 'softmax' }),
    ],
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 256,
    epochs: 1,
  },
  {
    name: 'hundredThousand',
    rows: 100_000,
    inputs: 784,
    layers: [
      dense(128, { activation: 'relu' }),
      dense(64, { activation: 'relu' }),
      dense(10, { activation: 'softmax' }),
    ],
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 64,
    epochs: 1,
  },
];

/** Outputs for `rows` rows at once, of the network that a workload trains. */
export interface Inference {
  readonly name: string;
  readonly workload: Workload;
  readonly rows: number;
}

export const inferences: readonly Inference[] = [
  { name: 'latency', workload: workloadNamed('mnistSmall'), rows: 1 },
  { name: 'throughput', workload: workloadNamed('mnistLarge'), rows: 1024 },
];

function workloadNamed(name: string): Workload {
  const workload = workloads.find((workload) => workload.name === name);
  if (!workload) throw new Error(`expected a workload's name, got ${name}`);
  return workload;
}

/** Floating-point operations one row needs to be trained on: 2 per weight forward, 2 for its gradient and, but in the first layer, 2 for the layer below. */
export function operationsPerRow({ inputs, layers }: Workload): number {
  let width = inputs;
  let operations = 0;
  layers.forEach(({ units }, i) => {
    operations += (i === 0 ? 4 : 6) * width * units;
    width = units;
  });
  return operations;
}
