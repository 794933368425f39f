import { gemmEntrants } from './contenders/registry.js';
import type { Settings } from './settings.js';
import { type GemmShape, gemmShapes } from './shapes.js';
import { geometricMean, type Spread, spreadOf } from './statistics.js';
import type { GemmTask } from './tasks.js';
import { sharesOfPeak, takeTurns } from './turns.js';

export interface GemmResult {
  readonly shape: GemmShape;
  readonly contenders: readonly GemmFigure[];
}

export interface GemmFigure {
  readonly library: string;
  readonly threads: number;
  readonly ran: string;
  /** Floating-point operations per second. */
  readonly speed: Spread;
  /** Of the peak in the same round, of each turn. */
  readonly share: Spread;
}

/** All shapes by each library on one thread and on all; each process checks its answers before and after it is timed. */
export async function benchGemm({ isas, fastIsas, tools, rounds, wants, among }: Settings): Promise<GemmResult[]> {
  const shapes = gemmShapes.filter(({ name }) => wants(name));
  const turns = await takeTurns({
    entrants: among(gemmEntrants(isas, tools)),
    rounds,
    isas: fastIsas,
    task: { kind: 'gemm', shapes } satisfies GemmTask,
    speedOf: ({ speeds }) => geometricMean(speeds.map((samples) => spreadOf(samples).median)),
  });
  return shapes.map((shape, i) => ({
    shape,
    contenders: turns.map(({ entrant: { library, threads }, answers, peaks }) => ({
      library,
      threads,
      ran: answers[0].ran,
      speed: spreadOf(answers.flatMap(({ speeds }) => speeds[i])),
      share: sharesOfPeak(
        answers.map(({ speeds }) => spreadOf(speeds[i]).median),
        peaks,
        { all: threads > 1 },
      ),
    })),
  }));
}
