import { readFileSync, writeFileSync } from 'node:fs';
import { type Table, toConsole, toMarkdown } from './format.js';
import type { Figures, Report } from './report.js';
import {
  denormalsTable,
  gemmTable,
  inferenceTable,
  memoryTable,
  scalingTable,
  togetherTable,
  trainingMatrix,
  trainingTable,
} from './tables.js';
import { furtherTable, targetTable } from './targets.js';

/** All tables, for the console. */
export function describe(report: Report): string {
  return sections(report)
    .flatMap(({ machine, tables }) => [machine, ...tables.map(toConsole)])
    .join('\n');
}

/** Replaces what stands between two marks, in the bench's README and in the project's. */
export function updateReadmes(report: Report): void {
  const all = sections(report).flatMap(({ title, machine, tables }) => [
    `### ${title}`,
    machine,
    ...tables.map(toMarkdown),
  ]);
  const targets = [targetTable(report), furtherTable(report)].filter(({ rows }) => rows.length > 0).map(toMarkdown);
  const charts = [
    ...(report.training ? [trainingChart('results/'), '![Shares of the peak](results/peak.svg)'] : []),
    ...(report.scaling ? ['![Time per multiply-add](results/scaling.svg)'] : []),
  ];
  replace('./README.md', [...charts, ...targets, ...all].join('\n\n'));
  if (report.training) {
    replace(
      '../README.md',
      [
        trainingChart('bench/results/'),
        machineLine(report.training),
        toMarkdown(trainingMatrix(report.training.results)),
      ].join('\n\n'),
    );
  }
}

function trainingChart(folder: string): string {
  return `![Training: rows per second, this library and others](${folder}training.svg)`;
}

function replace(path: string, content: string): void {
  const file = new URL(path, import.meta.url);
  const [start, end] = ['<!-- results -->', '<!-- end of results -->'];
  const text = readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`expected ${start} and ${end} for the results in ${path}, got neither`);
  writeFileSync(file, `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`);
}

interface Section {
  readonly title: string;
  readonly machine: string;
  readonly tables: readonly Table[];
}

function sections({ gemm, training, inference, scaling, together, denormals, memory }: Report): Section[] {
  const section = <R>(title: string, figures: Figures<R> | undefined, tables: (results: readonly R[]) => Table[]) =>
    figures ? [{ title, machine: machineLine(figures), tables: tables(figures.results) }] : [];
  return [
    ...section('Training', training, (results) => [trainingMatrix(results), ...results.map(trainingTable)]),
    ...section('GEMM', gemm, (results) => [gemmTable(results)]),
    ...section('Inference', inference, (results) => results.map(inferenceTable)),
    ...section('Scaling', scaling, (results) => [scalingTable(results)]),
    ...section('Side by side', together, (results) => [togetherTable(results)]),
    ...section('Denormals', denormals, (results) => [denormalsTable(results)]),
    ...section('Memory', memory, (results) => results.map(memoryTable)),
  ];
}

function machineLine({ measured, machine, isas, rounds }: Figures<unknown>): string {
  const { processor, cores, memoryGiB, load, system, node } = machine;
  return (
    `${measured.slice(0, 10)}: ${processor}, ${cores} cores, ${memoryGiB} GiB, load ${load}; ${system}, Node ${node}; ` +
    `${isas.join(', ')}; --rounds ${rounds}`
  );
}
