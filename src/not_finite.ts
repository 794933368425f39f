import type { Trainer } from './backend/backend.js';
import { type ChainruleError, expected } from './errors.js';
import type { Parts } from './parts.js';

/** What is at hand to tell where a number that is not finite came from. */
export type Suspects = Pick<Parts, 'trainer' | 'layers' | 'progress'>;

/**
 * `NOT_FINITE` for the update that comes next, which was not done as its loss is not finite: names the first layer whose
 * parameters or outputs are not, or the last where only the loss is.
 */
export function notFiniteLoss({ trainer, layers, progress }: Suspects, loss: number): ChainruleError {
  // A step of L-BFGS looks at several losses, of which only the first is told.
  const got = Number.isFinite(loss) ? 'one that is not' : String(loss);
  for (const among of ['parameters', 'outputs'] as const) {
    const layer = trainer.findNotFinite(among);
    if (layer >= 0) return notFinite(`finite ${among}`, layer, progress, `a loss of ${got}`);
  }
  return notFinite('a finite loss', layers - 1, progress, got);
}

/** `NOT_FINITE` where an update, its epoch and batch given, has left parameters that are not finite; otherwise nothing. */
export function notFiniteParameters(
  trainer: Trainer,
  at: { readonly epoch: number; readonly batch: number },
): ChainruleError | undefined {
  const layer = trainer.findNotFinite('parameters');
  return layer < 0 ? undefined : notFinite('finite parameters', layer, at, 'others after its update');
}

/** Throws `NOT_FINITE` where the gradients that the trainer keeps for the next update, or those beside them, are not finite. */
export function ensureFiniteGradients({ trainer, progress }: Suspects, inputsAreFinite = true): void {
  const layer = trainer.findNotFinite('gradients');
  if (layer >= 0 || !inputsAreFinite) {
    throw notFinite('finite gradients', Math.max(layer, 0), progress, 'others');
  }
}

function notFinite(
  what: string,
  layer: number,
  { epoch, batch }: { readonly epoch: number; readonly batch: number },
  got: string,
): ChainruleError {
  return expected('NOT_FINITE', what, `layer ${layer}, epoch ${epoch}, batch ${batch}`, got);
}
