import { describe } from 'vitest';
import type { Backend, Dtype } from '../src/backend/backend.js';
import { denseSuite } from './kernels/dense.suite.js';
import { denseUpdateSuite } from './kernels/dense_update.suite.js';
import { elementwiseSuite } from './kernels/elementwise.suite.js';
import { lossSuite } from './kernels/loss.suite.js';
import { nameOf } from './support/backends.js';
import { recordOf } from './support/record.js';

/** What every implementation of the kernels must do, but for gemm: see gemm.test.ts. */
export function kernelSuite(backend: Backend, dtype: Dtype): void {
  describe(`kernels on ${nameOf(backend, dtype)}`, () => {
    const record = recordOf(backend, dtype);
    describe('dense layers', () => denseSuite(backend, dtype, record));
    describe('dense layers with an update', () => denseUpdateSuite(backend, dtype, record));
    describe('elementwise', () => elementwiseSuite(backend, dtype, record));
    describe('losses', () => lossSuite(backend, dtype, record));
  });
}
