import { availableParallelism } from 'node:os';
import type { BackendChoice } from '../src/backend/select.js';
import { Network } from '../src/index.js';
import { makeData } from './data.js';
import { interleave, type PeakMeter, type Spread, spreadOf } from './harness.js';
import { operationsPerRow, type Workload, workloads } from './shapes.js';
import { lossTolerance } from './tolerance.js';

export interface TrainingTask {
  readonly kind: 'training';
  readonly backend: Exclude<BackendChoice, 'auto'>;
  readonly isa: string;
  readonly threads: number;
  readonly workload: Workload;
  /** How much of the workload is timed. */
  readonly timed: Share;
  /** How much of it both backends are compared on. */
  readonly compared: Share;
}

/** The first rows of a workload, so many times over. */
export interface Share {
  readonly rows: number;
  readonly epochs: number;
}

export interface Losses {
  /** Mean over the compared epochs, each batch's before its update. */
  readonly training: number;
  /** Of the first rows after the last update. */
  readonly after: number;
}

export interface TrainingMeasurement {
  readonly samplesPerSecond: number;
  readonly losses: Losses;
}

export interface TrainingResult {
  readonly workload: Workload;
  readonly native: Spread;
  readonly typescript: Spread;
  readonly typescriptTimed: Share;
  readonly operationsPerRow: number;
  readonly comparedUpdates: number;
  readonly losses: { readonly native: Losses; readonly typescript: Losses };
  /** |native − TypeScript| / TypeScript, the greater of the two losses' differences, and what rounding explains. */
  readonly difference: number;
  readonly tolerance: number;
}

/** All workloads on the native backend with all threads and on TypeScript, interleaved. */
export async function benchTraining(isa: string, meter: PeakMeter, rounds: number): Promise<TrainingResult[]> {
  const results: TrainingResult[] = [];
  for (const workload of workloads) results.push(await benchWorkload(workload, isa, meter, rounds));
  return results;
}

/** Operations that TypeScript does in about half a second, and samples that it is not asked to exceed. */
const typescriptOperations = 2e9;
const typescriptSamples = 200_000;

/**
 * Updates after which losses are compared: few enough that rounding errors have not been magnified by the training itself
 * (a ReLU that switches on one backend a step earlier ends any comparison), enough that a wrong update shows.
 */
const comparedUpdates = { minimum: 2, maximum: 100, operations: 1e9 };

async function benchWorkload(
  workload: Workload,
  isa: string,
  meter: PeakMeter,
  rounds: number,
): Promise<TrainingResult> {
  const { batchSize, rows, epochs } = workload;
  const operations = operationsPerRow(workload);
  const { minimum, maximum } = comparedUpdates;
  const affordable = Math.floor(comparedUpdates.operations / (operations * batchSize));
  const updates = Math.max(minimum, Math.min(maximum, affordable));
  const compared = shareOf(workload, updates * batchSize);
  const typescriptTimed = shareOf(workload, Math.min(typescriptSamples, typescriptOperations / operations));
  const tasks: TrainingTask[] = [
    {
      kind: 'training',
      backend: 'native',
      isa,
      threads: availableParallelism(),
      workload,
      timed: { rows, epochs },
      compared,
    },
    { kind: 'training', backend: 'typescript', isa: 'none', threads: 1, workload, timed: typescriptTimed, compared },
  ];
  const [native, typescript] = await interleave(tasks, rounds, meter);
  const losses = { native: native[0].losses, typescript: typescript[0].losses };
  const relative = (key: keyof Losses): number =>
    Math.abs(losses.native[key] - losses.typescript[key]) / losses.typescript[key];
  return {
    workload,
    native: spreadOf(native.map(({ samplesPerSecond }) => samplesPerSecond)),
    typescript: spreadOf(typescript.map(({ samplesPerSecond }) => samplesPerSecond)),
    typescriptTimed,
    operationsPerRow: operations,
    comparedUpdates: updates,
    losses,
    difference: Math.max(relative('training'), relative('after')),
    tolerance: lossTolerance(workload, updates, 'float32'),
  };
}

/** About so many samples of a workload: whole batches of its first rows, or all rows several times. */
function shareOf({ rows, batchSize }: Workload, samples: number): Share {
  const some = Math.min(rows, Math.max(1, Math.floor(samples / batchSize)) * batchSize);
  return { rows: some, epochs: Math.max(1, Math.floor(samples / some)) };
}

/** In its own process: trains as much as is compared, which warms up too, then a new network for the time it takes. */
export async function measureTraining(task: TrainingTask): Promise<TrainingMeasurement> {
  const { workload, timed, compared } = task;
  const { x, y } = makeData(workload, Math.max(timed.rows, compared.rows));
  const { loss, optimizer, batchSize, inputs } = workload;
  const first = (rows: number) => ({ x: x.subarray(0, rows * inputs), y: y.subarray(0, rows) });

  const judged = createNetwork(task);
  const { epochs } = await judged.fit(first(compared.rows), { loss, optimizer, batchSize, epochs: compared.epochs });
  const training = epochs.reduce((sum, epoch) => sum + epoch.loss, 0) / epochs.length;
  const after = await judged.evaluate(first(Math.min(256, compared.rows)), { loss });
  judged.dispose();

  const network = createNetwork(task);
  const history = await network.fit(first(timed.rows), { loss, optimizer, batchSize, epochs: timed.epochs });
  if (!Number.isFinite(history.epochs.at(-1)?.loss)) throw new Error(`expected a finite loss for ${workload.name}`);
  return {
    samplesPerSecond: (timed.rows * timed.epochs) / history.seconds,
    losses: { training, after: after.loss },
  };
}

/** The workload's network on exactly this backend and instruction set. */
export function createNetwork({
  backend,
  isa,
  threads,
  workload,
}: Pick<TrainingTask, 'backend' | 'isa' | 'threads' | 'workload'>): Network {
  const { inputs, layers } = workload;
  const network = new Network({ inputs, layers, seed: 1, backend, threads });
  const { name, isa: got } = network.backend;
  if (name !== backend || got !== isa) throw new Error(`expected ${backend} ${isa} for the bench, got ${name} ${got}`);
  return network;
}
