import { type OpenCase, readOutputs, withCase } from './cases.js';
import { ceilingOf, inferenceEntrants, type Likeness, type NetworkEntrant } from './contenders/registry.js';
import type { Settings } from './settings.js';
import { type Inference, inferences, operationsPerPrediction } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { InferenceTask } from './tasks.js';
import { lossTolerance } from './tolerance.js';
import { fastestOf, sharesOfPeak, takeTurns } from './turns.js';

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
  /** Of the peak in the same round, of each turn. */
  readonly share: Spread;
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
    isas: fastIsas,
    task: { kind: 'inference', case: given } satisfies InferenceTask,
    speedOf: ({ seconds }) => 1 / spreadOf(seconds).median,
    afterTurn: (entrant) => differences.set(entrant, largestDifference(readOutputs(given), expected)),
  });
  const figures = turns.map(({ entrant, answers, peaks }): InferenceFigure => {
    const { contender, variant, likeness } = entrant;
    const seconds = spreadOf(answers.flatMap((answer) => answer.seconds));
    const operations = rows * operationsPerPrediction(workload);
    const speeds = answers.map((answer) => operations / spreadOf(answer.seconds).median);
    const share = sharesOfPeak(speeds, peaks, ceilingOf(contender));
    return { contender, variant, likeness, ran: answers[0].ran, seconds, share, difference: differences.get(entrant)! };
  });
  return {
    inference: name,
    rows,
    operationsPerRow: operationsPerPrediction(workload),
    tolerance: lossTolerance(workload, 0, 'float32'),
    contenders: fastestOf(figures, ({ seconds }) => 1 / seconds.median),
  };
}

function largestDifference(outputs: Float32Array, expected: ArrayLike<number>): number {
  return outputs.reduce((largest, output, i) => Math.max(largest, Math.abs(output - expected[i])), 0);
}
