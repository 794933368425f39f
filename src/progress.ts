import type { Plan, Trainer } from './backend/backend.js';
import { type EpochTrainer, LbfgsTrainer } from './lbfgs_trainer.js';
import type { ResolvedOptimizer } from './optimizers.js';

/** How far a network's training has come; lives as long as the network. */
export interface Progress {
  /** Whole epochs: keys the order. */
  epoch: number;
  /** Updates since the last whole epoch. */
  batch: number;
  /** Keys the dropout masks. */
  updates: number;
  /** The kernel whose state the trainer keeps, and the updates done with that state. */
  optimizer: { kernel: string; step: number };
  /** What keeps the state of L-BFGS, once it was used. */
  lbfgs?: LbfgsTrainer;
}

/** The optimizer's state goes on, or starts anew where another kernel or a reset is asked for. */
export function continueOptimizer(progress: Progress, kernel: string, reset: boolean): void {
  if (reset || progress.optimizer.kernel !== kernel) progress.optimizer = { kernel, step: 0 };
}

/** Who does the updates: the backend's trainer, but for an optimizer that has no kernel there. */
export function epochTrainer(
  progress: Progress,
  { hasKernel }: ResolvedOptimizer,
  trainer: Trainer,
  plan: Plan,
): EpochTrainer {
  if (hasKernel) return trainer;
  progress.lbfgs ??= new LbfgsTrainer(trainer, plan);
  return progress.lbfgs;
}
