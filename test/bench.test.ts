import { describe, expect, it } from 'vitest';
import { ceilingOf, ours } from '../bench/contenders/registry.js';
import { lossOf } from '../bench/losses.js';
import { type Program, Runner } from '../bench/processes.js';
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
import { fastestOf, type Lap, type Peaks, ratioOf, shareOfPeak } from '../bench/turns.js';

const exactly = (median: number) => ({ median, lower: median, upper: median });
const anyPeaks: Peaks = { avx512: { oneCore: 100e9, allCores: 200e9 } };
/** Laps from the first on, with these speeds. */
const lapsOf = (speeds: readonly number[], peaks: readonly Peaks[] = speeds.map(() => anyPeaks)): Lap[] =>
  speeds.map((speed, number) => ({ number, speed, peaks: peaks[number] }));
/** A program in JavaScript, without a task. */
const program = (code: string): Program => ({ command: process.execPath, arguments: () => ['--eval', code] });
const task = { kind: 'peak', isa: 'none' } as const;

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

  it('takes the mean of the middle two for a median, and what lies between two values in proportion for a quartile', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, lower: 1.75, upper: 3.25 });
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, lower: 2, upper: 4 });
    expect(spreadOf([7])).toEqual(exactly(7));
    expect(geometricMean([1, 4, 16])).toBeCloseTo(4, 12);
  });

  it('tolerates 8·u·√n', () => {
    const shape = gemmShapes.find(({ name }) => name === '64³')!;
    expect(gemmTolerance(shape, 2, 3, 'float32')).toBe(8 * 2 ** -24 * 8 * 6);
    // 2-8-1 with batches of 4: (2 + 8) + (8 + 1) + 4 operations an update; 3 updates and the last loss.
    expect(lossTolerance(workloadNamed('xor'), 3, 'float64')).toBe(8 * 2 ** -53 * Math.sqrt(4 * 23));
  });

  it('sets each lap against the peak before it: of one core for one thread, of the instruction set asked for', () => {
    const peaks = [
      { avx512: { oneCore: 100, allCores: 200 }, avx2: { oneCore: 50, allCores: 100 } },
      { avx512: { oneCore: 80, allCores: 160 }, avx2: { oneCore: 40, allCores: 80 } },
      { avx512: { oneCore: 120, allCores: 240 }, avx2: { oneCore: 60, allCores: 120 } },
    ];
    const share = (contender: string, speeds: number[]) => shareOfPeak(lapsOf(speeds, peaks), 2, ceilingOf(contender));
    expect(share(ours.best, [90, 60, 60])).toEqual({ median: 0.75, lower: 0.625, upper: 0.825 });
    expect(share('PyTorch', [50])).toEqual(exactly(0.5));
    expect(share(ours.oneThread, [40, 40]).median).toBe(0.9);
    expect(share(ours.avx2, [45])).toEqual(exactly(0.9));
  });

  it('compares lap by lap, so that what slows both changes nothing', () => {
    const own = lapsOf([200, 100, 50]);
    expect(ratioOf(own, lapsOf([100, 50, 25]))).toEqual(exactly(2));
    expect(ratioOf(own, lapsOf([400, 50]))).toEqual({ median: 1.25, lower: 0.875, upper: 1.625 });
  });

  it('sets each figure beside the best library, and tells where that had fewer threads', () => {
    const figure = (threads: number, speed: number, share: number, bestThreads: number, lead: number) => {
      const best = { library: 'libxsmm', threads: bestThreads, speed: exactly(speed / lead), lead: exactly(lead) };
      return { library: ours.best, threads, ran: '', speed: exactly(speed), share: exactly(share), best };
    };
    const contenders = [figure(1, 50e9, 0.5, 1, 1.25), figure(2, 80e9, 0.4, 1, 2), figure(4, 80e9, 0.2, 4, 0.8)];
    const { rows } = gemmTable([{ shape: gemmShapes[0], contenders }]);
    expect(rows).toEqual([
      [
        ...['64³', '50.0', '–', '50 %', 'libxsmm 40.0', '1.25 ×'],
        ...['80.0', '–', '40 %', 'libxsmm on 1 40.0', '2.00 ×'],
        ...['80.0', '–', '20 %', 'libxsmm 100.0', '0.80 ×'],
      ],
    ]);
  });

  it("takes a contender's fastest variant for its figure", () => {
    const turns = [
      ['a', [1, 10]],
      ['b', [5]],
      ['a', [3]],
    ].map(([contender, speeds]) => ({
      entrant: { contender: contender as string, variant: '', program: program('') },
      laps: lapsOf(speeds as number[]),
      answer: { ran: '' },
    }));
    // The first, slower where both ran, had a quick lap by itself.
    expect(fastestOf(turns)).toEqual([turns[2], turns[1]]);
  });

  it('runs laps of a program that is ready, and takes its answer', async () => {
    const runner = await Runner.start(
      program(`
        console.log('something else\\nready');
        let laps = 0;
        process.stdin.on('data', () => console.log(++laps / 8)).on('end', () => console.log(JSON.stringify({ ran: String(laps) })));
      `),
      task,
    );
    expect([await runner.lap(), await runner.lap()]).toEqual([0.125, 0.25]);
    expect(await runner.end()).toEqual({ ran: '2' });
  });

  it('tells why a program fails: before it is ready, in a lap, and at its end', async () => {
    const failure = 'throw new Error("of its own")';
    const told = /^expected an answer to peak, got exit code 1: Error: of its own$/;
    await expect(Runner.start(program(failure), task)).rejects.toThrow(told);
    const inLap = await Runner.start(
      program(`console.log('ready'); process.stdin.on('data', () => { ${failure} })`),
      task,
    );
    await expect(inLap.lap()).rejects.toThrow(told);
    const atEnd = await Runner.start(
      program(`console.log('ready'); process.stdin.resume().on('end', () => { ${failure} })`),
      task,
    );
    await expect(atEnd.end()).rejects.toThrow(told);
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
  const figure = (contender: string, loss: number, speed: number, likeness: 'same' | 'nearest' = 'same') => {
    return {
      contender,
      variant: '',
      likeness,
      ran: '',
      speed: exactly(speed),
      share: shareOfPeak(lapsOf([speed]), operations, ceilingOf(contender)),
      lead: exactly(1000 / speed),
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
