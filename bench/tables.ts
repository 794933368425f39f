import Table from 'cli-table3';
import type { GemmResult } from './gemm.bench.js';
import type { Peak, Spread } from './harness.js';
import type { InferenceResult } from './inference.bench.js';
import type { TrainingResult } from './training.bench.js';

export function gemmTable(results: readonly GemmResult[], { oneCore, allCores }: Peak): string {
  const threads = results[0].native.map(({ threads }) => threads);
  const head = [
    'GEMM, float32',
    ...threads.flatMap((n) => [`${n} thread${n > 1 ? 's' : ''}`, '±', 'peak']),
    'TypeScript',
    '±',
    'ratio',
  ];
  const rows = results.map(({ shape, native, typescript }) => {
    const fastest = Math.max(...native.map(({ speed }) => speed.median));
    return [
      shape.name,
      ...native.flatMap(({ threads, speed }) => [
        giga(speed.median),
        spread(speed),
        percent(speed.median / (threads === 1 ? oneCore : allCores).median),
      ]),
      giga(typescript.median),
      spread(typescript),
      ratio(fastest / typescript.median),
    ];
  });
  return format(head, rows);
}

export function trainingTable(results: readonly TrainingResult[], { allCores }: Peak): string {
  const head = [
    'training, float32',
    'samples/s',
    '±',
    'GFLOP/s',
    'peak',
    'TypeScript',
    '±',
    'ratio',
    'Δ loss',
    'may be',
  ];
  const rows = results.map(({ workload, native, typescript, operationsPerRow, difference, tolerance }) => [
    workload.name,
    count(native.median),
    spread(native),
    giga(native.median * operationsPerRow),
    percent((native.median * operationsPerRow) / allCores.median),
    count(typescript.median),
    spread(typescript),
    ratio(native.median / typescript.median),
    difference.toExponential(1),
    tolerance.toExponential(1),
  ]);
  return format(head, rows);
}

export function inferenceTable(results: readonly InferenceResult[]): string {
  const head = ['predictSync, float32', 'rows', 'µs', '±', 'rows/s', 'TypeScript µs', '±', 'ratio', 'Δ', 'may be'];
  const rows = results.map(({ inference, native, typescript, difference, tolerance }) => [
    inference.name,
    count(inference.rows),
    (1e6 * native.median).toFixed(1),
    spread(native),
    count(inference.rows / native.median),
    (1e6 * typescript.median).toFixed(1),
    spread(typescript),
    ratio(typescript.median / native.median),
    difference.toExponential(1),
    tolerance.toExponential(1),
  ]);
  return format(head, rows);
}

export function describePeak({ oneCore, allCores }: Peak): string {
  const range = ({ median, minimum, maximum }: Spread) =>
    `${giga(median)} GFLOP/s (${giga(minimum)} to ${giga(maximum)})`;
  return `peak: ${range(oneCore)} on one core, ${range(allCores)} on all`;
}

function format(head: string[], rows: string[][]): string {
  const colAligns = head.map((_, i) => (i === 0 ? 'left' : 'right'));
  const table = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  table.push(...rows);
  return table.toString();
}

/** Half of the whole range, relative to the median. */
function spread({ minimum, maximum, median }: Spread): string {
  return percent((maximum - minimum) / 2 / median);
}

function giga(operationsPerSecond: number): string {
  return (operationsPerSecond / 1e9).toFixed(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function ratio(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)}×`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
