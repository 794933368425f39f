import type {
  EpochsAnswer,
  EpochsTask,
  InferenceTask,
  Laps,
  Ran,
  TogetherAnswer,
  TogetherTask,
  TrainingAnswer,
  TrainingTask,
} from '../../tasks.js';
import { peakBytes, readData, writeOutputs } from '../program.js';
import { warmUpInference, warmUpTraining } from '../timing.js';
import { createNetwork, type Options, seedNetwork } from './network.js';

/** In one call of `fit`, which keeps figures of each. */
const maximumEpochs = 400_000;

export async function measureTraining(task: TrainingTask, options: Options): Promise<Laps<TrainingAnswer>> {
  const { loss, optimizer, batchSize, rows, inputs } = task.case;
  const data = readData(task.case);
  const first = (count: number) => ({ x: data.x.subarray(0, count * inputs), y: data.y.subarray(0, count) });

  const judged = createNetwork(task.case, options);
  const { compared } = task;
  await judged.fit(first(compared.rows), { loss, optimizer, batchSize, epochs: compared.epochs, shuffle: false });
  writeOutputs(task.case, judged.predictSync(first(task.judgedRows).x).data);
  judged.dispose();

  const network = createNetwork(task.case, options);
  const lap = await warmUpTraining(task, async (updates) => {
    const samples = updates * batchSize;
    const some = Math.min(samples, rows);
    const wanted = Math.max(1, Math.floor(samples / rows));
    for (let done = 0; done < wanted; done += maximumEpochs) {
      const epochs = Math.min(maximumEpochs, wanted - done);
      const history = await network.fit(first(some), { loss, optimizer, batchSize, epochs });
      if (history.stoppedBy !== 'epochs') throw new Error(`expected a finite loss for ${task.case.name}`);
    }
    return some * wanted;
  });
  return { lap, answer: () => ({ peakBytes: peakBytes(), ran: ran(options) }) };
}

export async function measureInference(task: InferenceTask, options: Options): Promise<Laps<Ran>> {
  const data = readData(task.case);
  const network = createNetwork(task.case, options);
  writeOutputs(task.case, network.predictSync(data.x).data);
  const lap = await warmUpInference(() => network.predictSync(data.x));
  return { lap, answer: () => ({ ran: ran(options) }) };
}

export async function measureEpochs(task: EpochsTask, options: Options): Promise<EpochsAnswer> {
  const { loss, optimizer, batchSize } = task.case;
  const network = seedNetwork(task.case, options);
  const { epochs } = await network.fit(readData(task.case), { loss, optimizer, batchSize, epochs: task.epochs });
  return { seconds: epochs.map(({ seconds }) => seconds), peakBytes: peakBytes(), ran: ran(options) };
}

/** Each goes on until all have been measured, so that none ends up alone. */
export async function measureTogether(task: TogetherTask, options: Options): Promise<TogetherAnswer> {
  const { loss, optimizer, batchSize, rows } = task.case;
  const data = readData(task.case);
  const networks = Array.from({ length: task.networks }, () => seedNetwork(task.case, options));
  const fit = (epochs: number) => (network: (typeof networks)[number]) =>
    network.fit(data, { loss, optimizer, batchSize, epochs });
  const [{ seconds }] = await Promise.all(networks.map(fit(1)));
  const epochs = Math.max(1, Math.ceil(task.seconds / 10 / seconds));
  let measuring = networks.length;
  const speeds = networks.map(async (network) => {
    let done = 0;
    const started = performance.now();
    let elapsed = 0;
    while (elapsed < task.seconds) {
      await fit(epochs)(network);
      done += epochs * rows;
      elapsed = (performance.now() - started) / 1000;
    }
    measuring--;
    while (measuring > 0) await fit(epochs)(network);
    return done / elapsed;
  });
  return { speeds: await Promise.all(speeds) };
}

function ran({ backend, isa, threads }: Options): string {
  return `${backend} ${isa}, threads: ${threads}`;
}
