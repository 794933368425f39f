import { setting } from '../registry.js';
import { integer, nonNegative } from '../validate.js';
import { learningRate, optimizer } from './optimizer.js';

/**
 * Limited-memory BFGS without a line search (Liu & Nocedal 1989), as PyTorch's, for full batches; up to `maxIterations` steps per update.
 * Defaults: learningRate 1, maxIterations 20, historySize 100, gradientTolerance 1e-7, changeTolerance 1e-9. Throws `INVALID_ARGUMENT`.
 * @function
 */
export const lbfgs = optimizer('lbfgs', {
  settings: {
    learningRate: learningRate(1),
    maxIterations: setting(20, (value, name) => integer(value, name, 1)),
    historySize: setting(100, (value, name) => integer(value, name, 1)),
    gradientTolerance: setting(1e-7, nonNegative),
    changeTolerance: setting(1e-9, nonNegative),
  },
  fullBatch: true,
  kernels: [],
  plan: ({ maxIterations, historySize, gradientTolerance, changeTolerance }) => ({
    parameters: [maxIterations, historySize, gradientTolerance, changeTolerance],
  }),
});
