import { describe, expect, it } from 'vitest';
import { spreadOf } from '../bench/harness.js';
import { gemmShapes, inferences, operationsPerRow, workloads } from '../bench/shapes.js';
import { gemmTable } from '../bench/tables.js';
import { gemmTolerance, lossTolerance } from '../bench/tolerance.js';

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
    const workload = workloads.find(({ name }) => name === 'mnistSmall')!;
    expect(operationsPerRow(workload)).toBe(4 * 784 * 128 + 6 * 128 * 10);
  });

  it('takes the mean of the middle two for a median', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, minimum: 1, maximum: 4 });
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, minimum: 1, maximum: 5 });
  });

  it('tolerates 8·u·√n', () => {
    const shape = gemmShapes.find(({ name }) => name === '64³')!;
    expect(gemmTolerance(shape, 2, 3, 'float32')).toBe(8 * 2 ** -24 * 8 * 6);
    // 2-8-1 with batches of 4: (2 + 8) + (8 + 1) + 4 operations an update; 3 updates and the last loss.
    const xor = workloads.find(({ name }) => name === 'xor')!;
    expect(lossTolerance(xor, 3, 'float64')).toBe(8 * 2 ** -53 * Math.sqrt(4 * 23));
  });

  it('sets one thread against the peak of one core, more against that of all, and the faster against TypeScript', () => {
    const exactly = (median: number) => ({ median, minimum: median, maximum: median });
    const native = [
      { threads: 1, speed: exactly(50e9) },
      { threads: 2, speed: exactly(80e9) },
    ];
    const peak = { oneCore: exactly(100e9), allCores: exactly(200e9) };
    const table = gemmTable([{ shape: gemmShapes[0], native, typescript: exactly(4e9) }], peak);
    const cells = table.split('\n')[3].split('│');
    expect(cells.map((cell) => cell.trim()).filter(Boolean)).toEqual([
      '64³',
      '50.0',
      '0 %',
      '50 %',
      '80.0',
      '0 %',
      '40 %',
      '4.0',
      '0 %',
      '20×',
    ]);
  });
});
