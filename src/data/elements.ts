import { endianness } from 'node:os';
import type { NumericArray } from '../backend/backend.js';
import { Matrix } from '../matrix.js';
import { badFormat, type Content } from './source.js';

/** An array of any number of dimensions, seen as a matrix: rows along the first dimension, the others along the columns. */
export class ShapedMatrix<T extends NumericArray = NumericArray> extends Matrix<T> {
  readonly shape: readonly number[];

  /** Throws `SHAPE_MISMATCH` unless data has as many elements as the shape says. */
  constructor(data: T, shape: readonly number[]) {
    const [rows = 1, ...others] = shape;
    super(
      data,
      rows,
      others.reduce((product, size) => product * size, 1),
    );
    this.shape = Object.freeze([...shape]);
  }
}

const arrayTypes = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
};

export type ElementType = keyof typeof arrayTypes;

/** Where in a file its elements lie, and as what. */
export interface Elements {
  readonly type: ElementType;
  readonly byteOrder: 'LE' | 'BE';
  readonly from: number;
  readonly shape: readonly number[];
}

/**
 * Copies the elements out, in the host's byte order; 64-bit integers become float64. Throws `FORMAT` unless exactly the
 * shape's elements are there, or for an integer that float64 cannot hold.
 */
export function readElements({ bytes, name }: Content, { type, byteOrder, from, shape }: Elements): NumericArray {
  const ArrayType = arrayTypes[type];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const count = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - from !== count * size) {
    const what = `${count} elements of ${size} bytes (${shape.join(' × ') || 'a single number'})`;
    throw badFormat(what, name, `${bytes.length - from} bytes behind the header`);
  }
  // A copy of its own is aligned, and not the caller's memory.
  const copy = Buffer.from(new Uint8Array(bytes.subarray(from)).buffer);
  if (byteOrder !== endianness()) {
    if (size === 2) copy.swap16();
    if (size === 4) copy.swap32();
    if (size === 8) copy.swap64();
  }
  const array = new ArrayType(copy.buffer as ArrayBuffer, copy.byteOffset, count);
  return array instanceof BigInt64Array || array instanceof BigUint64Array ? toFloats(array, name) : array;
}

function toFloats(integers: BigInt64Array | BigUint64Array, name: string): Float64Array {
  const floats = new Float64Array(integers.length);
  for (let i = 0; i < floats.length; i++) {
    floats[i] = Number(integers[i]);
    if (!Number.isSafeInteger(floats[i])) {
      throw badFormat('64-bit integers below 2⁵³ in magnitude', `element ${i} of ${name}`, String(integers[i]));
    }
  }
  return floats;
}
