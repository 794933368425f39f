import { type OpenCase, readOutputs, withCase } from './cases.js';
import { ceilingOf, type Likeness, type NetworkEntrant, ours, trainingEntrants } from './contenders/registry.js';
import { lossOf } from './losses.js';
import type { Settings } from './settings.js';
import { operationsPerRow, type Workload, workloads } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { Case, TrainingTask } from './tasks.js';
import { lossTolerance } from './tolerance.js';
import { fastestOf, ratioOf, shareOfPeak, speedsOf, takeTurns } from './turns.js';

export interface TrainingResult {
  readonly workload: string;
  readonly operationsPerRow: number;
  readonly comparedUpdates: number;
  /** Before any update. */
  readonly firstLoss: number;
  /** The relative difference between losses that rounding explains. */
  readonly tolerance: number;
  readonly contenders: readonly TrainingFigure[];
}

export interface TrainingFigure {
  readonly contender: string;
  /** The fastest. */
  readonly variant: string;
  readonly likeness: Likeness;
  readonly ran: string;
  /** Rows per second. */
  readonly speed: Spread;
  /** Of the peak just then. */
  readonly share: Spread;
  /** How many times as fast this library was. */
  readonly lead?: Spread;
  /** The same of its TypeScript. */
  readonly typescriptLead?: Spread;
  readonly peakBytes: number;
  /** After the compared updates. */
  readonly loss: number;
}

export async function benchTraining(settings: Settings): Promise<TrainingResult[]> {
  const results: TrainingResult[] = [];
  for (const workload of workloads.filter(({ name }) => settings.wants(name))) {
    const entrants = settings.among(trainingEntrants(workload, settings.isas, settings.tools));
    results.push(await withCase(workload, (opened) => benchWorkload(opened, entrants, settings)));
  }
  return results;
}

async function benchWorkload(
  { given, x, y, network }: OpenCase,
  entrants: readonly NetworkEntrant[],
  { fastIsas, rounds }: Settings,
): Promise<TrainingResult> {
  const task = trainingTask(given);
  const firstOutputs = network.predictSync(x.subarray(0, task.judgedRows * given.inputs));
  const losses = new Map<NetworkEntrant, number>();
  const turns = await takeTurns({
    entrants,
    rounds,
    laps: 5,
    isas: fastIsas,
    task,
    whenReady: (entrant) => losses.set(entrant, lossOf(given, readOutputs(given), y)),
  });
  const turnsOf = (contender: string) => turns.find(({ entrant }) => entrant.contender === contender);
  const [own, typescript] = [turnsOf(ours.best), turnsOf(ours.typescript)];
  const contenders = fastestOf(turns).map(({ entrant, laps, answer }): TrainingFigure => {
    const { contender, variant, likeness } = entrant;
    return {
      contender,
      variant,
      likeness,
      ran: answer.ran,
      speed: spreadOf(speedsOf(laps)),
      share: shareOfPeak(laps, operationsPerRow(given), ceilingOf(contender)),
      ...(own && { lead: ratioOf(own.laps, laps) }),
      ...(typescript && { typescriptLead: ratioOf(typescript.laps, laps) }),
      peakBytes: answer.peakBytes,
      loss: losses.get(entrant)!,
    };
  });
  const updates = comparedUpdates(given);
  return {
    workload: given.name,
    operationsPerRow: operationsPerRow(given),
    comparedUpdates: updates,
    firstLoss: lossOf(given, firstOutputs.data as Float32Array, y),
    tolerance: lossTolerance(given, updates, 'float32'),
    contenders,
  };
}

/** Past which Adam's moments would turn denormal. */
const adamUpdates = 1000;
const otherUpdates = 20;
/** By then this library has had the system put data of MNIST's size into large pages. */
const leastWarmUpSeconds = 4;
const judgedRows = 256;

export function trainingTask(given: Case): TrainingTask {
  const { batchSize, rows, optimizer } = given;
  const updates = comparedUpdates(given);
  const some = Math.min(rows - (rows % batchSize), updates * batchSize);
  const adam = optimizer.type === 'adam';
  return {
    kind: 'training',
    case: given,
    compared: { rows: some, epochs: Math.round((updates * batchSize) / some) },
    judgedRows: Math.min(judgedRows, some),
    warmUp: { updates: adam ? adamUpdates : otherUpdates, leastSeconds: leastWarmUpSeconds, mostSeconds: 6 },
    seconds: 1,
  };
}

/**
 * Updates after which losses are compared: few enough that rounding errors have not been magnified by the training itself (a ReLU
 * that switches with one contender a step earlier ends any comparison), enough that a wrong update shows.
 */
const compared = { minimum: 2, maximum: 100, operations: 1e9 };

function comparedUpdates(workload: Workload): number {
  const affordable = Math.floor(compared.operations / (operationsPerRow(workload) * workload.batchSize));
  return Math.max(compared.minimum, Math.min(compared.maximum, affordable));
}
