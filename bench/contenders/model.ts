/** The libraries for which the bench chooses the batches: what they have in common. */

import { spreadOf } from '../statistics.js';
import type {
  Case,
  EpochsAnswer,
  EpochsTask,
  InferenceTask,
  Laps,
  Ran,
  TrainingAnswer,
  TrainingTask,
} from '../tasks.js';
import { type CaseData, peakBytes, readData, writeOutputs } from './program.js';
import { warmUpInference, warmUpTraining } from './timing.js';

export interface Model {
  /** One update for each batch, of rows [batch · batchSize, (batch + 1) · batchSize). */
  train(batches: readonly number[]): void;
  /** Outputs of the first rows, one row behind the other. */
  predict(rows: number): ArrayLike<number>;
}

/** Makes the case's network, with its parameters as far as the library lets them be set, and puts the data into its form. */
export type CreateModel<Options> = (given: Case, data: CaseData, options: Options) => Model | Promise<Model>;

/** Of data in the library's form: enough that no cache holds a large network's, and few enough to be made in time. */
const maximumBatches = 200;

export function measureTraining<Options>(create: CreateModel<Options>, ran: () => string) {
  return async (task: TrainingTask, options: Options): Promise<Laps<TrainingAnswer>> => {
    const { batchSize } = task.case;
    const batches = Math.min(maximumBatches, Math.floor(task.case.rows / batchSize));
    const given = { ...task.case, rows: batches * batchSize };
    const data = readData(given);
    const judged = await create(given, data, options);
    const speeds = timeInOrder(judged, task);
    writeOutputs(given, Float32Array.from(judged.predict(task.judgedRows)));
    const answer = () => ({ peakBytes: peakBytes(), ran: ran() });
    if (speeds !== undefined) return { lap: () => spreadOf(speeds).median, answer };

    const model = await create(given, data, options);
    const lap = await warmUpTraining(task, (updates) => {
      model.train(Array.from({ length: updates }, () => Math.floor(Math.random() * batches)));
      return updates * batchSize;
    });
    return { lap, answer };
  };
}

/** Trains on the compared rows; where that takes far longer than a lap should, it is one: each update but the first a sample. */
function timeInOrder(model: Model, { compared, seconds, case: { batchSize } }: TrainingTask): number[] | undefined {
  const speeds: number[] = [];
  const started = performance.now();
  for (let epoch = 0; epoch < compared.epochs; epoch++) {
    for (let batch = 0; batch < compared.rows / batchSize; batch++) {
      const before = performance.now();
      model.train([batch]);
      speeds.push((1000 * batchSize) / (performance.now() - before));
    }
  }
  return performance.now() - started > 8000 * seconds ? speeds.slice(1) : undefined;
}

export function measureInference<Options>(create: CreateModel<Options>, ran: () => string) {
  return async (task: InferenceTask, options: Options): Promise<Laps<Ran>> => {
    const model = await create(task.case, readData(task.case), options);
    const predict = () => model.predict(task.case.rows);
    writeOutputs(task.case, Float32Array.from(predict()));
    return { lap: await warmUpInference(predict), answer: () => ({ ran: ran() }) };
  };
}

export function measureEpochs<Options>(create: CreateModel<Options>, ran: () => string) {
  return async (task: EpochsTask, options: Options): Promise<EpochsAnswer> => {
    const { batchSize, rows } = task.case;
    const model = await create(task.case, readData(task.case), options);
    const inOrder = Array.from({ length: Math.floor(rows / batchSize) }, (_, batch) => batch);
    const seconds = Array.from({ length: task.epochs }, () => {
      const started = performance.now();
      model.train(inOrder);
      return (performance.now() - started) / 1000;
    });
    return { seconds, peakBytes: peakBytes(), ran: ran() };
  };
}
