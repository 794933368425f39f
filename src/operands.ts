import type { Dtype, FloatArray } from './backend/backend.js';
import { expected } from './errors.js';
import { dtypeOf } from './matrix.js';
import { integer, invalid } from './validate.js';

/** A row-major matrix in an array of the caller's. */
export interface Operand {
  readonly name: string;
  readonly array: FloatArray;
  readonly dtype: Dtype;
  readonly columns: number;
  readonly leading: number;
  /** Elements from the first to the last. */
  readonly span: number;
  /** The one named before. A chain: an array of them would be made longer in every call. */
  readonly previous: Operand | undefined;
}

/** The arrays of one call, each checked as it is named: of one dtype, long enough, and none written that another overlaps. */
export class Operands {
  #last: Operand | undefined;

  get dtype(): Dtype {
    return (this.#last as Operand).dtype;
  }

  /**
   * `array` as (rows, columns), called `name`, with the leading dimension `leading`, which the caller knows as `leadingName`; by
   * default its width. Both come as values: to look either up by its name would take as long as all the checks.
   */
  reads(name: string, array: unknown, rows: number, columns: number, leadingName?: string, leading?: unknown): Operand {
    this.#last = check(this.#last, name, array, rows, columns, leadingName, leading);
    return this.#last;
  }

  /** As `reads`; may be exactly the operand `inPlaceOf`. */
  writes(
    name: string,
    array: unknown,
    rows: number,
    columns: number,
    leadingName?: string,
    leading?: unknown,
    inPlaceOf?: string,
  ): Operand {
    const operand = check(this.#last, name, array, rows, columns, leadingName, leading);
    const { buffer, byteOffset } = operand.array;
    for (let other = this.#last; other; other = other.previous) {
      if (other.array.buffer !== buffer || !overlap(operand, other)) continue;
      if (other.name === inPlaceOf && byteOffset === other.array.byteOffset) continue;
      throw expected('INVALID_ARGUMENT', 'memory of its own', name, `an array that overlaps ${other.name}`);
    }
    this.#last = operand;
    return operand;
  }

  readsIfGiven(...given: Parameters<Operands['reads']>): Operand | undefined {
    return given[1] === undefined ? undefined : this.reads(...given);
  }

  writesIfGiven(...given: Parameters<Operands['writes']>): Operand | undefined {
    return given[1] === undefined ? undefined : this.writes(...given);
  }
}

function check(
  previous: Operand | undefined,
  name: string,
  given: unknown,
  rows: number,
  columns: number,
  leadingName = name,
  givenLeading: unknown = columns,
): Operand {
  const array = given as FloatArray;
  const dtype = dtypeOf(array);
  if (!dtype) throw invalid('a Float32Array or a Float64Array', name, array);
  if (previous && previous.dtype !== dtype) {
    throw invalid(`a ${previous.array[Symbol.toStringTag]}, as ${previous.name} is,`, name, array);
  }
  const leading = integer(givenLeading, leadingName, 0);
  if (leading < columns) {
    throw expected('SHAPE_MISMATCH', `at least ${columns}, the width of ${name},`, leadingName, String(leading));
  }
  const span = rows === 0 || columns === 0 ? 0 : (rows - 1) * leading + columns;
  if (array.length < span) {
    throw expected('SHAPE_MISMATCH', `at least ${span} elements`, name, String(array.length));
  }
  return { name, array, dtype, columns, leading, span, previous };
}

/** Whether two matrices of one buffer share an element; blocks beside each other in one larger matrix do not. */
function overlap(a: Operand, b: Operand): boolean {
  if (a.span === 0 || b.span === 0) return false;
  const size = a.array.BYTES_PER_ELEMENT;
  const distance = (b.array.byteOffset - a.array.byteOffset) / size;
  if (distance >= a.span || -distance >= b.span) return false;
  if (a.leading !== b.leading) return true;
  const column = ((distance % a.leading) + a.leading) % a.leading;
  return column < a.columns || column + b.columns > a.leading;
}
