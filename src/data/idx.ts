import { type ElementType, readElements, ShapedMatrix } from './elements.js';
import { badFormat, type DataSource, readContent } from './source.js';

/** By the third byte of the file. */
const elementTypes: Readonly<Record<number, ElementType>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

/**
 * Reads an IDX file, also a gzip'ed one: the format of MNIST. Its header is two zero bytes, the type of the elements, the
 * number of dimensions, and the big-endian 32-bit size of each (LeCun, Cortes and Burges, "The MNIST database").
 * Images of 28 × 28 become a matrix 784 columns wide; labels one of a single column, which `fit` takes as classes.
 *
 * Rejects with `FORMAT` for what is no IDX file or not a whole one.
 */
export async function readIdx(source: DataSource): Promise<ShapedMatrix> {
  const content = await readContent(source);
  const { bytes, name } = content;
  if (bytes.length < 4) throw badFormat('the 4 bytes that an IDX file starts with', name, `${bytes.length} bytes`);
  const type = elementTypes[bytes[2]];
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined) {
    throw badFormat('two zero bytes and an IDX element type', `the start of ${name}`, bytes.toString('hex', 0, 3));
  }
  const dimensions = bytes[3];
  const from = 4 + 4 * dimensions;
  if (dimensions === 0 || bytes.length < from) {
    throw badFormat(
      'the sizes of one or more dimensions',
      `the header of ${name}`,
      `${bytes.length - 4} bytes for ${dimensions}`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  return new ShapedMatrix(readElements(content, { type, byteOrder: 'BE', from, shape }), shape);
}
