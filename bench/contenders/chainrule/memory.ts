import { setImmediate } from 'node:timers/promises';
import { dense, Network } from '../../../src/index.js';
import { fillUniform } from '../../data.js';
import type { LargeAnswer, LargeTask, ManyNetworksAnswer, ManyNetworksTask } from '../../tasks.js';
import { peakBytes, readData } from '../program.js';
import { type Options, seedNetwork } from './network.js';

/** The collector learns of a network's memory when it is told, and frees it between turns of the event loop. */
const networksPerTurn = 10;

export async function measureManyNetworks(task: ManyNetworksTask, options: Options): Promise<ManyNetworksAnswer> {
  const { loss, optimizer } = task.case;
  const data = readData(task.case);
  const bytes: number[] = [];
  for (let made = 1; made <= task.networks; made++) {
    seedNetwork(task.case, options).trainOnBatch(data, { loss, optimizer });
    if (made % networksPerTurn === 0) await setImmediate();
    if (made % (task.networks / task.reports) === 0) bytes.push(process.memoryUsage.rss());
  }
  return { bytes };
}

const largeInputs = 128;
const largeClasses = 10;

export async function measureLarge({ rows, fits }: LargeTask, { backend, threads }: Options): Promise<LargeAnswer> {
  const x = new Float32Array(rows * largeInputs);
  fillUniform(x, 1);
  const y = Int32Array.from({ length: rows }, (_, i) => Number(x[i * largeInputs] > 0));
  const layers = [dense(128, { activation: 'relu' }), dense(largeClasses, { activation: 'softmax' })];
  const network = new Network({ inputs: largeInputs, layers, backend, threads });
  const settings = { loss: 'crossEntropy', optimizer: 'adam', batchSize: 256 } as const;
  await network.fit({ x: x.subarray(0, 20_000 * largeInputs), y: y.subarray(0, 20_000) }, settings);

  const before = process.memoryUsage.rss();
  let seconds = 0;
  for (let i = 0; i < fits; i++) seconds += (await network.fit({ x, y }, settings)).seconds;
  return {
    rowsPerSecond: (rows * fits) / seconds,
    dataBytes: x.byteLength + y.byteLength,
    grownBytes: Math.max(peakBytes(), process.memoryUsage.rss()) - before,
  };
}
