import { parentPort, Worker, workerData } from 'node:worker_threads';
import { dense, Network } from '../../src/index.js';
import { gemm } from '../../src/kernels.js';

/** Programs for test/workers.test.ts, each run in a process of its own by name: what may crash must not take the tests along. */

function makeNetwork(): Network {
  return new Network({
    inputs: 64,
    layers: [dense(128, { activation: 'relu' }), dense(10, { activation: 'softmax' })],
    seed: 3,
    backend: 'native',
    threads: 2,
  });
}

const rows = 4096;
const data = {
  x: Float32Array.from({ length: rows * 64 }, (_, i) => Math.sin(i)),
  y: Int32Array.from({ length: rows }, (_, i) => i % 10),
};
const options = { loss: 'crossEntropy', optimizer: 'adam', batchSize: 64 } as const;

/** This file again as a worker; tsx has to be registered in each thread. */
function spawn(task: string): Worker {
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(import.meta.url)}); })`;
  return new Worker(start, { eval: true, workerData: task });
}

function message<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function trainedBits(): Promise<string> {
  const network = makeNetwork();
  await network.fit(data, { ...options, epochs: 2 });
  const [first] = network.parameters();
  return Buffer.from((first as { weights: Float32Array }).weights.buffer).toString('base64');
}

function productBits(): string {
  const size = 256;
  const values = Float32Array.from({ length: size * size }, (_, i) => Math.sin(i));
  const c = new Float32Array(size * size);
  gemm({ m: size, n: size, k: size, a: values, b: values, c, backend: 'native', threads: 2 });
  return Buffer.from(c.buffer).toString('base64');
}

const programs: Record<string, () => Promise<void>> = {
  /** Prints how many different results three workers and the main thread come to. */
  async sideBySide() {
    const workers = [spawn('train'), spawn('train'), spawn('train')];
    const results = await Promise.all([trainedBits(), ...workers.map((worker) => message<string>(worker))]);
    console.log(new Set(results).size);
  },

  async terminatedWhileTraining() {
    for (let round = 0; round < 5; round++) {
      const workers = [spawn('trainForever'), spawn('trainForever')];
      await Promise.all(workers.map((worker) => message(worker)));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    await trainedBits();
    console.log('still training');
  },

  /** Each environment's gemm keeps threads; prints how many different results there are. */
  async productsInWorkers() {
    const results = new Set([productBits()]);
    for (let round = 0; round < 5; round++) {
      const workers = [spawn('multiply'), spawn('multiplyForever')];
      for (const bits of await Promise.all(workers.map((worker) => message<string>(worker)))) results.add(bits);
      await workers[1].terminate();
      results.add(productBits());
    }
    console.log(results.size);
  },

  async exitWhileTraining() {
    makeNetwork().fit(data, { ...options, epochs: 1_000_000 });
    setTimeout(() => process.exit(7), 100);
  },

  async nothingElseToDo() {
    makeNetwork()
      .fit(data, { ...options, epochs: 5 })
      .then((history) => console.log(history.epochs.length));
  },

  async collectedWhileTraining() {
    for (let i = 0; i < 20; i++) makeNetwork().fit(data, { ...options, epochs: 2 });
    globalThis.gc?.();
  },
};

const tasks: Record<string, () => Promise<void>> = {
  async train() {
    parentPort?.postMessage(await trainedBits());
  },
  async multiply() {
    parentPort?.postMessage(productBits());
  },
  async multiplyForever() {
    for (;;) parentPort?.postMessage(productBits());
  },
  async trainForever() {
    const fitting = makeNetwork().fit(data, { ...options, epochs: 1_000_000 });
    parentPort?.postMessage('training');
    await fitting;
  },
};

if (parentPort) await tasks[workerData as string]();
else await programs[process.argv[2] as string]();
