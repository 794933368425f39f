/** ConvNetJS: trains by mini-batches what it is asked to, but has no Adam: `windowgrad` is nearest. */
import { createRequire } from 'node:module';
import convnetjs, { type Layer, type Vol } from 'convnetjs';
import type { Case } from '../tasks.js';
import { type CreateModel, type Model, measureInference, measureTraining } from './model.js';
import { answer, type CaseData, readParameters } from './program.js';

const create: CreateModel<object> = (given: Case, { x, y }: CaseData): Model => {
  const { inputs, layers, optimizer, loss, batchSize, rows } = given;
  const network = new convnetjs.Net();
  const hidden = layers.map(({ units, activation }) => ({
    type: 'fc',
    num_neurons: units,
    ...(activation !== 'identity' && activation !== 'softmax' && { activation }),
  }));
  const outputs = layers[layers.length - 1].units;
  const classes = loss === 'crossEntropy';
  const last = classes ? { type: 'softmax', num_classes: outputs } : { type: 'regression', num_neurons: outputs };
  network.makeLayers([{ type: 'input', out_sx: 1, out_sy: 1, out_depth: inputs }, ...hidden, last]);
  // Before its loss it puts a dense layer of its own.
  network.layers.splice(network.layers.length - 2, 1);
  const dense = network.layers.filter((layer): layer is Required<Layer> => layer.filters !== undefined);
  readParameters(given).forEach(({ weights, bias }, i) => {
    const units = bias.length;
    dense[i].filters.forEach(({ w }, unit) => {
      for (let k = 0; k < w.length; k++) w[k] = weights[k * units + unit];
    });
    dense[i].biases.w.set(bias);
  });

  const trainer = new convnetjs.Trainer(network, {
    batch_size: batchSize,
    // Its squared error is ½(f − t)².
    learning_rate: optimizer.learningRate * (classes ? 1 : 2),
    ...(optimizer.type === 'adam'
      ? { method: 'windowgrad', ro: optimizer.beta2 }
      : { method: 'sgd', momentum: optimizer.momentum }),
  });
  const volumes = Array.from({ length: rows }, (_, i): Vol => {
    const volume = new convnetjs.Vol(1, 1, inputs, 0);
    volume.w.set(x.subarray(i * inputs, (i + 1) * inputs));
    return volume;
  });
  const targets = Array.from({ length: rows }, (_, i) => (classes ? y[i] : [y[i]]));
  return {
    train(order) {
      for (const batch of order) {
        for (let i = batch * batchSize; i < (batch + 1) * batchSize; i++) trainer.train(volumes[i], targets[i]);
      }
    },
    predict: (rows) => volumes.slice(0, rows).flatMap((volume) => Array.from(network.forward(volume).w)),
  };
};

const { version } = createRequire(import.meta.url)('convnetjs/package.json') as { version: string };
const ran = () => `convnetjs ${version}`;
await answer({ training: measureTraining(create, ran), inference: measureInference(create, ran) });
