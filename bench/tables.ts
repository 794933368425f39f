/** What was measured, for people. */
import { type Likeness, ours } from './contenders/registry.js';
import type { DenormalsResult, TogetherResult } from './endurance.bench.js';
import { count, giga, megabytes, microseconds, percent, spread, spreadRatio, type Table } from './format.js';
import type { GemmResult } from './gemm.bench.js';
import type { InferenceResult } from './inference.bench.js';
import type { MemoryResult } from './memory.bench.js';
import type { ScalingResult } from './scaling.bench.js';
import type { TrainingResult } from './training.bench.js';

export function gemmTable(results: readonly GemmResult[]): Table {
  const threads = [...new Set(results.flatMap(({ contenders }) => contenders.map((figure) => figure.threads)))];
  const head = threads.flatMap((n) => [
    `${n} thread${n > 1 ? 's' : ''}, GFLOP/s`,
    '±',
    'peak',
    'best library',
    'ratio',
  ]);
  const rows = results.map(({ shape, contenders }) => {
    const cells = threads.flatMap((n) => {
      const own = contenders.find((figure) => figure.library === ours.best && figure.threads === n);
      if (!own) return ['', '', '', '', ''];
      const { speed, share, best } = own;
      return [
        giga(speed.median),
        spread(speed),
        percent(share.median),
        best ? `${best.library}${best.threads < n ? ` on ${best.threads}` : ''} ${giga(best.speed.median)}` : '',
        best ? spreadRatio(best.lead) : '',
      ];
    });
    return [shape.name, ...cells];
  });
  return { head: ['GEMM, float32', ...head], rows };
}

export function trainingTable({ workload, comparedUpdates, firstLoss, contenders }: TrainingResult): Table {
  const head = [
    workload,
    'rows/s',
    '±',
    'peak',
    'chainrule is',
    `loss ${loss(firstLoss)}, ${comparedUpdates} updates on`,
    'memory',
    'as',
  ];
  const rows = contenders.map((figure) => [
    `${figure.contender}${marks[figure.likeness]}`,
    count(figure.speed.median),
    spread(figure.speed),
    percent(figure.share.median),
    figure.lead ? spreadRatio(figure.lead) : '',
    loss(figure.loss),
    megabytes(figure.peakBytes),
    figure.variant,
  ]);
  return { head, rows };
}

const marks: Readonly<Record<Likeness, string>> = { same: '', rowByRow: ' ¹', nearest: ' ²' };

/** Rows per second of each contender in each workload. */
export function trainingMatrix(results: readonly TrainingResult[]): Table {
  const names = [...new Set(results.flatMap(({ contenders }) => contenders.map(({ contender }) => contender)))];
  const rows = names.map((name) => [
    name,
    ...results.map(({ contenders }) => {
      const figure = contenders.find(({ contender }) => contender === name);
      return figure ? `${count(figure.speed.median)}${marks[figure.likeness]}` : '';
    }),
  ]);
  return { head: ['rows/s', ...results.map(({ workload }) => workload)], rows };
}

export function inferenceTable({ inference, rows: count_, contenders }: InferenceResult): Table {
  const rows = contenders.map(({ contender, variant, likeness, seconds, share, lead, difference }) => [
    `${contender}${marks[likeness]}`,
    microseconds(seconds.median),
    spread(seconds),
    count(count_ / seconds.median),
    percent(share.median),
    lead ? spreadRatio(lead) : '',
    difference.toExponential(1),
    variant,
  ]);
  return {
    head: [`${inference}, ${count(count_)} rows`, 'µs', '±', 'rows/s', 'peak', 'chainrule is', 'Δ', 'as'],
    rows,
  };
}

export function scalingTable(results: readonly ScalingResult[]): Table {
  const rows = results.map(({ dimension, value, secondsPerMultiplyAdd, share, lead }) => [
    dimension,
    value.toLocaleString('en-US'),
    (1e12 * secondsPerMultiplyAdd.median).toFixed(2),
    spread(secondsPerMultiplyAdd),
    percent(share.median),
    spreadRatio(lead),
  ]);
  return { head: ['varied', 'value', 'ps per multiply-add', '±', 'peak', 'of one thread'], rows };
}

export function togetherTable(results: readonly TogetherResult[]): Table {
  const rows = results.map(({ workload, alone, together, share }) => [
    workload,
    count(alone.median),
    spread(alone),
    count(together.median),
    spread(together),
    percent(share.median),
    spread(share),
  ]);
  return { head: ['a fit for each core at once', 'rows/s alone', '±', 'the slowest', '±', 'share', '±'], rows };
}

export function denormalsTable(results: readonly DenormalsResult[]): Table {
  const rows = results.map(({ contender, first, last }) => [
    contender,
    count(first),
    count(last),
    percent(last / first),
  ]);
  const steps = results[0]?.steps.toLocaleString('en-US');
  return { head: [`mnistLarge, ${steps} steps`, 'rows/s, first tenth', 'last tenth', 'share'], rows };
}

export function memoryTable({ wide, networks, large }: MemoryResult): Table {
  return {
    head: ['memory', 'measured'],
    rows: [
      ...wide.map(({ contender, peakBytes }) => [`training wide, ${contender}`, megabytes(peakBytes)]),
      [`${count(networks.made)} networks made and dropped: after each tenth`, networks.bytes.map(megabytes).join(', ')],
      [`a fit on ${count(large.rows)} rows, ${megabytes(large.dataBytes)}: growth`, megabytes(large.grownBytes)],
      ['rows/s', count(large.rowsPerSecond.median)],
      [`share of those on ${count(large.smallRows)} rows`, `${percent(large.share.median)} ± ${spread(large.share)}`],
    ],
  };
}

function loss(value: number): string {
  return value.toPrecision(4);
}
