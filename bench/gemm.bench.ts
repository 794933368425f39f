import { type GemmEntrant, gemmEntrants, gemmLibraries, ours } from './contenders/registry.js';
import type { Settings } from './settings.js';
import { type GemmShape, gemmShapes } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { GemmTask } from './tasks.js';
import { type Lap, ratioOf, shareOfPeak, speedsOf, type Turns, takeTurns } from './turns.js';

/** Of long products fewer. */
const lapsOf = ({ m, n, k }: GemmShape) => (m * n * k > 5e9 ? 4 : 12);

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
  /** Of the peak just then. */
  readonly share: Spread;
  /** Of this library's figure: the fastest of those made for it alone, on as many threads or fewer. */
  readonly best?: Best;
}

export interface Best {
  readonly library: string;
  readonly threads: number;
  readonly speed: Spread;
  /** How many times as fast this library was. */
  readonly lead: Spread;
}

/** Each shape by each library on one thread and on all; each process checks its answers before and after it is timed. */
export async function benchGemm({ isas, fastIsas, tools, rounds, wants, among }: Settings): Promise<GemmResult[]> {
  const entrants = among(gemmEntrants(isas, tools));
  const results: GemmResult[] = [];
  for (const shape of gemmShapes.filter(({ name }) => wants(name))) {
    const task: GemmTask = { kind: 'gemm', shape };
    const turns = await takeTurns({ entrants, rounds, laps: lapsOf(shape), isas: fastIsas, task });
    const contenders = turns.map(({ entrant, laps, answer }): GemmFigure => {
      const { library, threads } = entrant;
      const share = shareOfPeak(laps, 1, { all: threads > 1 });
      const best = library === ours.best ? bestLibrary(turns, laps, threads) : undefined;
      return { library, threads, ran: answer.ran, speed: spreadOf(speedsOf(laps)), share, ...(best && { best }) };
    });
    results.push({ shape, contenders });
  }
  return results;
}

function bestLibrary(
  turns: readonly Turns<GemmEntrant, GemmTask>[],
  own: readonly Lap[],
  most: number,
): Best | undefined {
  return turns
    .filter(
      ({ entrant }) => entrant.threads <= most && gemmLibraries.some(({ library }) => library === entrant.library),
    )
    .map(({ entrant: { library, threads }, laps }) => {
      return { library, threads, speed: spreadOf(speedsOf(laps)), lead: ratioOf(own, laps) };
    })
    .toSorted((a, b) => a.lead.median - b.lead.median)
    .at(0);
}
