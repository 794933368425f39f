import type { Dtype, FloatArray } from './backend/backend.js';
import { expected } from './errors.js';
import { dtypeOf } from './matrix.js';
import { integer, invalid } from './validate.js';

/** A row-major matrix in an array of the caller's. */
export interface Operand {
  readonly name: string;
  readonly array: FloatArray;
  readonly columns: number;
  readonly leading: number;
  /** Elements from the first to the last. */
  readonly span: number;
}

/** The arrays of one call, each checked as it is named: of one dtype, long enough, and none written that another overlaps. */
export class Operands {
  readonly #named: Operand[] = [];

  get dtype(): Dtype {
    return dtypeOf(this.#named[0].array) as Dtype;
  }

  /** (rows, columns) in the field `name`, with the leading dimension in the field `leadingName`, by default its width. */
  reads(name: string, fields: object, rows: number, columns: number, leadingName?: string): Operand {
    const operand = this.#check(name, fields, rows, columns, leadingName);
    this.#named.push(operand);
    return operand;
  }

  /** As `reads`; may be exactly the operand `inPlaceOf`. */
  writes(
    name: string,
    fields: object,
    rows: number,
    columns: number,
    leadingName?: string,
    inPlaceOf?: string,
  ): Operand {
    const operand = this.#check(name, fields, rows, columns, leadingName);
    for (const other of this.#named) {
      if (!overlap(operand, other)) continue;
      if (other.name === inPlaceOf && operand.array.byteOffset === other.array.byteOffset) continue;
      throw expected('INVALID_ARGUMENT', 'memory of its own', name, `an array that overlaps ${other.name}`);
    }
    this.#named.push(operand);
    return operand;
  }

  readsIfGiven(...given: Parameters<Operands['reads']>): Operand | undefined {
    return isGiven(given[0], given[1]) ? this.reads(...given) : undefined;
  }

  writesIfGiven(...given: Parameters<Operands['writes']>): Operand | undefined {
    return isGiven(given[0], given[1]) ? this.writes(...given) : undefined;
  }

  #check(name: string, fields: object, rows: number, columns: number, leadingName?: string): Operand {
    const given = fields as Readonly<Record<string, unknown>>;
    const array = given[name] as FloatArray;
    const dtype = dtypeOf(array);
    if (!dtype) throw invalid('a Float32Array or a Float64Array', name, array);
    const first = this.#named[0];
    if (first && dtype !== this.dtype) {
      throw invalid(`a ${first.array[Symbol.toStringTag]}, as ${first.name} is,`, name, array);
    }
    const leading =
      leadingName === undefined || given[leadingName] === undefined
        ? columns
        : integer(given[leadingName], leadingName, 0);
    if (leading < columns) {
      throw expected(
        'SHAPE_MISMATCH',
        `at least ${columns}, the width of ${name},`,
        leadingName ?? name,
        String(leading),
      );
    }
    const span = rows === 0 || columns === 0 ? 0 : (rows - 1) * leading + columns;
    if (array.length < span) {
      throw expected('SHAPE_MISMATCH', `at least ${span} elements`, name, String(array.length));
    }
    return { name, array, columns, leading, span };
  }
}

function isGiven(name: string, fields: object): boolean {
  return (fields as Readonly<Record<string, unknown>>)[name] !== undefined;
}

/** Whether two matrices share an element; blocks beside each other in one larger matrix do not. */
function overlap(a: Operand, b: Operand): boolean {
  if (a.array.buffer !== b.array.buffer || a.span === 0 || b.span === 0) return false;
  const size = a.array.BYTES_PER_ELEMENT;
  const distance = (b.array.byteOffset - a.array.byteOffset) / size;
  if (distance >= a.span || -distance >= b.span) return false;
  if (a.leading !== b.leading) return true;
  const column = ((distance % a.leading) + a.leading) % a.leading;
  return column < a.columns || column + b.columns > a.leading;
}
