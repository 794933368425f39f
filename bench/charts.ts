/** Draws what was measured, as SVG, by Vega-Lite. */
import { writeFileSync } from 'node:fs';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { gemmLibraries, ours, pytorch } from './contenders/registry.js';
import type { Report } from './report.js';
import type { TrainingResult } from './training.bench.js';

export async function drawCharts(report: Report): Promise<void> {
  if (report.training) await draw('training', trainingChart(report));
  if (report.training || report.gemm) await draw('peak', peakChart(report));
  if (report.scaling) await draw('scaling', scalingChart(report));
}

async function draw(name: string, spec: object): Promise<void> {
  const config = { background: 'white', font: 'sans-serif', axis: { labelLimit: 240 } };
  const view = new View(parse(compile({ ...spec, config } as TopLevelSpec).spec), { renderer: 'none' });
  writeFileSync(new URL(`./results/${name}.svg`, import.meta.url), `${await view.toSVG()}\n`);
}

const colors = { domain: ['this library', 'others'], range: ['#c0392b', '#7f8c8d'] };

/** Peers side by side. */
function trainingChart({ training }: Report): object {
  const title = 'Training: rows per second, each contender at its best (logarithmic)';
  return { title, columns: 3, concat: training!.results.map(workloadChart), resolve: { scale: { color: 'shared' } } };
}

function workloadChart({ workload, contenders }: TrainingResult): object {
  const values = contenders.map(({ contender, speed }) => ({
    contender,
    rowsPerSecond: speed.median,
    whose: contender.startsWith(ours.best) ? 'this library' : 'others',
  }));
  const axis = { values: Array.from({ length: 9 }, (_, i) => 10 ** i), format: '~s' };
  const sort = { field: 'rowsPerSecond', order: 'descending' };
  return {
    title: workload,
    data: { values },
    width: 230,
    height: { step: 15 },
    encoding: {
      x: { field: 'rowsPerSecond', type: 'quantitative', scale: { type: 'log' }, axis, title: null },
      y: { field: 'contender', type: 'nominal', title: null, sort },
    },
    layer: [
      {
        mark: { type: 'circle', size: 80, opacity: 1 },
        encoding: { color: { field: 'whose', type: 'nominal', scale: colors, legend: null } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 7, fontSize: 9 },
        encoding: { text: { field: 'rowsPerSecond', format: '.3s' } },
      },
    ],
  };
}

/** Shares of the peak: of training, and of the products that it is made of. */
function peakChart({ training, gemm }: Report): object {
  const trainingValues = (training?.results ?? []).flatMap(({ workload, contenders }) =>
    contenders
      .filter(({ contender }) => [ours.best, ours.oneThread, ours.avx2, pytorch].some((name) => name === contender))
      .map((figure) => ({
        what: workload,
        contender: figure.contender,
        share: figure.share.median,
      })),
  );
  const libraries: string[] = [ours.best, ...gemmLibraries.map(({ library }) => library)];
  const gemmValues = (gemm?.results ?? []).flatMap(({ shape, contenders }) =>
    contenders
      .filter(({ library }) => libraries.includes(library))
      .map(({ library, threads, share }) => ({
        what: shape.name,
        contender: library,
        threads: `GEMM, ${threads} thread${threads > 1 ? 's' : ''}`,
        share: share.median,
      })),
  );
  const panel = (title: string, values: readonly object[]) => ({
    title,
    data: { values },
    width: 300,
    height: { step: 22 },
    mark: { type: 'point', filled: true, size: 60 },
    encoding: {
      y: { field: 'what', type: 'nominal', title: null, sort: null },
      x: {
        field: 'share',
        type: 'quantitative',
        title: 'share of the peak',
        axis: { format: '%' },
        scale: { domainMin: 0 },
      },
      color: { field: 'contender', type: 'nominal', title: null },
      shape: { field: 'contender', type: 'nominal', title: null },
    },
  });
  const panels = [...new Set(gemmValues.map(({ threads }) => threads))];
  return {
    hconcat: [
      ...(trainingValues.length > 0 ? [panel('Training', trainingValues)] : []),
      ...panels.map((title) =>
        panel(
          title,
          gemmValues.filter(({ threads }) => threads === title),
        ),
      ),
    ],
    resolve: { scale: { color: 'independent', shape: 'independent' } },
  };
}

/** Time per multiply-add as one thing grows. */
function scalingChart({ scaling }: Report): object {
  const values = scaling!.results.map(({ dimension, value, secondsPerMultiplyAdd: { median } }) => ({
    dimension,
    value,
    picoseconds: 1e12 * median,
  }));
  const y = {
    field: 'picoseconds',
    type: 'quantitative',
    scale: { type: 'log' },
    title: 'ps per multiply-add, all cores',
  };
  return {
    title: 'Training: time per multiply-add as one thing grows (logarithmic)',
    data: { values },
    facet: { field: 'dimension', type: 'nominal', title: null, sort: null },
    columns: 2,
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 300,
      height: 180,
      mark: { type: 'line', point: { color: '#c0392b' }, color: '#c0392b' },
      encoding: { x: { field: 'value', type: 'quantitative', scale: { type: 'log' }, title: null }, y },
    },
  };
}
