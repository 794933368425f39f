/**
 * brain.js: an update after each row, one activation for all layers, squared error. So it trains a network of the same size
 * with the hidden layers' activation on the outputs too; and classes as targets of 1 among zeros.
 */
import { createRequire } from 'node:module';
import { NeuralNetwork } from 'brain.js';
import type { Case } from '../tasks.js';
import { type CreateModel, type Model, measureInference, measureTraining } from './model.js';
import { answer, type CaseData, readParameters, targetsOf } from './program.js';
import { perRow } from './row_by_row.js';

const create: CreateModel<object> = (given: Case, { x, y }: CaseData): Model => {
  const { inputs, layers, optimizer, batchSize, rows } = given;
  const network = new NeuralNetwork<Float32Array, Float32Array>({
    inputSize: inputs,
    hiddenLayers: layers.slice(0, -1).map(({ units }) => units),
    outputSize: layers[layers.length - 1].units,
    activation: layers[0].activation as 'relu' | 'tanh',
    learningRate: perRow(given),
    // 0 is not allowed.
    momentum: (optimizer.type === 'sgd' && optimizer.momentum) || 1e-9,
    ...(optimizer.type === 'adam' && { praxis: 'adam', beta1: optimizer.beta1, beta2: optimizer.beta2 }),
  });
  network.initialize();
  readParameters(given).forEach(({ weights, bias }, i) => {
    const units = bias.length;
    network.biases[i + 1] = bias.slice();
    network.weights[i + 1].forEach((incoming, unit) => {
      for (let k = 0; k < incoming.length; k++) incoming[k] = weights[k * units + unit];
    });
  });

  const targets = targetsOf(given, y);
  const width = targets.length / y.length;
  const patterns = Array.from({ length: rows }, (_, i) => ({
    input: x.subarray(i * inputs, (i + 1) * inputs),
    output: targets.subarray(i * width, (i + 1) * width),
  }));
  return {
    train(order) {
      for (const batch of order) {
        for (let i = batch * batchSize; i < (batch + 1) * batchSize; i++) network.trainPattern(patterns[i]);
      }
    },
    predict: (rows) => patterns.slice(0, rows).flatMap(({ input }) => Array.from(network.runInput(input))),
  };
};

const { version } = createRequire(import.meta.url)('brain.js/package.json') as { version: string };
const ran = () => `brain.js ${version}`;
await answer({ training: measureTraining(create, ran), inference: measureInference(create, ran) });
