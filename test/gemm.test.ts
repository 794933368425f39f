import { describe } from 'vitest';
import { gemmSuite } from './kernels/gemm.suite.js';
import { backends, dtypes, itRunsOnEverythingThereIs, nameOf } from './support/backends.js';
import { itHasTheSameBitsOnEveryInstructionSet, recordOf } from './support/record.js';

// Apart from kernels.test.ts, so that the two run side by side.
itRunsOnEverythingThereIs();
for (const backend of backends) {
  for (const dtype of dtypes) {
    describe(`gemm on ${nameOf(backend, dtype)}`, () => gemmSuite(backend, dtype, recordOf(backend, dtype)));
  }
}
itHasTheSameBitsOnEveryInstructionSet();
