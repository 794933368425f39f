import { type OpenCase, readOutputs, withCase } from './cases.js';
import { ceilingOf, inferenceEntrants, type Likeness, type NetworkEntrant, ours } from './contenders/registry.js';
import type { Settings } from './settings.js';
import { type Inference, inferences, operationsPerPrediction } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { InferenceTask } from './tasks.js';
import { lossTolerance } from './tolerance.js';
import { fastestOf, ratioOf, shareOfPeak, speedsOf, takeTurns } from './turns.js';

export interface InferenceResult {
  readonly inference: string;
  readonly rows: number;
  readonly operationsPerRow: number;
  /** Between outputs, which are shares of 1: what rounding explains. */
  readonly tolerance: number;
  readonly contenders: readonly InferenceFigure[];
}

export interface InferenceFigure {
  readonly contender: string;
  /** The fastest. */
  readonly variant: string;
  readonly likeness: Likeness;
  readonly ran: string;
  /** Of a call, for all rows. */
  readonly seconds: Spread;
  /** Of the peak just then. */
  readonly share: Spread;
  /** How many times as fast this library was. */
  readonly lead?: Spread;
  /** From this library's outputs, the largest. */
  readonly difference: number;
}

export async function benchInference(settings: Settings): Promise<InferenceResult[]> {
  const results: InferenceResult[] = [];
  for (const inference of inferences.filter(({ name }) => settings.wants(name))) {
    const { name, rows } = inference;
    const entrants = settings.among(inferenceEntrants(inference, settings.isas, settings.tools));
    const measured = await withCase({ ...inference.workload, name, rows }, (opened) =>
      benchPrediction(inference, opened, entrants, settings),
    );
    results.push(measured);
  }
  return results;
}

async function benchPrediction(
  { name, rows, workload }: Inference,
  { given, x, network }: OpenCase,
  entrants: readonly NetworkEntrant[],
  { fastIsas, rounds }: Settings,
): Promise<InferenceResult> {
  const expected = network.predictSync(x).data;
  const differences = new Map<NetworkEntrant, number>();
  const turns = await takeTurns({
    entrants,
    rounds,
    laps: 12,
    isas: fastIsas,
    task: { kind: 'inference', case: given } satisfies InferenceTask,
    whenReady: (entrant) => differences.set(entrant, largestDifference(readOutputs(given), expected)),
  });
  const own = turns.find(({ entrant }) => entrant.contender === ours.best);
  const operations = rows * operationsPerPrediction(workload);
  const contenders = fastestOf(turns).map(({ entrant, laps, answer }): InferenceFigure => {
    const { contender, variant, likeness } = entrant;
    return {
      contender,
      variant,
      likeness,
      ran: answer.ran,
      seconds: spreadOf(speedsOf(laps).map((callsPerSecond) => 1 / callsPerSecond)),
      share: shareOfPeak(laps, operations, ceilingOf(contender)),
      ...(own && { lead: ratioOf(own.laps, laps) }),
      difference: differences.get(entrant)!,
    };
  });
  return {
    inference: name,
    rows,
    operationsPerRow: operationsPerPrediction(workload),
    tolerance: lossTolerance(workload, 0, 'float32'),
    contenders,
  };
}

function largestDifference(outputs: Float32Array, expected: ArrayLike<number>): number {
  return outputs.reduce((largest, output, i) => Math.max(largest, Math.abs(output - expected[i])), 0);
}
