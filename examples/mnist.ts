/**
 * Trains a network on all of MNIST, judges it by the test images, and compares the two backends on the same work:
 *
 *     npm start -- [--epochs 5] [--seed 0]
 */
import { parseArgs } from 'node:util';
import { adam, type BackendChoice, dense, Network } from 'chainrule';
import { compareBackends } from './compare_backends.js';
import { loadMnist } from './mnist_data.js';
import { showEpochs } from './show_epochs.js';

const { values } = parseArgs({
  options: { epochs: { type: 'string', default: '5' }, seed: { type: 'string', default: '0' } },
});
const epochs = Number(values.epochs);
const seed = Number(values.seed);
const batchSize = 64;

/** What five epochs must reach on the test images. */
const requiredAccuracy = 0.975;

async function main(): Promise<void> {
  const { training, test } = loadMnist();
  const network = createNetwork();
  console.log(`${network.summary()}\nbecause ${network.backend.reason}\n`);

  const display = showEpochs(network, { epochs, rows: training.y.length, batchSize });
  const started = performance.now();
  // The last two fifths of the epochs take smaller steps. A fit goes on where the one before ended, Adam's moments included.
  const lateEpochs = Math.floor((2 / 5) * epochs);
  const phases = [
    { epochs: epochs - lateEpochs, learningRate: 2e-3 },
    { epochs: lateEpochs, learningRate: 4e-4 },
  ];
  for (const phase of phases.filter(({ epochs }) => epochs > 0)) {
    await network.fit(training, {
      loss: 'crossEntropy',
      optimizer: adam({ learningRate: phase.learningRate }),
      batchSize,
      epochs: phase.epochs,
      metrics: ['accuracy'],
      ...display,
    });
  }
  const seconds = (performance.now() - started) / 1000;

  const { loss, accuracy } = await network.evaluate(test, { loss: 'crossEntropy', metrics: ['accuracy'] });
  console.log(`\ntrained in ${seconds.toFixed(1)} s`);
  console.log(`${test.y.length} test images: loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(2)} %`);
  if (epochs >= 5 && accuracy < requiredAccuracy) {
    throw new Error(`expected a test accuracy of at least ${requiredAccuracy}, got ${accuracy}`);
  }

  if (network.backend.name === 'native') await compareBackends(createNetwork, training);
  else console.log(`no native backend to compare with: ${network.backend.reason}`);
}

function createNetwork(backend: BackendChoice = 'auto'): Network {
  return new Network({
    inputs: 784,
    layers: [
      dense(128, { activation: 'relu' }),
      dense(64, { activation: 'relu' }),
      dense(10, { activation: 'softmax' }),
    ],
    seed,
    backend,
  });
}

await main();
