/** This library, on the backend, instruction set and threads that the options name. */
import { answer } from '../program.js';
import { measureGemm } from './gemm.js';
import { measureLarge, measureManyNetworks } from './memory.js';
import type { Options } from './network.js';
import { measurePeak } from './peak.js';
import { measureEpochs, measureInference, measureTogether, measureTraining } from './training.js';

await answer<Options>({
  training: measureTraining,
  inference: measureInference,
  gemm: measureGemm,
  peak: measurePeak,
  epochs: measureEpochs,
  together: measureTogether,
  manyNetworks: measureManyNetworks,
  large: measureLarge,
});
