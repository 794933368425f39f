import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { Dtype } from '../src/index.js';
import type { Measurement, Task } from './measure.js';

export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, minimum: sorted[0], maximum: sorted[sorted.length - 1] };
}

/** Runs each task in a process of its own, all at once, once every process is up. */
export async function runTogether<T extends Task>(tasks: readonly T[]): Promise<Measurement<T>[]> {
  const processes = await Promise.all(
    tasks.map(async (task) => {
      const child = fork(new URL('./measure.ts', import.meta.url), { serialization: 'advanced' });
      const exited = once(child, 'exit').then(([code, signal]) => {
        throw new Error(`expected a measurement for ${task.kind} on ${task.isa}, got exit code ${code ?? signal}`);
      });
      await Promise.race([once(child, 'message'), exited]);
      return { child, task, exited };
    }),
  );
  return Promise.all(
    processes.map(async ({ child, task, exited }) => {
      child.send(task);
      const [measurement] = (await Promise.race([once(child, 'message'), exited])) as [Measurement<T>];
      exited.catch(() => undefined);
      return measurement;
    }),
  );
}

/**
 * Runs the contenders in turn, `rounds` times, each in a fresh process, and the peak's meter once a round; returns each
 * contender's measurements.
 */
export async function interleave<T extends Task>(
  contenders: readonly T[],
  rounds: number,
  meter: PeakMeter,
): Promise<Measurement<T>[][]> {
  const measurements = contenders.map((): Measurement<T>[] => []);
  for (let round = 0; round < rounds; round++) {
    await meter.measure();
    for (const [i, contender] of contenders.entries()) {
      const [measurement] = await runTogether([contender]);
      measurements[i].push(measurement);
    }
  }
  return measurements;
}

/** Floating-point operations per second of multiply-adds in registers: what no product can exceed. */
export interface Peak {
  readonly oneCore: Spread;
  readonly allCores: Spread;
}

export class PeakMeter {
  readonly #oneCore: number[] = [];
  readonly #allCores: number[] = [];

  constructor(
    readonly isa: string,
    readonly dtype: Dtype,
  ) {}

  /** To be called between other measurements: a machine's speed changes over minutes. */
  async measure(): Promise<void> {
    const task = { kind: 'peak', isa: this.isa, dtype: this.dtype } as const;
    const [alone] = await runTogether([task]);
    const together = await runTogether(Array.from({ length: availableParallelism() }, () => task));
    this.#oneCore.push(alone.operationsPerSecond);
    this.#allCores.push(together.reduce((sum, { operationsPerSecond }) => sum + operationsPerSecond, 0));
  }

  get peak(): Peak {
    return { oneCore: spreadOf(this.#oneCore), allCores: spreadOf(this.#allCores) };
  }
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Processes that wanted to run in the minute before the bench began. */
  readonly load: number;
  readonly system: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Number(loadavg()[0].toFixed(2)),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}
