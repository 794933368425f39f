/** Products, networks and data that benches and tests speak of by name. */
import { type ActivationName, adam, type LossName, sgd } from '../src/index.js';

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

export interface DenseLayer {
  readonly units: number;
  readonly activation: ActivationName;
}

/** A network trained on synthetic rows. */
export interface Workload {
  readonly name: string;
  readonly rows: number;
  readonly inputs: number;
  readonly layers: readonly DenseLayer[];
  readonly loss: LossName & ('meanSquaredError' | 'crossEntropy');
  readonly optimizer: ReturnType<typeof sgd> | ReturnType<typeof adam>;
  readonly batchSize: number;
}

/** ReLU layers, and a last one. */
function network(hidden: readonly number[], outputs: number, last: ActivationName): DenseLayer[] {
  return [...hidden.map((units) => ({ units, activation: 'relu' as const })), { units: outputs, activation: last }];
}

const tabular = {
  rows: 20_000,
  inputs: 32,
  layers: network([64, 64], 1, 'identity'),
  loss: 'meanSquaredError',
  batchSize: 32,
} as const;
const mnist = { inputs: 784, layers: network([128], 10, 'softmax'), loss: 'crossEntropy' } as const;

/** `million` and `hundredThousand` are whole data sets, too large for any cache. */
export const workloads: readonly Workload[] = [
  {
    name: 'xor',
    rows: 4,
    inputs: 2,
    layers: [
      { units: 8, activation: 'tanh' },
      { units: 1, activation: 'sigmoid' },
    ],
    loss: 'meanSquaredError',
    optimizer: sgd({ learningRate: 0.1 }),
    batchSize: 4,
  },
  { name: 'tabular', ...tabular, optimizer: sgd({ learningRate: 0.01 }) },
  { name: 'tabularAdam', ...tabular, optimizer: adam() },
  { name: 'mnistSmall', ...mnist, rows: 60_000, optimizer: sgd({ learningRate: 0.01 }), batchSize: 64 },
  { name: 'mnistOnline', ...mnist, rows: 10_000, optimizer: sgd({ learningRate: 0.001 }), batchSize: 1 },
  {
    name: 'mnistLarge',
    rows: 60_000,
    inputs: 784,
    layers: network([512, 512], 10, 'softmax'),
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 128,
  },
  {
    name: 'wide',
    rows: 5_120,
    inputs: 1024,
    layers: network([2048, 2048], 1000, 'softmax'),
    loss: 'crossEntropy',
    optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
    batchSize: 256,
  },
  {
    name: 'million',
    rows: 1_000_000,
    inputs: 64,
    layers: network([128, 64], 10, 'softmax'),
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 256,
  },
  {
    name: 'hundredThousand',
    rows: 100_000,
    inputs: 784,
    layers: network([128, 64], 10, 'softmax'),
    loss: 'crossEntropy',
    optimizer: adam(),
    batchSize: 64,
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

export function workloadNamed(name: string): Workload {
  const workload = workloads.find((workload) => workload.name === name);
  if (!workload) throw new Error(`expected a workload's name, got ${name}`);
  return workload;
}

/**
 * Floating-point operations that one row needs to be trained on: 2 per weight forward, 2 for its gradient and, but in the first
 * layer, 2 for the layer below.
 */
export function operationsPerRow({ inputs, layers }: Pick<Workload, 'inputs' | 'layers'>): number {
  let width = inputs;
  let operations = 0;
  layers.forEach(({ units }, i) => {
    operations += (i === 0 ? 4 : 6) * width * units;
    width = units;
  });
  return operations;
}

/** The same of a row whose outputs are asked for: 2 per weight. */
export function operationsPerPrediction({ inputs, layers }: Pick<Workload, 'inputs' | 'layers'>): number {
  let width = inputs;
  let operations = 0;
  for (const { units } of layers) {
    operations += 2 * width * units;
    width = units;
  }
  return operations;
}
