import { describe, expect, it } from 'vitest';
import { blobs, oneHot, regression, spirals, split, standardize, xor } from '../src/data/index.js';
import { Matrix } from '../src/index.js';
import { expectError } from './support/api.js';

const epsilon = 2 ** -52;

describe('standardize', () => {
  const x = [
    [1, 5, 10],
    [2, 5, 30],
    [3, 5, 20],
    [6, 5, 40],
  ];

  it('gives columns of mean 0 and standard deviation 1, and applies the same to other rows', () => {
    const standardized = standardize(x);
    const { data, rows, columns, mean, standardDeviation } = standardized;
    expect([rows, columns]).toEqual([4, 3]);
    expect([...mean]).toEqual([3, 5, 25]);
    expect(standardDeviation[0]).toBeCloseTo(Math.sqrt(3.5), 14);
    expect(standardDeviation[1]).toBe(1);
    for (let j = 0; j < columns; j++) {
      const column = [0, 1, 2, 3].map((i) => data[i * columns + j]);
      // Sums of four values below 2, each with three roundings.
      expect(Math.abs(column.reduce((sum, v) => sum + v, 0))).toBeLessThanOrEqual(4 * 3 * 2 * epsilon);
      const square = column.reduce((sum, v) => sum + v * v, 0) / 4;
      expect(Math.abs(square - (j === 1 ? 0 : 1))).toBeLessThanOrEqual(4 * 6 * epsilon);
    }
    expect(standardized.apply(x).data).toEqual(data);
    expect(standardized.apply([[3, 6, 25]]).toArray()).toEqual([[0, 1, 0]]);
  });

  it('takes matrices and flat arrays alike, and leaves them as they are', () => {
    const flat = Float32Array.from(x.flat());
    const before = flat.slice();
    expect(standardize(new Matrix(flat, 4, 3)).data).toEqual(standardize(x).data);
    expect(standardize(flat, 3).data).toEqual(standardize(x).data);
    expect(standardize([1, 3]).toArray()).toEqual([[-1], [1]]);
    expect(flat).toEqual(before);
  });

  it('refuses what it cannot', async () => {
    await expectError(() => standardize([]), 'INVALID_ARGUMENT', /at least one row/);
    await expectError(() => standardize(new Float32Array(6)), 'INVALID_ARGUMENT', /columns beside it/);
    await expectError(() => standardize([[1, Number.NaN]]), 'NOT_FINITE', /row 0, column 1/);
    await expectError(() => standardize([[1, 2], [3]]), 'SHAPE_MISMATCH', /x\[1\]/);
    await expectError(() => standardize(x).apply([[1, 2]]), 'SHAPE_MISMATCH', /3 numbers/);
  });
});

describe('oneHot', () => {
  it('puts a 1 in the column of the class', () => {
    const rows = [
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ];
    for (const classes of [[1, 2, 0], Uint8Array.of(1, 2, 0), new Matrix(Float64Array.of(1, 2, 0), 3, 1)]) {
      expect(oneHot(classes).toArray()).toEqual(rows);
    }
    expect(oneHot([0], 2).toArray()).toEqual([[1, 0]]);
    expect(oneHot([], 2).rows).toBe(0);
  });

  it('refuses what is no class', async () => {
    await expectError(() => oneHot([0, 3], 3), 'INVALID_ARGUMENT', /from 0 to 2 for classes\[1\], got 3/);
    await expectError(() => oneHot([0.5]), 'INVALID_ARGUMENT', /classes\[0\], got 0.5/);
    await expectError(() => oneHot([[0]] as never), 'INVALID_ARGUMENT', /classes\[0\]/);
    await expectError(() => oneHot('abc' as never), 'INVALID_ARGUMENT', /class indices/);
  });
});

describe('split', () => {
  const rows = 20;
  const x = Array.from({ length: rows }, (_, i) => [i, i + 0.5]);
  const y = Int32Array.from({ length: rows }, (_, i) => i);
  const weight = Float64Array.from({ length: rows }, (_, i) => i + 1);

  it('deals every row out once, with its y and weight', () => {
    const flat = Float32Array.from(x.flat());
    for (const [data, options] of [
      [{ x, y, weight }, {}],
      [{ x: new Matrix(flat, rows, 2), y, weight }, {}],
      [{ x: flat, y, weight }, { inputs: 2 }],
    ] as const) {
      const { training, test } = split(data, { test: 0.3, seed: 1, ...options });
      const numbers = [training, test].map((part) => [...(part.y as Int32Array)]);
      expect(numbers.map(({ length }) => length)).toEqual([14, 6]);
      expect([...numbers[0], ...numbers[1]].sort((a, b) => a - b)).toEqual([...y]);
      for (const part of [training, test]) {
        const first = (part.y as Int32Array)[0];
        const values = part.x instanceof Matrix ? part.x.data : part.x;
        expect([...(values as number[][])].flat().slice(0, 2)).toEqual([first, first + 0.5]);
        expect(part.weight?.[0]).toBe(first + 1);
      }
    }
  });

  it('keeps the order if asked, and leaves a row on either side', () => {
    const { training, test } = split({ x, y }, { shuffle: false });
    expect([...(training.y as Int32Array), ...(test.y as Int32Array)]).toEqual([...y]);
    expect(test.y).toHaveLength(5);
    expect(split({ x, y }, { test: 0.001 }).test.y).toHaveLength(1);
    expect(split({ x, y }, { test: 0.999 }).training.y).toHaveLength(1);
    expect(split({ x, y }, { seed: 1 })).toEqual(split({ x, y }, { seed: 1 }));
    expect(split({ x, y }, { seed: 1 })).not.toEqual(split({ x, y }, { seed: 2 }));
  });

  it('refuses what it cannot tell', async () => {
    await expectError(() => split({ x: new Float32Array(40), y }), 'INVALID_ARGUMENT', /for x/);
    await expectError(() => split({ x, y: y.subarray(1) }), 'SHAPE_MISMATCH', /20 .* for y, got 19/);
    await expectError(() => split({ x, y }, { test: 1 }), 'INVALID_ARGUMENT', /test, got 1/);
    await expectError(() => split({ x: [[1]], y: [1] }), 'INVALID_ARGUMENT', /rows of x, got 1/);
    await expectError(() => split({ x, y }, { share: 0.1 } as never), 'INVALID_ARGUMENT', /"share"/);
  });
});

describe('synthetic data', () => {
  it('is the same for the same seed and another for another', () => {
    for (const make of [blobs, spirals, (o: object) => xor({ noise: 0.1, ...o }), regression]) {
      expect(make({ seed: 3 })).toEqual(make({ seed: 3 }));
      expect(make({ seed: 3 })).not.toEqual(make({ seed: 4 }));
    }
  });

  it('blobs: points around the centre of their class', () => {
    const rows = 900;
    const { x, y } = blobs({ rows, classes: 3, columns: 4, standardDeviation: 0.5 });
    expect([x.rows, x.columns, y.length]).toEqual([rows, 4, rows]);
    for (let label = 0; label < 3; label++) {
      const members = [...y.keys()].filter((i) => y[i] === label);
      expect(members).toHaveLength(300);
      for (let j = 0; j < 4; j++) {
        const values = members.map((i) => x.data[i * 4 + j]);
        const mean = values.reduce((sum, v) => sum + v, 0) / 300;
        const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 299;
        // The variance of 300 normal numbers is itself spread by √(2/299) = 8 %: five times that.
        expect(Math.abs(variance / 0.25 - 1)).toBeLessThan(5 * Math.sqrt(2 / 299));
        expect(Math.abs(mean)).toBeLessThan(10 + 5 * (0.5 / Math.sqrt(300)));
      }
    }
  });

  it('spirals: angle and radius run together, arms apart', () => {
    const { x, y } = spirals({ rows: 60, classes: 3, turns: 2, noise: 0 });
    for (let i = 0; i < 60; i++) {
      const [a, b] = x.row(i);
      const radius = Math.hypot(a, b);
      expect(radius).toBeLessThanOrEqual(1 + 2 ** -22);
      const angle = Math.atan2(b, a) - 2 * Math.PI * (2 * radius + y[i] / 3);
      // Radius and angle come from float32 coordinates: some 2⁻²⁴ of the radius, which the turns multiply.
      const off = Math.abs(Math.sin(angle / 2));
      expect(off).toBeLessThan((8 * Math.PI * 2 ** -23) / Math.min(1, radius));
    }
  });

  it('xor: the four corners', () => {
    const { x, y } = xor();
    expect(x.toArray()).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(y.toArray()).toEqual([[0], [1], [1], [0]]);
    expect(xor({ rows: 6 }).y.data).toEqual(Float32Array.of(0, 1, 1, 0, 0, 1));
  });

  it('regression: y from the weights and the bias', () => {
    const { x, y, weights, bias } = regression({ rows: 50, columns: 3, noise: 0 });
    for (let i = 0; i < 50; i++) {
      const terms = [...x.row(i)].map((value, j) => value * weights[j]);
      const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), Math.abs(bias));
      const wanted = terms.reduce((sum, term) => sum + term, bias);
      expect(Math.abs(y.data[i] - wanted)).toBeLessThanOrEqual(2 ** -24 * magnitude);
    }
  });

  it('refuses options it does not have', async () => {
    for (const make of [blobs, spirals, xor, regression]) {
      await expectError(() => make({ samples: 3 } as never), 'INVALID_ARGUMENT', /"samples"/);
      await expectError(() => make({ rows: 0 }), 'INVALID_ARGUMENT', /rows, got 0/);
      await expectError(() => make({ seed: -1 }), 'INVALID_ARGUMENT', /seed, got -1/);
    }
  });
});
