/** How every contender in JavaScript is timed. */
import type { TrainingTask } from '../tasks.js';

/** What a lap does before it is timed, relative to what is timed: after a stop a process is slower at first. */
export const untimedShare = 0.25;

/**
 * Warms `train` up, which trains on about so many updates, one at least, and returns how many rows that were; then returns what
 * trains for about as long as a lap is to take, and tells rows per second.
 */
export async function warmUpTraining(
  { warmUp, seconds, case: { batchSize } }: Pick<TrainingTask, 'warmUp' | 'seconds' | 'case'>,
  train: (updates: number) => number | Promise<number>,
): Promise<() => Promise<number>> {
  const started = performance.now();
  const rowsPerSecond = async (updates: number): Promise<{ rows: number; speed: number }> => {
    const before = performance.now();
    const rows = await train(updates);
    return { rows, speed: (1000 * rows) / (performance.now() - before) };
  };
  // Twice as many updates each time, until a call fills a lap; then on until warm, if that can be reached at all.
  let updates = 1;
  for (let done = 0; ; ) {
    const { rows, speed } = await rowsPerSecond(updates);
    done += rows / batchSize;
    const updatesPerSecond = speed / batchSize;
    const filling = updatesPerSecond * seconds;
    const filled = 2 * updates > filling;
    updates = filled ? Math.max(1, Math.floor(filling)) : 2 * updates;
    const passed = (performance.now() - started) / 1000;
    const reachable = (warmUp.mostSeconds - passed) * updatesPerSecond;
    const updated = done >= warmUp.updates || reachable < warmUp.updates - done;
    if (filled && updated && passed >= warmUp.leastSeconds) break;
  }
  return async () => {
    const untimed = Math.floor(updates * untimedShare);
    if (untimed > 0) await train(untimed);
    return (await rowsPerSecond(updates)).speed;
  };
}

/** Of an inference. */
const lapSeconds = 0.1;

/** Warms `predict` up, and returns what calls it for as long as a lap takes, and tells calls per second. */
export async function warmUpInference(predict: () => unknown): Promise<() => Promise<number>> {
  const secondsOf = async (calls: number): Promise<number> => {
    const started = performance.now();
    for (let i = 0; i < calls; i++) {
      // Awaiting what is no promise would be charged to contenders that answer at once.
      const pending = predict();
      if (pending instanceof Promise) await pending;
    }
    return (performance.now() - started) / 1000;
  };
  let calls = 1;
  while ((await secondsOf(calls)) < lapSeconds) calls *= 2;
  return async () => {
    await secondsOf(Math.floor(calls * untimedShare));
    return calls / (await secondsOf(calls));
  };
}
