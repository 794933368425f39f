import { chainrule } from './contenders/programs.js';
import type { Entrant } from './contenders/registry.js';
import { allCores } from './machine.js';
import { run } from './processes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { Answer, Task } from './tasks.js';

/** A variant this much slower than its contender's fastest is not that contender's best: it has no further turn. */
const variantShare = 0.8;

export interface Race<E extends Entrant, T extends Task> {
  readonly entrants: readonly E[];
  readonly rounds: number;
  /** Those whose peak is measured in each round: a machine's speed changes over minutes. */
  readonly isas: readonly string[];
  readonly task: T;
  readonly speedOf: (answer: Answer<T>) => number;
  readonly afterTurn?: (entrant: E) => void;
}

/** What an entrant answered in each of its turns, and the peaks of those rounds. */
export interface Turns<E extends Entrant, T extends Task> {
  readonly entrant: E;
  readonly answers: readonly Answer<T>[];
  readonly peaks: readonly Peaks[];
}

/**
 * Gives the entrants the task in turn, each time in a fresh process, after the peaks have been measured in each round.
 * One whose process fails is reported, and left out.
 */
export async function takeTurns<E extends Entrant, T extends Task>(race: Race<E, T>): Promise<Turns<E, T>[]> {
  const all = race.entrants.map((entrant) => ({ entrant, answers: [] as Answer<T>[], peaks: [] as Peaks[] }));
  let running = all;
  for (let round = 0; round < race.rounds; round++) {
    const peak = await measurePeaks(race.isas);
    for (const { entrant, answers, peaks } of running) {
      try {
        answers.push(await run(entrant.program, race.task));
        peaks.push(peak);
        race.afterTurn?.(entrant);
      } catch (error) {
        console.error(`${entrant.contender}: ${error instanceof Error ? error.message : error}`);
        process.exitCode = 1;
      }
    }
    const speedOfTurns = ({ answers }: (typeof all)[number]) => medianSpeed(answers, race.speedOf);
    running = running.filter((turns) => {
      const { contender, once } = turns.entrant;
      const variants = running.filter(({ entrant }) => entrant.contender === contender);
      return !once && speedOfTurns(turns) > variantShare * Math.max(...variants.map(speedOfTurns));
    });
  }
  return all.filter(({ answers }) => answers.length > 0);
}

/** Of each contender, its fastest variant's figure. */
export function fastestOf<F extends { readonly contender: string }>(
  figures: readonly F[],
  speedOf: (figure: F) => number,
): F[] {
  const fastest = new Map<string, F>();
  for (const figure of figures) {
    const other = fastest.get(figure.contender);
    if (!other || speedOf(figure) > speedOf(other)) fastest.set(figure.contender, figure);
  }
  return [...fastest.values()];
}

function medianSpeed<A>(answers: readonly A[], speedOf: (answer: A) => number): number {
  return answers.length === 0 ? 0 : spreadOf(answers.map(speedOf)).median;
}

/** Floating-point operations per second of multiply-adds in registers, by instruction set: what no product can exceed. */
export type Peaks = Readonly<Record<string, { readonly oneCore: number; readonly allCores: number }>>;

/** What a contender is set against. */
export interface Ceiling {
  /** The best one where it is not named. */
  readonly isa?: string;
  readonly all: boolean;
}

/** Speeds of turns, in operations per second, as shares of what was the peak just then. */
export function sharesOfPeak(speeds: readonly number[], peaks: readonly Peaks[], { isa, all }: Ceiling): Spread {
  return spreadOf(
    speeds.map((speed, turn) => {
      const { oneCore, allCores } = peaks[turn][isa ?? Object.keys(peaks[turn])[0]];
      return speed / (all ? allCores : oneCore);
    }),
  );
}

async function measurePeaks(isas: readonly string[]): Promise<Peaks> {
  const [alone] = await measurePeak(isas, 1);
  const together = await measurePeak(isas, allCores);
  return Object.fromEntries(
    isas.map((isa, i) => [isa, { oneCore: alone[i], allCores: together.reduce((sum, speeds) => sum + speeds[i], 0) }]),
  );
}

async function measurePeak(isas: readonly string[], processes: number): Promise<(readonly number[])[]> {
  // By then all are up.
  const task = { kind: 'peak', isas, startAt: Date.now() + 200 } as const;
  const program = chainrule(isas[0], 1);
  const answers = await Promise.all(Array.from({ length: processes }, () => run(program, task)));
  return answers.map(({ operationsPerSecond }) => operationsPerSecond);
}
