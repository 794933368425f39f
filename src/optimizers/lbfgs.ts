import { setting } from '../registry.js';
import { integer, nonNegative } from '../validate.js';
import { learningRate, optimizer } from './optimizer.js';

export const lbfgsFamily = {
  /** Limited-memory BFGS without a line search (Liu & Nocedal 1989), up to `maxIterations` steps per update. */
  lbfgs: optimizer({
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
  }),
};
