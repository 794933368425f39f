/** synaptic: an update after each row, by code that it generates for the network; squared error. */
import { createRequire } from 'node:module';
import synaptic from 'synaptic';
import type { Case } from '../tasks.js';
import { type CreateModel, type Model, measureInference, measureTraining } from './model.js';
import { answer, type CaseData, readParameters, targetsOf } from './program.js';
import { perRow } from './row_by_row.js';

const squashes = {
  tanh: synaptic.Neuron.squash.TANH,
  sigmoid: synaptic.Neuron.squash.LOGISTIC,
  relu: synaptic.Neuron.squash.RELU,
  identity: synaptic.Neuron.squash.IDENTITY,
};

const create: CreateModel<object> = (given: Case, { x, y }: CaseData): Model => {
  const { inputs, layers, batchSize, rows } = given;
  const made = [inputs, ...layers.map(({ units }) => units)].map((size) => new synaptic.Layer(size));
  readParameters(given).forEach(({ weights, bias }, i) => {
    const units = bias.length;
    const layer = made[i + 1];
    made[i].project(layer, synaptic.Layer.connectionType.ALL_TO_ALL);
    layer.set({ squash: squashes[layers[i].activation as keyof typeof squashes] });
    const position = new Map(made[i].list.map((neuron, k) => [neuron.ID, k]));
    layer.list.forEach((neuron, unit) => {
      neuron.bias = bias[unit];
      for (const connection of Object.values(neuron.connections.inputs)) {
        connection.weight = weights[position.get(connection.from.ID)! * units + unit];
      }
    });
  });
  const network = new synaptic.Network({ input: made[0], hidden: made.slice(1, -1), output: made[made.length - 1] });

  const targets = targetsOf(given, y);
  const width = targets.length / y.length;
  const patterns = Array.from({ length: rows }, (_, i) => ({
    input: Array.from(x.subarray(i * inputs, (i + 1) * inputs)),
    output: Array.from(targets.subarray(i * width, (i + 1) * width)),
  }));
  const learningRate = perRow(given);
  return {
    train(order) {
      for (const batch of order) {
        for (let i = batch * batchSize; i < (batch + 1) * batchSize; i++) {
          network.activate(patterns[i].input);
          network.propagate(learningRate, patterns[i].output);
        }
      }
    },
    predict: (rows) => patterns.slice(0, rows).flatMap(({ input }) => network.activate(input)),
  };
};

const { version } = createRequire(import.meta.url)('synaptic/package.json') as { version: string };
const ran = () => `synaptic ${version}`;
await answer({ training: measureTraining(create, ran), inference: measureInference(create, ran) });
