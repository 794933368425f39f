/** How every contender in JavaScript is timed. */
import type { TrainingTask } from '../tasks.js';

/** Into which the time is split that a training is measured for: so the spread shows in one process too. */
const trainingSamples = 2;

/**
 * Rows per second of `train`, which trains on about so many updates, one at least, and returns how many rows that were: in
 * some samples of equal time after the warm-up.
 */
export async function timeTraining(
  { warmUp, seconds, case: { batchSize } }: Pick<TrainingTask, 'warmUp' | 'seconds' | 'case'>,
  train: (updates: number) => number | Promise<number>,
): Promise<number[]> {
  const started = performance.now();
  const call = async (updates: number): Promise<{ rows: number; seconds: number }> => {
    const before = performance.now();
    const rows = await train(updates);
    return { rows, seconds: (performance.now() - before) / 1000 };
  };
  // Twice as many updates each time, until a call fills a sample; then on until warm, if that can be reached at all.
  let updates = 1;
  for (let done = 0; ; ) {
    const { rows, seconds: taken } = await call(updates);
    done += rows / batchSize;
    const updatesPerSecond = rows / batchSize / taken;
    const filling = (updatesPerSecond * seconds) / trainingSamples;
    const filled = 2 * updates > filling;
    updates = filled ? Math.max(1, Math.floor(filling)) : 2 * updates;
    const passed = (performance.now() - started) / 1000;
    const reachable = (warmUp.mostSeconds - passed) * updatesPerSecond;
    const updated = done >= warmUp.updates || reachable < warmUp.updates - done;
    if (filled && updated && passed >= warmUp.leastSeconds) break;
  }
  const speeds: number[] = [];
  for (let left = seconds; left > 0; ) {
    const sample = await call(updates);
    speeds.push(sample.rows / sample.seconds);
    left -= sample.seconds;
  }
  return speeds;
}

const inferenceSamples = 5;
const inferenceSampleSeconds = 0.1;

/** Seconds per call. */
export async function timeInference(predict: () => unknown): Promise<number[]> {
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
  while ((await secondsOf(calls)) < inferenceSampleSeconds) calls *= 2;
  const seconds: number[] = [];
  for (let i = 0; i < inferenceSamples; i++) seconds.push((await secondsOf(calls)) / calls);
  return seconds;
}
