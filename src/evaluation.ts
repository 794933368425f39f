import type { LossPlan, Plan, Samples, Trainer } from './backend/backend.js';
import { createFloats } from './matrix.js';
import { type Accumulators, type MetricValues, results } from './metrics.js';
import { sequence } from './order.js';
import { totalWeight } from './samples.js';

/** Output elements kept at a time for metrics: small enough for a cache, large enough to make the crossing free. */
export const outputElements = 2 ** 16;

/** Rows per batch where nothing depends on it: enough to fill the widest kernel tile several times. */
export const evaluationBatchSize = 256;

export interface Evaluation {
  readonly samples: Samples;
  readonly from: number;
  readonly rows: number;
  readonly batchSize: number;
  readonly loss?: LossPlan;
  readonly accumulators: Accumulators;
}

/** Loss and metrics of some rows, dropout off; undefined if it was cancelled. */
export async function evaluateRows(
  trainer: Trainer,
  { dtype, outputs }: Plan,
  { samples, from, rows, batchSize, loss, accumulators }: Evaluation,
): Promise<({ loss?: number } & MetricValues) | undefined> {
  const all = Object.values(accumulators);
  // The same pieces with metrics and without: the loss is summed alike.
  const chunkRows = Math.min(rows, Math.max(batchSize, Math.floor(outputElements / outputs)));
  const buffer = all.length === 0 ? undefined : createFloats(dtype, chunkRows * outputs);
  let lossSum = 0;
  let penalty = 0;
  for (let done = 0; done < rows; done += chunkRows) {
    const count = Math.min(chunkRows, rows - done);
    const values = buffer?.subarray(0, count * outputs);
    const report = await trainer.evaluate({
      samples,
      from: from + done,
      rows: count,
      batchSize,
      loss,
      outputs: values,
    });
    if (report.ended === 'cancelled') return undefined;
    lossSum += report.lossSum;
    penalty = report.penalty;
    if (!values) continue;
    const numbers = sequence(from + done, count);
    for (const accumulator of all) accumulator.add(values, numbers);
  }
  if (!loss) return results(accumulators);
  const divisor = loss.reduction === 'sum' ? 1 : totalWeight(samples, from, rows);
  return { loss: lossSum / divisor + penalty, ...results(accumulators) };
}
