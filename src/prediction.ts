import type { FloatArray } from './backend/backend.js';
import { evaluateRows, evaluationBatchSize } from './evaluation.js';
import { resolveBatchSize } from './fit_options.js';
import type { LossSpec } from './losses.js';
import { createFloats, Matrix, type MatrixLike } from './matrix.js';
import { type MetricSpec, resolveMetrics } from './metrics.js';
import type { Parts } from './parts.js';
import { givesDecisions, resolveOutputLoss } from './plan.js';
import { type Data, readInputs, readInputsNow, readSamples } from './samples.js';
import { runInTurns } from './steps.js';
import { invalid, options } from './validate.js';

/** What `Network.evaluate` looks at: a loss, metrics, or both. */
export interface EvaluateOptions {
  /** Reported as `loss`. */
  readonly loss?: LossSpec;
  /** Each reported by its name. */
  readonly metrics?: readonly MetricSpec[];
  /** Rows that go through the network together; the result does not depend on it. Default 256. */
  readonly batchSize?: number;
}

/** How `Network.predict` works. */
export interface PredictOptions {
  /** Rows that go through the network together; the result does not depend on it. Default 256. */
  readonly batchSize?: number;
}

/** Throws between the steps of a job that is no longer wanted. */
type Check = () => void;

/** Checks the options of an evaluation, to be run when its turn comes. */
export function prepareEvaluation(
  { plan, trainer, shape }: Parts,
  given: EvaluateOptions,
): (data: Data, check: Check) => Promise<Record<string, number>> {
  const { loss, metrics, batchSize } = options(given, 'options of evaluate', ['loss', 'metrics', 'batchSize']);
  const resolvedLoss = loss === undefined ? undefined : resolveOutputLoss(loss, plan);
  const resolvedMetrics = resolveMetrics(metrics, plan.outputs, givesDecisions(plan));
  if (!resolvedLoss && resolvedMetrics.names.length === 0) {
    throw invalid('a loss or metrics', 'options of evaluate', given);
  }
  const rowsAtOnce = resolveBatchSize(batchSize, evaluationBatchSize);
  return async (data, check) => {
    const { samples, rows } = await runInTurns(readSamples(data, shape, resolvedLoss?.acceptsClasses ?? true));
    check();
    const evaluation = await evaluateRows(trainer, plan, {
      samples,
      from: 0,
      rows,
      batchSize: rowsAtOnce,
      loss: resolvedLoss?.plan,
      accumulators: resolvedMetrics.start(samples),
    });
    return evaluation as Record<string, number>;
  };
}

/** Checks the options of a prediction, to be run when its turn comes. */
export function preparePrediction(
  { plan, trainer, shape }: Parts,
  given: PredictOptions,
): (x: MatrixLike, check: Check) => Promise<Matrix<FloatArray>> {
  const { batchSize } = options(given, 'options of predict', ['batchSize']);
  const rowsAtOnce = resolveBatchSize(batchSize, evaluationBatchSize);
  return async (x, check) => {
    const { data, rows } = await runInTurns(readInputs(x, shape, 'x'));
    check();
    const outputs = createFloats(plan.dtype, rows * plan.outputs);
    if (rows > 0) await trainer.evaluate({ samples: { x: data }, from: 0, rows, batchSize: rowsAtOnce, outputs });
    return new Matrix(outputs, rows, plan.outputs);
  };
}

/** Outputs for (rows, inputs), on the calling thread. */
export function predictNow({ plan, trainer, shape }: Parts, x: MatrixLike): Matrix<FloatArray> {
  const { data, rows } = readInputsNow(x, shape, 'x');
  const outputs = createFloats(plan.dtype, rows * plan.outputs);
  if (rows > 0) trainer.predictSync(data, rows, evaluationBatchSize, outputs);
  return new Matrix(outputs, rows, plan.outputs);
}
