import type { Case } from '../tasks.js';

/**
 * The learning rate with which updates after each row, by the gradient of ½(f − t)², move the parameters about as far as one update
 * after the batch, whose loss is the mean: of (f − t)², or of a cross entropy. Adam's steps do not depend on the gradient's scale.
 */
export function perRow({ optimizer, loss, batchSize }: Case): number {
  if (optimizer.type === 'adam') return optimizer.learningRate;
  return (optimizer.learningRate * (loss === 'crossEntropy' ? 1 : 2)) / batchSize;
}
