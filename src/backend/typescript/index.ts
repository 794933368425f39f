import { activations } from '../../activations.js';
import { lossKernels } from '../../losses.js';
import { optimizerKernels } from '../../optimizers.js';
import type { Backend, RegistryListing } from '../backend.js';
import { createKernels } from './kernels.js';
import { TypescriptTrainer } from './trainer.js';

/** Runs everywhere, on one thread; plainly written, and what the native kernels are held against. */
export const typescriptBackend: Backend = {
  name: 'typescript',
  isa: 'none',
  kernels: createKernels,
  createTrainer: (plan) => new TypescriptTrainer(plan),
  registry,
};

function registry(): RegistryListing {
  return {
    activations: Object.entries(activations).map(([name, { settings, saves, rowwise }]) => ({
      name,
      parameters: Object.keys(settings).length,
      saves,
      rowwise,
    })),
    losses: Object.entries(lossKernels).map(([name, { parameters }]) => ({ name, parameters: parameters.length })),
    optimizers: Object.entries(optimizerKernels).map(([name, { parameters, slots }]) => ({
      name,
      parameters: parameters.length,
      slots,
    })),
  };
}
