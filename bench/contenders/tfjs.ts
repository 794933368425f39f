/**
 * TensorFlow.js on its JavaScript and its WebAssembly backend. Written on tfjs-core with fused layers and `minimize`,
 * which is faster than tfjs-layers' `fit` and `trainOnBatch`; batches are tensors made beforehand.
 */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// For the gradients, which it registers.
import '@tensorflow/tfjs-layers';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Case } from '../tasks.js';
import { type CreateModel, type Model, measureEpochs, measureInference, measureTraining } from './model.js';
import { answer, type CaseData, readParameters, targetsOf } from './program.js';

interface Options {
  readonly backend: 'cpu' | 'wasm';
}

const create: CreateModel<Options> = async (given, data, { backend }) => {
  const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(wasm) + sep);
  tf.enableProdMode();
  if (!(await tf.setBackend(backend))) throw new Error(`expected ${backend} for the backend of tfjs, got none`);
  return createModel(given, data);
};

function createModel(given: Case, { x, y }: CaseData): Model {
  const { inputs, layers, batchSize, rows, loss } = given;
  const outputs = layers[layers.length - 1].units;
  const variables = readParameters(given).map(({ weights, bias }) => ({
    weights: tf.variable(tf.tensor2d(weights, [weights.length / bias.length, bias.length])),
    bias: tf.variable(tf.tensor1d(bias)),
  }));
  const all = variables.flatMap(({ weights, bias }) => [weights, bias]);
  const forward = (rows: tf.Tensor2D): tf.Tensor2D =>
    variables.reduce((a, { weights: b, bias }, i) => denseLayer(a, b, bias, layers[i].activation), rows);

  const inputsOf = (from: number, rows: number) =>
    tf.tensor2d(x.subarray(from * inputs, (from + rows) * inputs), [rows, inputs]);
  const batches = Array.from({ length: Math.floor(rows / batchSize) }, (_, batch) => {
    const targets = targetsOf(given, y.subarray(batch * batchSize, (batch + 1) * batchSize));
    return { x: inputsOf(batch * batchSize, batchSize), y: tf.tensor2d(targets, [batchSize, outputs]) };
  });
  const firstRows = inputsOf(0, rows);
  const optimizer = createOptimizer(given);
  const lossOf = loss === 'crossEntropy' ? tf.losses.softmaxCrossEntropy : tf.losses.meanSquaredError;
  return {
    train(order) {
      for (const batch of order) {
        const { x, y } = batches[batch];
        optimizer.minimize(() => lossOf(y, forward(x)) as tf.Scalar, false, all);
      }
    },
    predict: (rows) =>
      tf.tidy(() => {
        const output = forward(tf.slice(firstRows, 0, rows));
        return (loss === 'crossEntropy' ? tf.softmax(output) : output).dataSync();
      }),
  };
}

/** Without a softmax, which is the loss's affair. */
function denseLayer(a: tf.Tensor2D, b: tf.Tensor2D, bias: tf.Tensor1D, name: string): tf.Tensor2D {
  // No fused tanh exists.
  if (name === 'tanh') return tf.tanh(tf.fused.matMul({ a, b, bias }) as tf.Tensor2D);
  const activation = name === 'relu' || name === 'sigmoid' ? name : 'linear';
  return tf.fused.matMul({ a, b, bias, activation }) as tf.Tensor2D;
}

function createOptimizer({ optimizer }: Case): tf.Optimizer {
  if (optimizer.type === 'adam') {
    return tf.train.adam(optimizer.learningRate, optimizer.beta1, optimizer.beta2, optimizer.epsilon);
  }
  const { learningRate, momentum } = optimizer;
  return momentum === 0 ? tf.train.sgd(learningRate) : tf.train.momentum(learningRate, momentum);
}

const ran = () => `tfjs ${tf.version_core}, ${tf.getBackend()}`;
await answer<Options>({
  training: measureTraining(create, ran),
  inference: measureInference(create, ran),
  epochs: measureEpochs(create, ran),
});
