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
  readonly meter: PeakMeter;
  readonly task: T;
  readonly speedOf: (answer: Answer<T>) => number;
  readonly afterTurn?: (entrant: E) => void;
}

/** What an entrant answered in each of its turns. */
export interface Turns<E extends Entrant, T extends Task> {
  readonly entrant: E;
  readonly answers: readonly Answer<T>[];
}

/**
 * Gives the entrants the task in turn, each time in a fresh process, with the peak's meter in each round. One whose
 * process fails is reported, and left out.
 */
export async function takeTurns<E extends Entrant, T extends Task>(race: Race<E, T>): Promise<Turns<E, T>[]> {
  const all = race.entrants.map((entrant) => ({ entrant, answers: [] as Answer<T>[] }));
  let running = all;
  for (let round = 0; round < race.rounds; round++) {
    await race.meter.measure();
    for (const { entrant, answers } of running) {
      try {
        answers.push(await run(entrant.program, race.task));
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

/** Floating-point operations per second of multiply-adds in registers: what no product can exceed. */
export interface Peak {
  readonly oneCore: Spread;
  readonly allCores: Spread;
}

export type Peaks = Readonly<Record<string, Peak>>;

export class PeakMeter {
  readonly #samples = new Map<string, { oneCore: number[]; allCores: number[] }>();

  constructor(readonly isas: readonly string[]) {
    for (const isa of isas) this.#samples.set(isa, { oneCore: [], allCores: [] });
  }

  /** To be called between other measurements: a machine's speed changes over minutes. */
  async measure(): Promise<void> {
    const [alone] = await this.#run(1);
    const together = await this.#run(allCores);
    this.isas.forEach((isa, i) => {
      const samples = this.#samples.get(isa)!;
      samples.oneCore.push(alone[i]);
      samples.allCores.push(together.reduce((sum, speeds) => sum + speeds[i], 0));
    });
  }

  get peaks(): Peaks {
    return Object.fromEntries(
      [...this.#samples].map(([isa, { oneCore, allCores }]) => [
        isa,
        { oneCore: spreadOf(oneCore), allCores: spreadOf(allCores) },
      ]),
    );
  }

  async #run(processes: number): Promise<(readonly number[])[]> {
    // By then all are up.
    const task = { kind: 'peak', isas: this.isas, startAt: Date.now() + 200 } as const;
    const program = chainrule(this.isas[0], 1);
    const answers = await Promise.all(Array.from({ length: processes }, () => run(program, task)));
    return answers.map(({ operationsPerSecond }) => operationsPerSecond);
  }
}
