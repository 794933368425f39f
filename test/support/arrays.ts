import type { Dtype, FloatArray } from '../../src/backend/backend.js';
import { RandomGenerator } from '../../src/random.js';

/** Distance from 1 to the next number; half of it bounds the relative error of one operation. */
export const epsilonOf = { float32: 2 ** -23, float64: 2 ** -52 } as const;
export const smallestNormalOf = { float32: 2 ** -126, float64: 2 ** -1022 } as const;
export const largestOf = { float32: (2 - 2 ** -23) * 2 ** 127, float64: Number.MAX_VALUE } as const;

export function floats(dtype: Dtype, values: number | Iterable<number>): FloatArray {
  const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
  return typeof values === 'number' ? new FloatArrayOf(values) : FloatArrayOf.from(values);
}

/** Numbers in [minimum, maximum) that are the same in both dtypes. */
export function randomValues(length: number, seed: number, minimum = -1, maximum = 1): Float64Array {
  const generator = new RandomGenerator(seed);
  return new Float64Array(length).map(() => Math.fround(minimum + (maximum - minimum) * generator.uniform()));
}

/** Elements before and behind: not a whole number of vectors, so that the matrix is not aligned either. */
const guard = 35;
/** A NaN that no arithmetic makes. */
const poison = 0x7ff5dead;

/** A row-major matrix whose surroundings, also between its rows, are NaN: what reads them is poisoned, what writes them is found. */
export class GuardedMatrix {
  /** From the first element through the guard behind the last: a write there must not be lost as one beyond an array's end. */
  readonly data: FloatArray;
  readonly #length: number;
  readonly #bits: Uint32Array;
  readonly #before: Uint32Array | undefined;

  /** `values` are (rows, columns) with a leading dimension of their own, or absent for a matrix that is to be written. */
  constructor(
    readonly dtype: Dtype,
    readonly rows: number,
    readonly columns: number,
    readonly leadingDimension: number,
    values?: Float64Array,
    valuesLeadingDimension = columns,
    transposed = false,
  ) {
    const length = rows === 0 || columns === 0 ? 0 : (rows - 1) * leadingDimension + columns;
    const whole = floats(dtype, length + 2 * guard);
    this.#bits = new Uint32Array(whole.buffer);
    this.#bits.fill(poison);
    this.data = whole.subarray(guard);
    this.#length = length;
    if (values) {
      const [rowStride, columnStride] = transposed ? [1, valuesLeadingDimension] : [valuesLeadingDimension, 1];
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++)
          this.data[i * leadingDimension + j] = values[i * rowStride + j * columnStride];
      }
    }
    this.#before = values && this.#bits.slice();
  }

  at(i: number, j: number): number {
    return this.data[i * this.leadingDimension + j];
  }

  /** (rows, columns) without what lies between. */
  dense(): FloatArray {
    const values = floats(this.dtype, this.rows * this.columns);
    for (let i = 0; i < this.rows; i++) {
      for (let j = 0; j < this.columns; j++) values[i * this.columns + j] = this.at(i, j);
    }
    return values;
  }

  /** Throws if anything but the matrix's elements was written. */
  checkSurroundings(name: string): void {
    const words = this.dtype === 'float32' ? 1 : 2;
    const end = guard + this.#length;
    for (let e = 0; e < end + guard; e++) {
      const inside = e >= guard && e < end && (e - guard) % this.leadingDimension < this.columns;
      if (inside) continue;
      for (let w = e * words; w < (e + 1) * words; w++) {
        if (this.#bits[w] !== poison) throw new Error(`${name}: element ${e - guard} outside the matrix was written`);
      }
    }
  }

  /** Throws if anything of a matrix made with values was written. */
  checkUntouched(name: string): void {
    const before = this.#before as Uint32Array;
    if (Buffer.compare(Buffer.from(this.#bits.buffer), Buffer.from(before.buffer)) !== 0) {
      throw new Error(`${name} was written`);
    }
  }
}

/** Throws unless |actual − expected| ≤ tolerance for each element; NaN and infinities must be the same. */
export function checkClose(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: (i: number) => number,
): void {
  if (actual.length !== expected.length) throw new Error(`${name}: ${actual.length} elements, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i]) || Math.abs(actual[i] - expected[i]) <= tolerance(i)) continue;
    throw new Error(`${name}: element ${i} is ${actual[i]}, not ${expected[i]} ± ${tolerance(i)}`);
  }
}
