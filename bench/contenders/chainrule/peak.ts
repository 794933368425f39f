import { loadAddon } from '../../../src/backend/load.js';
import type { Addon } from '../../../src/backend/native.js';
import type { Laps, PeakTask, Ran } from '../../tasks.js';

/** A millisecond of work or so between looks at the clock. */
const rounds = 200_000;
/** Of a lap: a part for the clock to settle at what its instructions run at, and the part measured. */
const settlingMilliseconds = 15;
const measuredMilliseconds = 40;

export function measurePeak({ isa }: PeakTask): Laps<Ran> {
  const addon = loadAddon().addon as Addon;
  const speedOver = (milliseconds: number): number => {
    let operations = 0;
    const started = performance.now();
    let elapsed = 0;
    while (elapsed < milliseconds) {
      operations += addon.peak(isa, 'float32', rounds);
      elapsed = performance.now() - started;
    }
    return (1000 * operations) / elapsed;
  };
  const lap = (): number => {
    speedOver(settlingMilliseconds);
    return speedOver(measuredMilliseconds);
  };
  return { lap, answer: () => ({ ran: isa }) };
}
