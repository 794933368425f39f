import { chainrule } from './contenders/programs.js';
import type { Entrant } from './contenders/registry.js';
import { allCores } from './machine.js';
import { Runner } from './processes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { Answer, LapTask, PeakTask } from './tasks.js';

/** A variant this much slower than its contender's fastest is not that contender's best: it has no further round. */
const variantShare = 0.8;

export interface Race<E extends Entrant, T extends LapTask> {
  readonly entrants: readonly E[];
  readonly rounds: number;
  /** In each round, of each entrant. */
  readonly laps: number;
  /** Those whose peak is measured before each lap: a machine's speed changes within seconds. */
  readonly isas: readonly string[];
  readonly task: T;
  readonly whenReady?: (entrant: E) => void;
}

export interface Lap {
  /** Counted over all rounds. */
  readonly number: number;
  readonly speed: number;
  /** Just before. */
  readonly peaks: Peaks;
}

/** What an entrant reached. */
export interface Turns<E extends Entrant, T extends LapTask> {
  readonly entrant: E;
  readonly laps: readonly Lap[];
  /** Of its last round. */
  readonly answer: Answer<T>;
}

/**
 * Gives the entrants the task, in each round in fresh processes, which run their laps in turn: the fast ones right after one another.
 * One whose process fails is reported, and left out.
 */
export async function takeTurns<E extends Entrant, T extends LapTask>(race: Race<E, T>): Promise<Turns<E, T>[]> {
  const all = race.entrants.map((entrant): Participant<E, T> => ({ entrant, laps: [] }));
  let running = [...all.filter(({ entrant }) => !entrant.once), ...all.filter(({ entrant }) => entrant.once)];
  for (let round = 0; round < race.rounds; round++) {
    await runLaps(running, round * race.laps, race);
    running = running.filter(({ entrant, laps }) => {
      const variants = running.filter(
        (other) => other.entrant.contender === entrant.contender && other.laps.length > 0,
      );
      const fast = variants.every((other) => ratioOf(laps, other.laps).median > variantShare);
      return !entrant.once && laps.length > 0 && fast;
    });
  }
  return all.flatMap(({ entrant, laps, answer }) => (answer ? [{ entrant, laps, answer }] : []));
}

interface Participant<E extends Entrant, T extends LapTask> {
  readonly entrant: E;
  readonly laps: Lap[];
  answer?: Answer<T>;
}

async function runLaps<E extends Entrant, T extends LapTask>(
  participants: readonly Participant<E, T>[],
  first: number,
  { laps, task, isas, whenReady }: Race<E, T>,
): Promise<void> {
  const runners = new Map<Participant<E, T>, Runner<T>>();
  const attempt = async (participant: Participant<E, T>, step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      console.error(`${participant.entrant.contender}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
      runners.delete(participant);
    }
  };
  const meter = await PeakMeter.start(isas);
  for (const participant of participants) {
    await attempt(participant, async () => {
      const { entrant } = participant;
      runners.set(participant, await Runner.start(entrant.program, task));
      whenReady?.(entrant);
    });
  }
  for (let number = first; number < first + laps; number++) {
    const peaks = await meter.measure();
    for (const [participant, runner] of [...runners]) {
      await attempt(participant, async () => {
        participant.laps.push({ number, speed: await runner.lap(), peaks });
      });
    }
  }
  for (const [participant, runner] of [...runners]) {
    await attempt(participant, async () => {
      participant.answer = await runner.end();
    });
  }
  await meter.end();
}

/**
 * How many times as fast as the other's laps these are, lap by lap, of which there is one in common at least: what slows the machine
 * down for some seconds slows both.
 */
export function ratioOf(laps: readonly Lap[], others: readonly Lap[]): Spread {
  const speeds = new Map(others.map(({ number, speed }) => [number, speed]));
  return spreadOf(laps.flatMap(({ number, speed }) => (speeds.has(number) ? [speed / speeds.get(number)!] : [])));
}

export function speedsOf(laps: readonly Lap[]): number[] {
  return laps.map(({ speed }) => speed);
}

/** Of each contender, its fastest variant. */
export function fastestOf<E extends Entrant, T extends LapTask>(turns: readonly Turns<E, T>[]): Turns<E, T>[] {
  const fastest = new Map<string, Turns<E, T>>();
  for (const one of turns) {
    const other = fastest.get(one.entrant.contender);
    if (!other || ratioOf(one.laps, other.laps).median > 1) fastest.set(one.entrant.contender, one);
  }
  return [...fastest.values()];
}

/** Floating-point operations per second of multiply-adds in registers, by instruction set: what no product can exceed. */
export type Peaks = Readonly<Record<string, { readonly oneCore: number; readonly allCores: number }>>;

/** What a contender is set against. */
export interface Ceiling {
  /** The best one where it is not named. */
  readonly isa?: string;
  readonly all: boolean;
}

/** What was reached, of so many operations for what speeds count, as a share of what was the peak just then. */
export function shareOfPeak(laps: readonly Lap[], operations: number, { isa, all }: Ceiling): Spread {
  return spreadOf(
    laps.map(({ speed, peaks }) => {
      const { oneCore, allCores } = peaks[isa ?? Object.keys(peaks)[0]];
      return (speed * operations) / (all ? allCores : oneCore);
    }),
  );
}

/** Measures peaks, with a process for each core. */
class PeakMeter {
  private constructor(private readonly runners: ReadonlyMap<string, readonly Runner<PeakTask>[]>) {}

  static async start(isas: readonly string[]): Promise<PeakMeter> {
    const runners = new Map<string, Runner<PeakTask>[]>();
    for (const isa of isas) {
      const processes = Array.from({ length: allCores }, () => Runner.start(chainrule(isa, 1), { kind: 'peak', isa }));
      runners.set(isa, await Promise.all(processes));
    }
    return new PeakMeter(runners);
  }

  async measure(): Promise<Peaks> {
    const peaks: Record<string, Peaks[string]> = {};
    for (const [isa, runners] of this.runners) {
      const oneCore = await runners[0].lap();
      const together = await Promise.all(runners.map((runner) => runner.lap()));
      peaks[isa] = { oneCore, allCores: together.reduce((sum, speed) => sum + speed) };
    }
    return peaks;
  }

  async end(): Promise<void> {
    await Promise.all([...this.runners.values()].flat().map((runner) => runner.end()));
  }
}
