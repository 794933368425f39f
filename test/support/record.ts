import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray } from '../../src/backend/backend.js';
import { dtypes, simdBackends } from './backends.js';

/** Takes note of a result; all NaN count as the same. */
export type Record = (result: FloatArray) => void;

const digests = new Map<string, ReturnType<typeof createHash>>();

function keyOf(backend: Backend, dtype: Dtype): string {
  return `${backend.name} ${backend.isa} ${dtype}`;
}

/** A running digest of all that a suite computes on a backend. */
export function recordOf(backend: Backend, dtype: Dtype): Record {
  const digest = createHash('sha1');
  digests.set(keyOf(backend, dtype), digest);
  return (result) => {
    const canonical = result.map((value) => (Number.isNaN(value) ? Number.NaN : value));
    digest.update(new Uint8Array(canonical.buffer, canonical.byteOffset, canonical.byteLength));
  };
}

/** To be declared behind the suites that record. */
export function itHasTheSameBitsOnEveryInstructionSet(): void {
  it.skipIf(simdBackends.length < 2).each(dtypes)(
    `has the same bits on ${simdBackends.map(({ isa }) => isa).join(', ')} (%s)`,
    (dtype) => {
      const found = simdBackends.map((backend) => digests.get(keyOf(backend, dtype))?.copy().digest('hex'));
      expect(found[0]).toBeDefined();
      for (const digest of found) expect(digest).toBe(found[0]);
    },
  );
}
