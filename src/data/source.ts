import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ChainruleError, describe, expected } from '../errors.js';
import { invalid } from '../validate.js';

/** A file's path or `file:` URL, or its bytes. What is compressed with gzip is unpacked, whatever its name. */
export type DataSource = string | URL | Uint8Array;

/** A file's content, and what messages call it. */
export interface Content {
  readonly bytes: Buffer;
  readonly name: string;
}

/** Rejects with `FORMAT` for a broken gzip file, `INVALID_ARGUMENT` for no source, and Node's own error for a file it cannot read. */
export async function readContent(source: DataSource): Promise<Content> {
  const { bytes, name } = await readRaw(source);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { bytes, name };
  try {
    return { bytes: await promisify(gunzip)(bytes), name };
  } catch (cause) {
    const message = `expected a whole gzip file for ${name}, got ${cause instanceof Error ? cause.message : describe(cause)}`;
    throw new ChainruleError('FORMAT', message, { cause });
  }
}

async function readRaw(source: unknown): Promise<Content> {
  if (typeof source === 'string' || source instanceof URL) {
    return { bytes: await readFile(source), name: basename(String(source)) };
  }
  // By tag: a Uint8Array of another realm is one too.
  if (Object.prototype.toString.call(source) === '[object Uint8Array]') {
    const { buffer, byteOffset, byteLength } = source as Uint8Array<ArrayBuffer>;
    return { bytes: Buffer.from(buffer, byteOffset, byteLength), name: 'the bytes given' };
  }
  throw invalid('a path, a file URL or a Uint8Array', 'source', source);
}

export function badFormat(what: string, where: string, got: string): ChainruleError {
  return expected('FORMAT', what, where, got);
}
