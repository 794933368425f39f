import { sgd } from '../src/index.js';
import { withCase } from './cases.js';
import { chainrule } from './contenders/programs.js';
import { ours } from './contenders/registry.js';
import { allCores } from './machine.js';
import type { Settings } from './settings.js';
import { operationsPerRow, type Workload } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import { trainingTask } from './training.bench.js';
import { ratioOf, shareOfPeak, speedsOf, takeTurns } from './turns.js';

/** What is varied, one thing at a time, from the same network. */
export type Dimension = 'batch size' | 'width' | 'depth' | 'rows';

export interface ScalingResult {
  readonly dimension: Dimension;
  readonly value: number;
  /** For one multiply-add that the mathematics needs, with all threads. */
  readonly secondsPerMultiplyAdd: Spread;
  /** Of the peak of all cores. */
  readonly share: Spread;
  /** How many times as fast as one thread all were. */
  readonly lead: Spread;
}

const base = { 'batch size': 128, width: 256, depth: 3, rows: 16_384 };
const series: Readonly<Record<Dimension, readonly number[]>> = {
  'batch size': [1, 4, 16, 64, 256, 1024, 4096],
  width: [16, 32, 64, 128, 256, 512, 1024, 2048],
  depth: [1, 2, 4, 8, 16, 32],
  rows: [1024, 4096, 16_384, 65_536, 262_144],
};

export async function benchScaling(settings: Settings): Promise<ScalingResult[]> {
  const results: ScalingResult[] = [];
  for (const dimension of (Object.keys(series) as Dimension[]).filter((name) => settings.wants(name))) {
    for (const value of series[dimension]) results.push(await benchPoint(dimension, value, settings));
  }
  return results;
}

async function benchPoint(dimension: Dimension, value: number, { isas, rounds }: Settings): Promise<ScalingResult> {
  const workload = workloadWith({ ...base, [dimension]: value });
  const entrants = [
    { contender: ours.best, variant: '', program: chainrule(isas[0], allCores) },
    { contender: ours.oneThread, variant: '', program: chainrule(isas[0], 1) },
  ];
  const [{ laps }, alone] = await withCase(workload, ({ given }) =>
    takeTurns({
      entrants,
      rounds,
      laps: 5,
      isas: isas.slice(0, 1),
      task: { ...trainingTask(given), seconds: 0.2 },
    }),
  );
  const operations = operationsPerRow(workload);
  const seconds = speedsOf(laps).map((rowsPerSecond) => 2 / (rowsPerSecond * operations));
  const share = shareOfPeak(laps, operations, { all: true });
  return { dimension, value, secondsPerMultiplyAdd: spreadOf(seconds), share, lead: ratioOf(laps, alone.laps) };
}

/** As many inputs as units in each hidden layer. */
function workloadWith({ 'batch size': batchSize, width, depth, rows }: typeof base): Workload {
  const hidden = Array.from({ length: depth }, () => ({ units: width, activation: 'relu' as const }));
  return {
    name: 'scaling',
    rows: Math.max(rows, batchSize),
    inputs: width,
    layers: [...hidden, { units: 10, activation: 'softmax' }],
    loss: 'crossEntropy',
    optimizer: sgd({ learningRate: 1e-3 }),
    batchSize,
  };
}
