import type { NumericArray } from '../backend/backend.js';
import { describe } from '../errors.js';
import { type Elements, type ElementType, readElements, ShapedMatrix } from './elements.js';
import { badFormat, type Content, type DataSource, readContent } from './source.js';

const magic = Buffer.from('\x93NUMPY', 'latin1');

/** By NumPy's letter and size in bytes. */
const elementTypes: Readonly<Record<string, ElementType>> = {
  b1: 'uint8',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f4: 'float32',
  f8: 'float64',
};

/**
 * Reads an array that NumPy saved (`.npy` of format version 1, 2 or 3; also gzip'ed) with booleans, integers of any size,
 * float32 or float64, row-major or Fortran order. 64-bit integers become float64; an array of one dimension a column.
 *
 * Rejects with `FORMAT` for what is no such file or not a whole one, and for 64-bit integers from 2⁵³ on.
 */
export async function readNpy(source: DataSource): Promise<ShapedMatrix> {
  const content = await readContent(source);
  const { fortranOrder, ...elements } = readHeader(content);
  const data = readElements(content, elements);
  return new ShapedMatrix(fortranOrder ? toRowMajor(data, elements.shape) : data, elements.shape);
}

/** The magic string, two bytes of version, the header's length and the header: a Python dictionary of three entries. */
function readHeader({ bytes, name }: Content): Elements & { readonly fortranOrder: boolean } {
  if (!bytes.subarray(0, 6).equals(magic)) {
    throw badFormat('\\x93NUMPY', `the start of ${name}`, bytes.toString('hex', 0, 6) || 'no bytes');
  }
  const version = bytes[6];
  const lengthBytes = version === 1 ? 2 : 4;
  if (!(version >= 1 && version <= 3)) throw badFormat('version 1, 2 or 3', `the format of ${name}`, String(version));
  if (bytes.length < 8 + lengthBytes) throw badFormat('a header', name, `${bytes.length} bytes`);
  const from = 8 + lengthBytes + bytes.readUIntLE(8, lengthBytes);
  if (bytes.length < from) throw badFormat(`a header of ${from} bytes`, name, `${bytes.length} bytes`);
  const header = bytes.toString('utf8', 8 + lengthBytes, from);

  const [, order, code] = /'descr':\s*'([<>|=])([a-z]\d+)'/.exec(header) ?? [];
  const type = Object.hasOwn(elementTypes, code ?? '') ? elementTypes[code] : undefined;
  const fortranOrder = /'fortran_order':\s*(True|False)\b/.exec(header)?.[1];
  const shape = /'shape':\s*\(((?:\d+,?\s*)*)\)/.exec(header)?.[1].match(/\d+/g) ?? [];
  if (!type)
    throw badFormat(
      `'descr' to be one of ${Object.keys(elementTypes).join(', ')}`,
      `the header of ${name}`,
      describe(header),
    );
  if (!fortranOrder || !/'shape':\s*\((?:\d+,?\s*)*\)/.test(header)) {
    throw badFormat("'fortran_order' and 'shape'", `the header of ${name}`, describe(header));
  }
  return {
    type,
    // Where the order does not matter, a single byte, or '=' the host's: which writes little-endian files nearly anywhere.
    byteOrder: order === '>' ? 'BE' : 'LE',
    from,
    shape: shape.map(Number),
    fortranOrder: fortranOrder === 'True',
  };
}

/** From the first index running fastest to the last one doing so. */
function toRowMajor(columnMajor: NumericArray, shape: readonly number[]): NumericArray {
  const strides = shape.map((_, d) => shape.slice(0, d).reduce((product, size) => product * size, 1));
  const rowMajor = columnMajor.slice();
  const index = shape.map(() => 0);
  for (let i = 0; i < rowMajor.length; i++) {
    rowMajor[i] = columnMajor[index.reduce((position, at, d) => position + at * strides[d], 0)];
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
  return rowMajor;
}
