import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { DenormalsResult, TogetherResult } from './endurance.bench.js';
import type { GemmResult } from './gemm.bench.js';
import type { InferenceResult } from './inference.bench.js';
import type { Machine } from './machine.js';
import type { MemoryResult } from './memory.bench.js';
import type { ScalingResult } from './scaling.bench.js';
import type { TrainingResult } from './training.bench.js';

/** What each part of the bench measures. */
export interface Results {
  gemm: GemmResult;
  training: TrainingResult;
  inference: InferenceResult;
  scaling: ScalingResult;
  together: TogetherResult;
  denormals: DenormalsResult;
  memory: MemoryResult;
}

export type Part = keyof Results;

/** One part, with what it depends on. */
export interface Figures<Result> {
  readonly measured: string;
  readonly machine: Machine;
  /** Of the native backend, best first. */
  readonly isas: readonly string[];
  readonly rounds: number;
  readonly results: readonly Result[];
}

export type Report = { readonly [P in Part]?: Figures<Results[P]> };

const file = new URL('./results/latest.json', import.meta.url);

export function load(): Report {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : {};
}

/** Enters a part into results/latest.json, where the others keep their last figures. */
export function save(part: Report): void {
  writeFileSync(file, `${JSON.stringify({ ...load(), ...part }, undefined, 2)}\n`);
}

/** Answers that are not what they should be. */
export function wrongAnswers({ training, inference }: Report): string[] {
  const losses = (training?.results ?? []).flatMap(({ workload, tolerance, contenders }) => {
    const same = contenders.filter(({ likeness }) => likeness === 'same');
    return same
      .filter(({ loss }) => !(Math.abs(loss / same[0].loss - 1) <= tolerance))
      .map(({ contender, loss }) => `${workload}: expected a loss of ${same[0].loss} of ${contender}, got ${loss}`);
  });
  const outputs = (inference?.results ?? []).flatMap(({ inference, tolerance, contenders }) =>
    contenders
      .filter(({ likeness, difference }) => likeness === 'same' && !(difference <= tolerance))
      .map(
        ({ contender, difference }) => `${inference}: expected the same outputs of ${contender}, got ${difference} off`,
      ),
  );
  return [...losses, ...outputs];
}
