import { gemmEntrants } from './contenders/registry.js';
import type { Settings } from './settings.js';
import { type GemmShape, gemmShapes } from './shapes.js';
import { geometricMean, type Spread, spreadOf } from './statistics.js';
import type { GemmTask } from './tasks.js';
import { PeakMeter, type Peaks, takeTurns } from './turns.js';

export interface GemmResult {
  readonly shape: GemmShape;
  readonly peaks: Peaks;
  readonly contenders: readonly GemmFigure[];
}

export interface GemmFigure {
  readonly library: string;
  readonly threads: number;
  readonly ran: string;
  /** Floating-point operations per second. */
  readonly speed: Spread;
}

/** All shapes by each library on one thread and on all; each process checks its answers before and after it is timed. */
export async function benchGemm({ isas, fastIsas, tools, rounds, wants, among }: Settings): Promise<GemmResult[]> {
  const shapes = gemmShapes.filter(({ name }) => wants(name));
  const meter = new PeakMeter(fastIsas);
  const turns = await takeTurns({
    entrants: among(gemmEntrants(isas, tools)),
    rounds,
    meter,
    task: { kind: 'gemm', shapes } satisfies GemmTask,
    speedOf: ({ speeds }) => geometricMean(speeds.map((samples) => spreadOf(samples).median)),
  });
  const { peaks } = meter;
  return shapes.map((shape, i) => ({
    shape,
    peaks,
    contenders: turns.map(({ entrant: { library, threads }, answers }) => ({
      library,
      threads,
      ran: answers[0].ran,
      speed: spreadOf(answers.flatMap(({ speeds }) => speeds[i])),
    })),
  }));
}
