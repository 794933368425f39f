/**
 * ml-fnn: plain gradient descent on all rows at once, tanh, classes. Nearest to mini-batches is to train on one of them again
 * and again, and to a number that is 0 or 1 the probability of a class.
 */
import { createRequire } from 'node:module';
import FeedForwardNeuralNetworks from 'ml-fnn';
import { Matrix } from 'ml-matrix';
import type { Case } from '../tasks.js';
import { type CreateModel, type Model, measureInference, measureTraining } from './model.js';
import { answer, type CaseData, readParameters } from './program.js';

const create: CreateModel<object> = (given: Case, { x, y }: CaseData): Model => {
  const { inputs, layers, optimizer, loss, batchSize } = given;
  const network = new FeedForwardNeuralNetworks({
    hiddenLayers: layers.slice(0, -1).map(({ units }) => units),
    // Its gradient is the rows' sum.
    learningRate: optimizer.learningRate / batchSize,
    activation: 'tanh',
    // 0 would stand for its default.
    regularization: Number.MIN_VALUE,
  });
  const rowsOf = (count: number) => Matrix.from1DArray(count, inputs, Array.from(x.subarray(0, count * inputs)));
  const classes = loss === 'crossEntropy' ? layers[layers.length - 1].units : 2;
  const labels = Array.from({ length: classes }, (_, label) => label);
  network.iterations = 0;
  network.train(Matrix.zeros(classes, inputs), labels);
  const parameters = readParameters(given);
  network.model.forEach((layer, i) => {
    const { weights, bias } = parameters[i];
    if (layer.W.columns !== bias.length) return;
    layer.W = Matrix.from1DArray(layer.W.rows, bias.length, Array.from(weights));
    layer.b = Matrix.rowVector(Array.from(bias));
  });

  const batch = { x: rowsOf(batchSize), labels: Array.from(y.subarray(0, batchSize)) };
  return {
    train(order) {
      network.iterations = order.length;
      network.train(batch.x, batch.labels);
    },
    predict(rows) {
      const outputs = network.propagate(rowsOf(rows));
      // It counts classes in the order in which they occur; those that do not have no output of their own.
      const columns = labels.map((label) => network.dicts.inputs[label] ?? classes - 1);
      const wanted = loss === 'crossEntropy' ? columns : [columns[1]];
      return outputs.to2DArray().flatMap((row) => wanted.map((column) => row[column]));
    },
  };
};

const { version } = createRequire(import.meta.url)('ml-fnn/package.json') as { version: string };
const ran = () => `ml-fnn ${version}`;
await answer({ training: measureTraining(create, ran), inference: measureInference(create, ran) });
