import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { describe } from '../errors.js';
import { Matrix } from '../matrix.js';
import { boolean, integer, invalid, options } from '../validate.js';
import { badFormat, type DataSource, readContent } from './source.js';

/** How `readCsv` reads. */
export interface CsvOptions {
  /** Whether the first line names the columns. Default: it does if any of its cells is not a number. */
  readonly header?: boolean;
  /** Between cells; default a comma. */
  readonly delimiter?: string;
  /** Columns, by name or position, whose cells are names of classes: they become 0, 1, 2, … in order of appearance. */
  readonly categorical?: readonly (string | number)[];
}

/** A CSV file's numbers, (lines, columns). */
export class CsvTable extends Matrix<Float64Array> {
  /** From the header; '0', '1', … without one. */
  readonly names: readonly string[];
  /** What the numbers of each categorical column stand for. */
  readonly categories: Readonly<Record<string, readonly string[]>>;

  constructor(data: Float64Array, names: readonly string[], categories: Readonly<Record<string, readonly string[]>>) {
    super(data, names.length === 0 ? 0 : data.length / names.length, names.length);
    this.names = names;
    this.categories = categories;
  }

  /** The columns named, in this order; throws `INVALID_ARGUMENT` for one there is not. */
  select(columns: readonly (string | number)[]): Matrix<Float64Array> {
    if (!Array.isArray(columns)) throw invalid('an array of names or positions', 'columns', columns);
    const positions = columns.map((column, i) => findColumn(this.names, column, `columns[${i}]`));
    const data = new Float64Array(this.rows * positions.length);
    for (let row = 0, at = 0; row < this.rows; row++) {
      for (const position of positions) data[at++] = this.data[row * this.columns + position];
    }
    return new Matrix(data, this.rows, positions.length);
  }
}

/** A decimal number and nothing else: Number() would also take '', '0x1f' and 'Infinity'. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Bytes parsed between two turns of the event loop: some milliseconds' worth. */
const pieceBytes = 2 ** 16;

/**
 * Reads a CSV file of numbers (RFC 4180: quoted cells, also with line breaks in them; LF or CRLF; blank lines are left
 * out; also gzip'ed).
 *
 * Rejects with `FORMAT`, naming line and column, for a cell that is no finite decimal number in a column that is not
 * categorical, an empty cell, a line with another number of cells than the first, or broken quoting; and with
 * `INVALID_ARGUMENT` for options that are wrong, a categorical column that is not there included.
 */
export async function readCsv(source: DataSource, given: CsvOptions = {}): Promise<CsvTable> {
  const {
    header,
    delimiter = ',',
    categorical = [],
  } = options(given, 'options of readCsv', ['header', 'delimiter', 'categorical']);
  if (header !== undefined) boolean(header, 'header');
  if (typeof delimiter !== 'string' || delimiter === '')
    throw invalid('one or more characters', 'delimiter', delimiter);
  if (!Array.isArray(categorical)) throw invalid('an array of names or positions', 'categorical', categorical);
  const { bytes, name } = await readContent(source);

  const parser = parse({
    delimiter,
    bom: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    info: true,
  });
  Readable.from(pieces(bytes)).pipe(parser);
  let table: TableBuilder | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (!table) {
        const named = header ?? record.some((cell) => !decimal.test(cell));
        table = new TableBuilder(name, named ? record : record.map((_, i) => String(i)), categorical);
        if (named) continue;
      }
      table.add(record, info.lines);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { lines } = error as { lines?: number };
    throw badFormat('well-formed CSV', `line ${lines ?? '?'} of ${name}`, `${error.code}: ${error.message}`);
  }
  if (!table) throw badFormat('at least one line', name, 'none');
  return table.finish();
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    if (from > 0) await nextTurn();
    yield bytes.subarray(from, from + pieceBytes);
  }
}

function findColumn(names: readonly string[], column: unknown, argument: string): number {
  if (typeof column === 'number') return integer(column, argument, 0, names.length - 1);
  const position = names.indexOf(column as string);
  if (position < 0) throw invalid(`one of ${names.join(', ')}`, argument, column);
  return position;
}

/** Takes lines of cells and grows one array of numbers. */
class TableBuilder {
  readonly #file: string;
  readonly #names: readonly string[];
  /** Of each column, the number of each class; undefined where cells are numbers. */
  readonly #classes: (Map<string, number> | undefined)[];
  #data = new Float64Array(1024);
  #length = 0;

  constructor(file: string, names: readonly string[], categorical: readonly unknown[]) {
    this.#file = file;
    this.#names = names;
    this.#classes = names.map(() => undefined);
    categorical.forEach((column, i) => {
      this.#classes[findColumn(names, column, `categorical[${i}]`)] = new Map();
    });
  }

  add(record: readonly string[], line: number): void {
    if (record.length !== this.#names.length) {
      throw badFormat(`${this.#names.length} cells`, `line ${line} of ${this.#file}`, String(record.length));
    }
    if (this.#length + record.length > this.#data.length) {
      const grown = new Float64Array(2 * this.#data.length + record.length);
      grown.set(this.#data);
      this.#data = grown;
    }
    record.forEach((cell, column) => {
      this.#data[this.#length++] = this.#value(cell, column, line);
    });
  }

  finish(): CsvTable {
    const categories: [string, string[]][] = [];
    this.#classes.forEach((classes, column) => {
      if (classes) categories.push([this.#names[column], [...classes.keys()]]);
    });
    return new CsvTable(this.#data.slice(0, this.#length), this.#names, Object.fromEntries(categories));
  }

  #value(cell: string, column: number, line: number): number {
    const classes = this.#classes[column];
    const value = classes ? (classes.get(cell) ?? classes.size) : Number(cell);
    if (cell === '' || !Number.isFinite(value) || !(classes || decimal.test(cell))) {
      const what = classes ? 'the name of a class' : 'a finite decimal number';
      throw badFormat(what, `line ${line}, column ${describe(this.#names[column])} of ${this.#file}`, describe(cell));
    }
    classes?.set(cell, value);
    return value;
  }
}
