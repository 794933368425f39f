import { kernelSuite } from './kernels.suite.js';
import { backends, dtypes, itRunsOnEverythingThereIs } from './support/backends.js';
import { itHasTheSameBitsOnEveryInstructionSet } from './support/record.js';

itRunsOnEverythingThereIs();
for (const backend of backends) {
  for (const dtype of dtypes) kernelSuite(backend, dtype);
}
itHasTheSameBitsOnEveryInstructionSet();
