import { availableParallelism } from 'node:os';
import type { BackendChoice } from '../src/backend/select.js';
import type { FloatArray } from '../src/index.js';
import { makeData } from './data.js';
import { interleave, type PeakMeter, type Spread, spreadOf } from './harness.js';
import { type Inference, inferences } from './shapes.js';
import { lossTolerance } from './tolerance.js';
import { createNetwork } from './training.bench.js';

export interface InferenceTask {
  readonly kind: 'inference';
  readonly backend: Exclude<BackendChoice, 'auto'>;
  readonly isa: string;
  readonly threads: number;
  readonly inference: Inference;
}

export interface InferenceMeasurement {
  /** Per call, in each sample. */
  readonly seconds: readonly number[];
  readonly outputs: FloatArray;
}

export interface InferenceResult {
  readonly inference: Inference;
  /** Seconds per call. */
  readonly native: Spread;
  readonly typescript: Spread;
  /** Of any output, absolute: outputs are shares of 1. */
  readonly difference: number;
  readonly tolerance: number;
}

/** `predictSync` on the native backend with all threads and on TypeScript, interleaved. */
export async function benchInference(isa: string, meter: PeakMeter, rounds: number): Promise<InferenceResult[]> {
  const results: InferenceResult[] = [];
  for (const inference of inferences) {
    const tasks: InferenceTask[] = [
      { kind: 'inference', backend: 'native', isa, threads: availableParallelism(), inference },
      { kind: 'inference', backend: 'typescript', isa: 'none', threads: 1, inference },
    ];
    const [native, typescript] = await interleave(tasks, rounds, meter);
    const differences = native[0].outputs.map((output, i) => Math.abs(output - typescript[0].outputs[i]));
    results.push({
      inference,
      native: spreadOf(native.flatMap(({ seconds }) => seconds)),
      typescript: spreadOf(typescript.flatMap(({ seconds }) => seconds)),
      difference: Math.max(...differences),
      tolerance: lossTolerance(inference.workload, 0, 'float32'),
    });
  }
  return results;
}

const samples = 5;
const sampleSeconds = 0.1;

/** In its own process. */
export function measureInference(task: InferenceTask): InferenceMeasurement {
  const { workload, rows } = task.inference;
  const { x } = makeData(workload, rows);
  const network = createNetwork({ ...task, workload });
  const secondsOf = (calls: number): number => {
    const started = performance.now();
    for (let i = 0; i < calls; i++) network.predictSync(x);
    return (performance.now() - started) / 1000;
  };
  let calls = 1;
  while (secondsOf(calls) < sampleSeconds) calls *= 2;
  const seconds = Array.from({ length: samples }, () => secondsOf(calls) / calls);
  return { seconds, outputs: network.predictSync(x).data };
}
