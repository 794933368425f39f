import { expect, it } from 'vitest';
import { activationNamed } from '../../src/activations.js';
import type { Backend, Dtype } from '../../src/backend/backend.js';
import { philox4x32 } from '../../src/random.js';
import { activationDeltas, activationValues } from '../support/activations.js';
import {
  checkClose,
  epsilonOf,
  floats,
  GuardedMatrix,
  largestOf,
  randomValues,
  smallestNormalOf,
} from '../support/arrays.js';
import { activationPlans } from '../support/plans.js';
import type { Record } from '../support/record.js';

/** Around the vectors and panels of every instruction set. */
export const shapes = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 100].flatMap((columns) =>
  [0, 1, 3].map((rows) => ({ rows, columns })),
);

export function elementwiseSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const kernels = backend.kernels(dtype);
  const epsilon = epsilonOf[dtype];

  it.each(activationPlans)('$name forward at ordinary numbers, also in place', (activation) => {
    for (const { rows, columns } of shapes) {
      const values = randomValues(rows * columns, columns, -9, 9);
      const { values: expected, tolerance } = activationValues(activation, dtype, rows, columns, values);
      const input = new GuardedMatrix(dtype, rows, columns, columns, values);
      const output = new GuardedMatrix(dtype, rows, columns, columns);
      kernels.activationForward({ rows, columns, activation, input: input.data, output: output.data });
      input.checkUntouched('input');
      output.checkSurroundings('output');
      checkClose(`${activation.name} ${rows}×${columns}`, output.dense(), expected, (i) => tolerance[i]);
      kernels.activationForward({ rows, columns, activation, input: input.data, output: input.data });
      input.checkSurroundings('input');
      expect(input.dense()).toEqual(output.dense());
      record(output.dense());
    }
  });

  it.each(activationPlans)('$name forward at zeros, infinities, NaN, denormals and extremes', (activation) => {
    const tiny = dtype === 'float32' ? 2 ** -149 : Number.MIN_VALUE;
    const normal = smallestNormalOf[dtype];
    const largest = largestOf[dtype];
    const positive = [
      0,
      tiny,
      normal / 4,
      normal,
      epsilon / 4,
      epsilon,
      1e-3,
      0.5,
      1,
      9.1,
      17,
      20,
      40,
      87,
      89,
      104,
      708,
      746,
    ];
    const values = [...positive, largest, Number.POSITIVE_INFINITY].flatMap((z) => [z, -z]).concat(Number.NaN);
    // One column, so that a row-wise function sees each number alone; then all in one row, which has a NaN.
    for (const [rows, columns] of [
      [values.length, 1],
      [1, values.length],
      [1, values.length - 1],
      [1, values.length - 3],
    ]) {
      const input = floats(dtype, values.slice(0, rows * columns));
      const output = floats(dtype, rows * columns);
      const { values: exact, tolerance } = activationValues(activation, dtype, rows, columns, input);
      const expected = floats(dtype, exact);
      kernels.activationForward({ rows, columns, activation, input, output });
      // Results below the smallest normal number may be flushed to zero.
      checkClose(activation.name, output, expected, (i) => 2 * tolerance[i] + normal);
      record(output);
    }
  });

  it.each(activationPlans)('$name backward, also in place', (activation) => {
    const { forward, saves } = activationNamed(activation);
    for (const { rows, columns } of shapes) {
      const saved = new GuardedMatrix(dtype, rows, columns, columns, randomValues(rows * columns, 1, -4, 4));
      for (let i = 0; i < rows && saves === 'output'; i++) {
        forward(saved.data, i * columns, saved.data, i * columns, columns, activation.parameters);
      }
      const values = saved.data.slice();
      const gradient = new GuardedMatrix(dtype, rows, columns, columns, randomValues(rows * columns, 2));
      const delta = new GuardedMatrix(dtype, rows, columns, columns);
      const { values: expected, tolerance } = activationDeltas(
        activation,
        dtype,
        rows,
        columns,
        saved.dense(),
        gradient.dense(),
      );
      const arrays = { saved: saved.data, gradient: gradient.data };
      kernels.activationBackward({ rows, columns, activation, ...arrays, delta: delta.data });
      saved.checkSurroundings('saved');
      expect(saved.data).toEqual(values);
      gradient.checkUntouched('gradient');
      delta.checkSurroundings('delta');
      checkClose(activation.name, delta.dense(), expected, (i) => tolerance[i]);
      kernels.activationBackward({ rows, columns, activation, ...arrays, delta: gradient.data });
      gradient.checkSurroundings('gradient');
      expect(gradient.dense()).toEqual(delta.dense());
      record(delta.dense());
    }
  });

  it('finds the first number that is not finite', () => {
    const length = 77;
    const array = floats(dtype, length).fill(largestOf[dtype]);
    array[3] = smallestNormalOf[dtype] / 2;
    expect(kernels.firstNotFinite(array, 0, length, 1)).toBe(-1);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let i = 0; i < length; i++) {
        array[i] = value;
        expect(kernels.firstNotFinite(array, 0, length, 1)).toBe(i);
        expect(kernels.firstNotFinite(array, i, length, 1)).toBe(i);
        expect(kernels.firstNotFinite(array, 0, i, 1)).toBe(-1);
        expect(kernels.firstNotFinite(array, i + 1, length, 1)).toBe(-1);
        if (i > 0) array[i - 1] = 0;
        expect(kernels.firstNotFinite(array, 0, length, 1)).toBe(i);
        array[i] = -largestOf[dtype];
      }
    }
  });

  it.each([1, 2, 3])('finds the first of several numbers that are not finite, on up to %i threads', (threads) => {
    const length = 2 ** 17 + 5;
    const array = floats(dtype, length);
    expect(kernels.firstNotFinite(array, 0, length, threads)).toBe(-1);
    array[length - 1] = Number.NaN;
    // In all stretches that a kernel may look through side by side, and where threads begin; the last ones first.
    const stretches = Array.from({ length: 32 }, (_, i) => 2048 * i + 7);
    const positions = [0, 81, 4_100, 43_693, 2 ** 16, 2 ** 16 + 1, length - 1, ...stretches];
    for (const position of positions.sort((p, q) => q - p)) {
      array[position] = Number.POSITIVE_INFINITY;
      expect(kernels.firstNotFinite(array, 0, length, threads)).toBe(position);
      expect(kernels.firstNotFinite(array, 0, position, threads)).toBe(-1);
      expect(kernels.firstNotFinite(array, position, length, threads)).toBe(position);
    }
  });

  it('draws dropout masks from Philox4x32-10 by position', () => {
    const numbers = new Uint32Array(4);
    for (const { rows, columns } of [...shapes, { rows: 70, columns: 130 }]) {
      for (const [rate, seed, update, layer] of [
        [0, 1, 2, 3],
        [0.2, 7, 0, 1],
        [0.5, 2 ** 32 - 1, 2 ** 31, 4],
        [0.999, 2 ** 31, 2 ** 32 - 1, 0],
      ]) {
        const mask = new GuardedMatrix(dtype, rows, columns, columns);
        kernels.dropoutMask({ rows, columns, rate, seed, update, layer, mask: mask.data });
        mask.checkSurroundings('mask');
        const expected = floats(dtype, rows * columns);
        for (let e = 0; e < rows * columns; e++) {
          const row = Math.floor(e / columns);
          const column = e % columns;
          philox4x32(Uint32Array.of(Math.floor(column / 4), row, update, layer), Uint32Array.of(seed, 0), numbers);
          expected[e] = numbers[column % 4] >= Math.floor(rate * 2 ** 32) ? 1 / (1 - rate) : 0;
        }
        expect(mask.dense()).toEqual(expected);
      }
    }
  });
}
