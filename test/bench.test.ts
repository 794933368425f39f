import { describe, expect, it } from 'vitest';
import { ceilingOf, ours } from '../bench/contenders/registry.js';
import { lossOf } from '../bench/losses.js';
import { type Report, wrongAnswers } from '../bench/report.js';
import {
  gemmShapes,
  inferences,
  operationsPerPrediction,
  operationsPerRow,
  workloadNamed,
  workloads,
} from '../bench/shapes.js';
import { geometricMean, spreadOf } from '../bench/statistics.js';
import { gemmTable } from '../bench/tables.js';
import { furtherTable, targetTable } from '../bench/targets.js';
import { gemmTolerance, lossTolerance } from '../bench/tolerance.js';
import { fastestOf, sharesOfPeak } from '../bench/turns.js';

const exactly = (median: number) => ({ median, minimum: median, maximum: median });

describe('bench', () => {
  it('names each shape once', () => {
    const names = [...gemmShapes, ...workloads, ...inferences].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has a data set of 1,000,000 × 64 and one of 100,000 × 784', () => {
    const sizes = workloads.map(({ rows, inputs }) => [rows, inputs]);
    expect(sizes).toContainEqual([1_000_000, 64]);
    expect(sizes).toContainEqual([100_000, 784]);
  });

  it('counts 2 operations per weight for each of forward, gradient and, above the first layer, the way back', () => {
    const workload = workloadNamed('mnistSmall');
    expect(operationsPerRow(workload)).toBe(4 * 784 * 128 + 6 * 128 * 10);
    expect(operationsPerPrediction(workload)).toBe(2 * (784 * 128 + 128 * 10));
  });

  it('takes the mean of the middle two for a median', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, minimum: 1, maximum: 4 });
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, minimum: 1, maximum: 5 });
    expect(geometricMean([1, 4, 16])).toBeCloseTo(4, 12);
  });

  it('tolerates 8·u·√n', () => {
    const shape = gemmShapes.find(({ name }) => name === '64³')!;
    expect(gemmTolerance(shape, 2, 3, 'float32')).toBe(8 * 2 ** -24 * 8 * 6);
    // 2-8-1 with batches of 4: (2 + 8) + (8 + 1) + 4 operations an update; 3 updates and the last loss.
    expect(lossTolerance(workloadNamed('xor'), 3, 'float64')).toBe(8 * 2 ** -53 * Math.sqrt(4 * 23));
  });

  it('sets each turn against the peak of its round: of one core for one thread, of the instruction set asked for', () => {
    const peaks = [
      { avx512: { oneCore: 100, allCores: 200 }, avx2: { oneCore: 50, allCores: 100 } },
      { avx512: { oneCore: 80, allCores: 160 }, avx2: { oneCore: 40, allCores: 80 } },
      { avx512: { oneCore: 120, allCores: 240 }, avx2: { oneCore: 60, allCores: 120 } },
    ];
    const shares = (contender: string, speeds: number[]) => sharesOfPeak(speeds, peaks, ceilingOf(contender));
    expect(shares(ours.best, [180, 152, 180])).toEqual({ median: 0.9, minimum: 0.75, maximum: 0.95 });
    expect(shares('PyTorch', [100])).toEqual(exactly(0.5));
    expect(shares(ours.oneThread, [80, 60])).toEqual({ median: 0.775, minimum: 0.75, maximum: 0.8 });
    expect(shares(ours.avx2, [90])).toEqual(exactly(0.9));
  });

  it('sets each figure against the best library on as many threads', () => {
    const figure = (library: string, threads: number, speed: number, share: number) => {
      return { library, threads, ran: '', speed: exactly(speed), share: exactly(share) };
    };
    const contenders = [
      figure(ours.best, 1, 50e9, 0.5),
      figure(ours.best, 2, 80e9, 0.4),
      figure('oneDNN', 1, 25e9, 0.25),
      figure('libxsmm', 1, 40e9, 0.4),
      figure('oneDNN', 2, 100e9, 0.5),
    ];
    const { rows } = gemmTable([{ shape: gemmShapes[0], contenders }]);
    expect(rows).toEqual([
      ['64³', '50.0', '–', '50 %', 'libxsmm 40.0', '1.25 ×', '80.0', '–', '40 %', 'oneDNN 100.0', '0.80 ×'],
    ]);
  });

  it("takes a contender's fastest variant for its figure", () => {
    const figures = [
      { contender: 'a', speed: 1 },
      { contender: 'b', speed: 5 },
      { contender: 'a', speed: 3 },
    ];
    expect(fastestOf(figures, ({ speed }) => speed)).toEqual([figures[2], figures[1]]);
  });

  it('computes losses from outputs, brought to a sum of 1 where they are to be shares', () => {
    expect(lossOf(workloadNamed('xor'), Float32Array.of(1, 0.5), Float32Array.of(0, 1))).toBe((1 + 0.25) / 2);
    const outputs = new Float32Array(10).fill(2);
    expect(lossOf(workloadNamed('mnistSmall'), outputs, Int32Array.of(3))).toBeCloseTo(Math.log(10), 12);
  });

  it('tells wrong answers from rounding, of contenders that train the same', () => {
    const report = trainingReport({ wide: 1, other: 1 + 2e-5, nearest: 2 });
    expect(wrongAnswers(report)).toEqual([]);
    expect(wrongAnswers(trainingReport({ wide: 1, other: 1 + 2e-4, nearest: 2 }))).toHaveLength(1);
    expect(wrongAnswers(trainingReport({ wide: 1, other: Number.NaN, nearest: 2 }))).toHaveLength(1);
  });

  it('sets what is reached beside what is asked', () => {
    const report = trainingReport({ wide: 1, other: 1, nearest: 2 });
    // 1000 rows/s of 46 MFLOP at 200 GFLOP/s.
    expect(targetTable(report).rows).toEqual([['wide', '23 % of the peak', '85 %', '2.00 ×', '1.30 ×']]);
    expect(furtherTable(report).rows).toEqual([]);
  });
});

function trainingReport(losses: { wide: number; other: number; nearest: number }): Report {
  const operations = operationsPerRow(workloadNamed('wide'));
  const peaks = [{ avx512: { oneCore: 100e9, allCores: 200e9 } }];
  const figure = (contender: string, loss: number, speed: number, likeness: 'same' | 'nearest' = 'same') => {
    return {
      contender,
      variant: '',
      likeness,
      ran: '',
      speed: exactly(speed),
      share: sharesOfPeak([speed * operations], peaks, ceilingOf(contender)),
      peakBytes: 1e8,
      loss,
    };
  };
  const result = {
    workload: 'wide',
    operationsPerRow: operations,
    comparedUpdates: 2,
    firstLoss: 3,
    tolerance: 1e-4,
    contenders: [
      figure(ours.best, losses.wide, 1000),
      figure('PyTorch', losses.other, 500),
      figure('ml-fnn', losses.nearest, 1, 'nearest'),
    ],
  };
  const machine = { processor: '', cores: 2, memoryGiB: 24, load: 0, system: '', node: '' };
  return { training: { measured: '', machine, isas: ['avx512'], rounds: 1, results: [result] } };
}
