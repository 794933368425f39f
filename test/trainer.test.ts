import { backends, dtypes, itRunsOnEverythingThereIs } from './support/backends.js';
import { itHasTheSameBitsOnEveryInstructionSet } from './support/record.js';
import { trainerSuite } from './trainer.suite.js';

itRunsOnEverythingThereIs();
for (const backend of backends) {
  for (const dtype of dtypes) trainerSuite(backend, dtype);
}
itHasTheSameBitsOnEveryInstructionSet();
