import { describe, expect, it } from 'vitest';
import { multiply, repeated, view } from '../src/backend/typescript/gemm.js';
import { isSmall, multiplyColumns, multiplyRows } from '../src/backend/typescript/small_products.js';
import { randomValues } from './support/arrays.js';

/** Rows in whole fours and others, and either side the longer. */
const shapes = [4, 5, 7, 8, 11]
  .flatMap((rows) =>
    [
      [1, 1],
      [2, 8],
      [8, 1],
      [3, 3],
      [1, 9],
    ].map(([inputs, units]) => ({ rows, inputs, units })),
  )
  .filter(({ rows, inputs, units }) => isSmall(rows, inputs, units));

describe.each([Float32Array, Float64Array])('small products of %o', (FloatArrayOf) => {
  const random = (length: number, seed: number) => FloatArrayOf.from(randomValues(length, seed));

  it.each(shapes)('have the bits of large ones: $rows × $inputs × $units', ({ rows, inputs, units }) => {
    const x = random(rows * inputs, 1);
    const weights = random(inputs * units, 2);
    const bias = random(units, 3);
    const delta = random(rows * units, 4);
    for (const start of [undefined, bias]) {
      const outputs = new FloatArrayOf(rows * units).fill(Number.NaN);
      const expected = outputs.slice();
      multiplyRows(rows, units, inputs, x, weights, units, 1, outputs, start);
      multiply(
        rows,
        units,
        inputs,
        view(x, inputs),
        view(weights, units),
        view(expected, units),
        start && repeated(start),
      );
      expect(outputs).toEqual(expected);
    }

    const inputGradient = new FloatArrayOf(rows * inputs).fill(Number.NaN);
    const expected = inputGradient.slice();
    multiplyRows(rows, inputs, units, delta, weights, 1, units, inputGradient);
    multiply(rows, inputs, units, view(delta, units), view(weights, units, true), view(expected, inputs));
    expect(inputGradient).toEqual(expected);

    for (const accumulate of [false, true]) {
      const ofWeights = Float64Array.from(randomValues(inputs * units, 5));
      const ofBias = Float64Array.from(randomValues(units, 6));
      const expectedWeights = view(ofWeights.slice(), units);
      const expectedBias = view(ofBias.slice(), units);
      const ones = new FloatArrayOf(rows).fill(1);
      multiplyColumns(rows, inputs, units, x, delta, ofWeights, ofBias, accumulate);
      const starts = accumulate ? [expectedWeights, expectedBias] : [];
      multiply(inputs, units, rows, view(x, inputs, true), view(delta, units), expectedWeights, starts[0]);
      multiply(1, units, rows, view(ones, rows), view(delta, units), expectedBias, starts[1]);
      expect(ofWeights).toEqual(expectedWeights.data);
      expect(ofBias).toEqual(expectedBias.data);
    }
  });
});
