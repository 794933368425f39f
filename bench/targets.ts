/** What this library is to reach on two AVX-512 cores, and what it does. */
import { fann, ours, pureJavaScript, pytorch } from './contenders/registry.js';
import { count, giga, megabytes, microseconds, percent, ratio, spreadRatio, type Table } from './format.js';
import type { Report } from './report.js';
import { geometricMean, type Spread } from './statistics.js';
import type { TrainingFigure, TrainingResult } from './training.bench.js';

interface Training {
  /** Share of the peak of all cores, or rows per second. */
  readonly asked: { readonly peak: number } | { readonly rowsPerSecond: number };
  readonly againstPytorch: number;
}

const training: Readonly<Record<string, Training>> = {
  wide: { asked: { peak: 0.85 }, againstPytorch: 1.3 },
  mnistLarge: { asked: { peak: 0.78 }, againstPytorch: 2.8 },
  mnistSmall: { asked: { peak: 0.55 }, againstPytorch: 3 },
  mnistOnline: { asked: { rowsPerSecond: 60_000 }, againstPytorch: 8 },
  tabular: { asked: { rowsPerSecond: 2.5e6 }, againstPytorch: 12 },
  tabularAdam: { asked: { rowsPerSecond: 2e6 }, againstPytorch: 20 },
  xor: { asked: { rowsPerSecond: 9e6 }, againstPytorch: 100 },
};
const inference: Readonly<Record<string, { peak?: number; seconds?: number; againstPytorch: number }>> = {
  throughput: { peak: 0.92, againstPytorch: 1.2 },
  latency: { seconds: 4e-6, againstPytorch: 3 },
};

/** Against PyTorch at its best, in the same run. */
export function targetTable(report: Report): Table {
  const results = report.training?.results ?? [];
  return {
    head: ['workload', 'reached', 'asked', 'against PyTorch', 'asked'],
    rows: [
      ...gemmRows(report),
      ...Object.keys(training).flatMap((name) => trainingRow(results, name)),
      ...inferenceRows(report),
    ],
  };
}

function trainingRow(results: readonly TrainingResult[], name: string): string[][] {
  const result = results.find(({ workload }) => workload === name);
  const own = figureOf(result, ours.best);
  if (!own) return [];
  const { asked, againstPytorch } = training[name];
  const peer = figureOf(result, pytorch);
  const [reached, wanted] =
    'peak' in asked
      ? [`${percent(own.share.median)} of the peak`, percent(asked.peak)]
      : [`${count(own.speed.median)} rows/s`, count(asked.rowsPerSecond)];
  return [[name, reached, wanted, leadOver(peer), ratio(againstPytorch)]];
}

function inferenceRows({ inference: figures }: Report): string[][] {
  return (figures?.results ?? []).flatMap((result) => {
    const own = result.contenders.find(({ contender }) => contender === ours.best);
    if (!own) return [];
    const { peak, seconds = 0, againstPytorch } = inference[result.inference];
    const peer = result.contenders.find(({ contender }) => contender === pytorch);
    const [reached, wanted] =
      peak === undefined
        ? [`${microseconds(own.seconds.median)} µs`, `${microseconds(seconds)} µs`]
        : [`${percent(own.share.median)} of the peak`, percent(peak)];
    return [[result.inference, reached, wanted, leadOver(peer), ratio(againstPytorch)]];
  });
}

function gemmRows({ gemm }: Report): string[][] {
  const ratios = (gemm?.results ?? []).flatMap(({ shape, contenders }) =>
    contenders.flatMap(({ threads, best }) => (best ? [{ shape, threads, ratio: best.lead.median }] : [])),
  );
  if (ratios.length === 0) return [];
  const worst = ratios.reduce((least, one) => (one.ratio < least.ratio ? one : least));
  const mean = geometricMean(ratios.map(({ ratio }) => ratio));
  return [
    ['GEMM: geometric mean against the best library', percent(mean), '100 %', '', ''],
    [`GEMM: the worst, ${worst.shape.name} on ${worst.threads}`, percent(worst.ratio), '95 %', '', ''],
  ];
}

/** The rest of what is asked. */
export function furtherTable(report: Report): Table {
  const results = report.training?.results ?? [];
  const rows: string[][] = [];
  const figure = (name: string, contender: string) =>
    figureOf(
      results.find(({ workload }) => workload === name),
      contender,
    );

  for (const name of ['mnistLarge', 'wide']) {
    const oneThread = figure(name, ours.oneThread);
    if (oneThread?.lead) rows.push([`the second core on ${name}`, leadOver(oneThread), ratio(1.8)]);
  }
  const gains = [
    ...results
      .filter(({ workload }) => !['mnistLarge', 'wide'].includes(workload))
      .flatMap((result) => {
        const { lead } = figureOf(result, ours.oneThread) ?? {};
        return lead ? [{ name: result.workload, lead }] : [];
      }),
    ...(report.scaling?.results ?? []).map(({ dimension, value, lead }) => ({ name: `${dimension} ${value}`, lead })),
  ];
  if (gains.length > 0) {
    const least = gains.reduce((a, b) => (b.lead.median < a.lead.median ? b : a));
    rows.push([`the second core elsewhere, the least of ${gains.length}: ${least.name}`, leadOver(least), ratio(1)]);
  }
  const onAvx2 = figure('wide', ours.avx2);
  if (onAvx2) rows.push(['wide on AVX2, of its own peak', percent(onAvx2.share.median), '85 %']);
  const xorOfFann = figure('xor', fann);
  if (xorOfFann?.lead) rows.push(['xor against FANN', leadOver(xorOfFann), ratio(2)]);
  rows.push(...typescriptRows(results));

  for (const { workload, share } of report.together?.results ?? []) {
    rows.push([`two fits at once, ${workload}`, percent(share.median), '90 %']);
  }
  const denormals = report.denormals?.results.find(({ contender }) => contender === ours.best);
  if (denormals)
    rows.push(['the last steps of 5,000, against the first', percent(denormals.last / denormals.first), '100 %']);
  for (const { wide, networks, large } of report.memory?.results ?? []) {
    const own = wide.find(({ contender }) => contender === ours.best);
    if (own) rows.push(['memory of wide', megabytes(own.peakBytes), 'below 250 MB']);
    const growth = networks.bytes[networks.bytes.length - 1] / networks.bytes[networks.bytes.length / 2 - 1] - 1;
    rows.push([`memory's growth over the second half of ${count(networks.made)} networks`, percent(growth), '0 %']);
    rows.push([`rows/s on ${megabytes(large.dataBytes)} of data`, percent(large.share.median), '95 %']);
  }
  return { head: ['also', 'reached', 'asked'], rows };
}

function typescriptRows(results: readonly TrainingResult[]): string[][] {
  const rows = results.flatMap(({ workload, contenders }): string[][] => {
    const [closest] = contenders
      .flatMap(({ contender, typescriptLead: lead }) =>
        lead && pureJavaScript.includes(contender) ? [{ contender, lead }] : [],
      )
      .toSorted((a, b) => a.lead.median - b.lead.median);
    return closest
      ? [[`TypeScript against ${closest.contender}, ${workload}`, spreadRatio(closest.lead), ratio(1)]]
      : [];
  });
  const large = results.find(({ workload }) => workload === 'mnistLarge');
  const own = figureOf(large, ours.typescript);
  if (large && own) {
    rows.push(['TypeScript on mnistLarge', `${giga(own.speed.median * large.operationsPerRow)} GFLOP/s`, '2.0']);
  }
  return rows;
}

function figureOf(result: TrainingResult | undefined, name: string): TrainingFigure | undefined {
  return result?.contenders.find(({ contender }) => contender === name);
}

function leadOver(figure: { readonly lead?: Spread } | undefined): string {
  return figure?.lead ? spreadRatio(figure.lead) : '';
}
