import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Dtype } from '../src/index.js';
import type { GemmResult } from './gemm.bench.js';
import type { Machine, Peak } from './harness.js';
import type { InferenceResult } from './inference.bench.js';
import { describePeak, gemmTable, inferenceTable, trainingTable } from './tables.js';
import type { TrainingResult } from './training.bench.js';

/** One part of the bench, with all that it depends on. */
export interface Figures<Result> {
  readonly measured: string;
  readonly machine: Machine;
  readonly isa: string;
  readonly dtype: Dtype;
  readonly rounds: number;
  readonly peak: Peak;
  readonly results: readonly Result[];
}

export interface Report {
  gemm?: Figures<GemmResult>;
  training?: Figures<TrainingResult>;
  inference?: Figures<InferenceResult>;
}

const file = new URL('./results/latest.json', import.meta.url);
const readme = new URL('./README.md', import.meta.url);
const heading = '## Last results\n';

/** Enters figures into results/latest.json, where a part that was not run keeps its last ones; returns all. */
export function save(figures: Report): Report {
  const latest = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : {};
  const report = { ...latest, ...figures };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  return report;
}

/** Replaces what the README has under its last heading. */
export function updateReadme(report: Report): void {
  const text = readFileSync(readme, 'utf8');
  const before = text.slice(0, text.indexOf(heading));
  writeFileSync(readme, `${before}${heading}\n\`\`\`\n${describe(report)}\n\`\`\`\n`);
}

/** What was measured, for people. */
export function describe({ gemm, training, inference }: Report): string {
  return [
    ...(gemm ? [section(gemm, gemmTable(gemm.results, gemm.peak))] : []),
    ...(training ? [section(training, trainingTable(training.results, training.peak))] : []),
    ...(inference ? [section(inference, inferenceTable(inference.results))] : []),
  ].join('\n\n');
}

function section({ measured, machine, isa, rounds, peak }: Figures<unknown>, table: string): string {
  const { processor, cores, memoryGiB, load, system, node } = machine;
  return [
    `${measured.slice(0, 10)}: ${processor}, ${cores} cores, ${memoryGiB} GiB, load ${load}; ${system}, Node ${node}`,
    `native backend on ${isa}, ${rounds} rounds; ${describePeak(peak)}`,
    table,
  ].join('\n');
}
