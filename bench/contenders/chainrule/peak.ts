import { setTimeout } from 'node:timers/promises';
import { loadAddon } from '../../../src/backend/load.js';
import type { Addon } from '../../../src/backend/native.js';
import type { PeakAnswer, PeakTask } from '../../tasks.js';

/** Some milliseconds of work between looks at the clock. */
const rounds = 1_000_000;
/** Of each instruction set: a part for the clock to settle at what its instructions run at, and the part measured. */
const settlingMilliseconds = 100;
const measuredMilliseconds = 250;

export async function measurePeak({ isas, startAt }: PeakTask): Promise<PeakAnswer> {
  const addon = loadAddon().addon as Addon;
  const operationsPerSecond: number[] = [];
  for (const [i, isa] of isas.entries()) {
    const from = startAt + i * (settlingMilliseconds + measuredMilliseconds);
    await setTimeout(from - Date.now());
    while (Date.now() < from + settlingMilliseconds) addon.peak(isa, 'float32', rounds);
    let operations = 0;
    const started = performance.now();
    let elapsed = 0;
    while (elapsed < measuredMilliseconds) {
      operations += addon.peak(isa, 'float32', rounds);
      elapsed = performance.now() - started;
    }
    operationsPerSecond.push((1000 * operations) / elapsed);
  }
  return { operationsPerSecond };
}
