/** The process in which one thing is measured: says that it is up, takes one task, answers and ends. */
import { loadAddon } from '../src/backend/load.js';
import type { Addon } from '../src/backend/native.js';
import type { Dtype } from '../src/index.js';
import { type GemmMeasurement, type GemmTask, measureGemm } from './gemm.bench.js';
import { type InferenceMeasurement, type InferenceTask, measureInference } from './inference.bench.js';
import { measureTraining, type TrainingMeasurement, type TrainingTask } from './training.bench.js';

export interface PeakTask {
  readonly kind: 'peak';
  readonly isa: string;
  readonly dtype: Dtype;
}

export interface PeakMeasurement {
  readonly operationsPerSecond: number;
}

export type Task = PeakTask | GemmTask | TrainingTask | InferenceTask;
export type Measurement<T extends Task> = {
  peak: PeakMeasurement;
  gemm: GemmMeasurement;
  training: TrainingMeasurement;
  inference: InferenceMeasurement;
}[T['kind']];

/** Long enough to outlast the differences between the starts of processes that measure at once. */
const peakSeconds = 0.5;

function measurePeak({ isa, dtype }: PeakTask): PeakMeasurement {
  const addon = loadAddon().addon as Addon;
  const rounds = 1_000_000;
  addon.peak(isa, dtype, rounds); // for the clock to settle at what these instructions run at
  let operations = 0;
  const started = performance.now();
  let seconds = 0;
  while (seconds < peakSeconds) {
    operations += addon.peak(isa, dtype, rounds);
    seconds = (performance.now() - started) / 1000;
  }
  return { operationsPerSecond: operations / seconds };
}

async function measure(task: Task): Promise<Measurement<Task>> {
  switch (task.kind) {
    case 'peak':
      return measurePeak(task);
    case 'gemm':
      return measureGemm(task);
    case 'training':
      return measureTraining(task);
    case 'inference':
      return measureInference(task);
  }
}

process.once('message', async (task: Task) => {
  process.send?.(await measure(task), () => process.disconnect());
});
process.send?.('up');
