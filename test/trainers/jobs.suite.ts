import { expect, it } from 'vitest';
import type { Backend, Dtype, NumericArray } from '../../src/backend/backend.js';
import { squaredError } from '../../src/losses.js';
import { checkClose, epsilonOf, floats, randomValues } from '../support/arrays.js';
import {
  gradientsOf,
  inOrder,
  lossOf,
  makeJob,
  makeParameters,
  makePlan,
  makeSamples,
  makeTrainer,
  parametersOf,
} from '../support/networks.js';
import type { Record } from '../support/record.js';

/** More than what the TypeScript trainer works on at once, 1024 rows, and no multiple of it. */
const manyRows = 2500;

export function jobSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const plan = makePlan(dtype, 6, [[9, 'tanh'], 0.25, [3, 'softmax']]);
  const loss = lossOf(plan, 'crossEntropy');

  it('ends batches at the end of an epoch, however short', () => {
    const samples = makeSamples(plan, 10);
    const order = Uint32Array.from([3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 2, 7, 1, 8, 0, 3, 9, 4, 5, 6]);
    const trainer = makeTrainer(backend, plan);
    const whole = makeJob({ samples, order, epochRows: 10, batchSize: 4, loss });
    expect(trainer.trainSync(whole)).toEqual({ updates: 6, ended: 'complete' });
    const other = makeTrainer(backend, plan);
    const bounds = [0, 4, 8, 10, 14, 18, 20];
    for (let b = 0; b < 6; b++) {
      const part = order.subarray(bounds[b], bounds[b + 1]);
      const job = makeJob({ samples, order: part, batchSize: part.length, loss, firstUpdate: b, optimizerStep: b });
      other.trainSync(job);
      expect(job.losses[0]).toBe(whole.losses[b]);
    }
    expect(parametersOf(other, plan)).toEqual(parametersOf(trainer, plan));
  });

  it('writes the outputs of the training pass in the sequence of the order', () => {
    const still = makePlan(dtype, 6, [
      [9, 'tanh'],
      [3, 'softmax'],
    ]);
    const samples = makeSamples(still, 10);
    const order = Uint32Array.from([7, 2, 9, 0, 4, 4, 1]);
    const trainer = makeTrainer(backend, still);
    const outputs = floats(dtype, order.length * 3);
    trainer.trainSync(makeJob({ samples, order, batchSize: 3, loss, outputs, learningRates: Float64Array.of(0) }));
    const all = floats(dtype, 10 * 3);
    trainer.evaluateSync({ samples, from: 0, rows: 10, batchSize: 10, outputs: all });
    const expected = Array.from(order).flatMap((row) => Array.from(all.subarray(row * 3, row * 3 + 3)));
    expect(Array.from(outputs)).toEqual(expected);
    record(outputs);
  });

  it('reads x and y of any type', () => {
    const types = [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
    ];
    const linear = makePlan(dtype, 4, [[2, 'identity']]);
    const meanSquaredError = lossOf(linear, 'meanSquaredError');
    const results = types.map((Type: new (values: number[]) => NumericArray) => {
      const x = new Type(Array.from({ length: 20 }, (_, i) => (i * 7) % 100));
      const y = new Type(Array.from({ length: 10 }, (_, i) => (i * 3) % 10));
      const trainer = makeTrainer(backend, linear);
      const samples = { x, y };
      return gradientsOf(trainer, linear, { samples, rows: 5, loss: meanSquaredError });
    });
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it('counts each row by its weight', () => {
    const still = makePlan(dtype, 6, [
      [5, 'tanh'],
      [2, 'identity'],
    ]);
    const { x, y } = makeSamples(still, 6);
    const meanSquaredError = lossOf(still, 'meanSquaredError');
    const trainer = makeTrainer(backend, still);
    const gradientOf = (order: readonly number[], weights?: Float64Array) => {
      const rowsOf = (array: typeof x, width: number) =>
        floats(
          dtype,
          order.flatMap((row) => Array.from(array.subarray(row * width, (row + 1) * width))),
        );
      const samples = { x: rowsOf(x, 6), y: rowsOf(y, 2), weights };
      return gradientsOf(trainer, still, { samples, rows: order.length, loss: meanSquaredError });
    };
    const weighted = gradientOf([0, 1, 2, 3], Float64Array.of(1, 0, 3, 2));
    const repeated = gradientOf([0, 2, 2, 2, 3, 3]);
    // Two orders of the same sums of up to 6 terms, each with a few roundings; no gradient here is larger than 1.
    const tolerance = 2 * (6 + 6) * epsilonOf[dtype];
    expect(Math.abs(weighted.loss - repeated.loss)).toBeLessThanOrEqual(tolerance * repeated.loss);
    weighted.gradients.forEach((gradient, i) => {
      checkClose('gradient', gradient, repeated.gradients[i], () => tolerance);
    });
  });

  it('passes over a batch whose weights are all 0', () => {
    const samples = { ...makeSamples(plan, 4), weights: new Float64Array(4) };
    const trainer = makeTrainer(backend, plan);
    const job = makeJob({ samples, order: inOrder(4), batchSize: 4, loss });
    expect(trainer.trainSync(job)).toEqual({ updates: 1, ended: 'complete' });
    expect(job.losses[0]).toBe(0);
    expect(parametersOf(trainer, plan)).toEqual(makeParameters(plan));
  });

  it('works a batch of any size as one', () => {
    const still = makePlan(dtype, 6, [
      [9, 'tanh'],
      [2, 'identity'],
    ]);
    const { x, y } = makeSamples(still, manyRows);
    const summed = lossOf(still, squaredError({ reduction: 'sum' }));
    const trainer = makeTrainer(backend, still);
    const whole = gradientsOf(trainer, still, { samples: { x, y }, rows: manyRows, loss: summed });
    const sums = makeParameters(still).map((values) => new Float64Array(values.length));
    const magnitudes = sums.map((values) => values.slice());
    let lossSum = 0;
    for (let row = 0; row < manyRows; row++) {
      const samples = { x: x.subarray(row * 6), y: y.subarray(row * 2) };
      const one = gradientsOf(trainer, still, { samples, rows: 1, loss: summed });
      lossSum += one.loss;
      one.gradients.forEach((gradient, i) => {
        for (let e = 0; e < gradient.length; e++) {
          sums[i][e] += gradient[e];
          magnitudes[i][e] += Math.abs(gradient[e]);
        }
      });
      checkClose('∂L/∂x', whole.inputGradient.subarray(row * 6, row * 6 + 6), one.inputGradient, () => 0);
    }
    // One chain of as many terms as there are rows, each of which was rounded once more.
    const share = (manyRows + 3) * epsilonOf[dtype];
    whole.gradients.forEach((gradient, i) => {
      checkClose('gradient', gradient, sums[i], (e) => share * magnitudes[i][e]);
    });
    expect(Math.abs(whole.loss - lossSum)).toBeLessThanOrEqual(manyRows * epsilonOf.float64 * lossSum);
    record(Float64Array.of(whole.loss));
  });

  it('masks by the row within the whole batch', () => {
    const dropping = makePlan(dtype, 6, [0.5, [2, 'identity']], { seed: 2 ** 32 - 5 });
    const samples = makeSamples(dropping, manyRows);
    const meanSquaredError = lossOf(dropping, 'meanSquaredError');
    const update = 2 ** 31 + 7;
    const trainer = makeTrainer(backend, dropping);
    const job = { samples, rows: manyRows, loss: meanSquaredError, firstUpdate: update };
    const { inputGradient } = gradientsOf(trainer, dropping, job);
    const mask = floats(dtype, manyRows * 6);
    const { seed } = dropping;
    backend.kernels(dtype).dropoutMask({ rows: manyRows, columns: 6, rate: 0.5, seed, update, layer: 0, mask });
    expect(Array.from(inputGradient, Boolean)).toEqual(Array.from(mask, Boolean));
  });

  it('evaluates any rows in batches of any size, without dropout', () => {
    const samples = { ...makeSamples(plan, 50), weights: randomValues(50, 3, 0, 2) };
    const trainer = makeTrainer(backend, plan);
    const evaluate = (from: number, rows: number, batchSize: number) => {
      const outputs = floats(dtype, rows * 3);
      return { ...trainer.evaluateSync({ samples, from, rows, batchSize, loss, outputs }), outputs };
    };
    const whole = evaluate(0, 50, 50);
    expect(whole.ended).toBe('complete');
    for (const batchSize of [1, 7, 32, 64]) expect(evaluate(0, 50, batchSize)).toEqual(whole);
    const part = evaluate(13, 20, 8);
    expect(part.outputs).toEqual(whole.outputs.subarray(13 * 3, 33 * 3));
    expect(trainer.evaluateSync({ samples: { x: samples.x }, from: 0, rows: 50, batchSize: 9 })).toEqual({
      lossSum: 0,
      penalty: 0,
      ended: 'complete',
    });

    // Few outputs lie on the heap of JavaScript's engine, more do not.
    for (const rows of [1, 2, 3, 5, 6, 50]) {
      const predicted = floats(dtype, rows * 3);
      trainer.predictSync(samples.x, rows, 9, predicted);
      expect(predicted).toEqual(whole.outputs.slice(0, rows * 3));
      if (backend.name !== 'native') continue;
      const short = predicted.subarray(1);
      expect(() => trainer.predictSync(samples.x, rows, 9, short)).toThrow(
        expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
      );
    }

    const [hiddenWeights, hiddenBias, weights, bias] = makeParameters(plan);
    const kernels = backend.kernels(dtype);
    const layer = (
      x: typeof weights,
      inputs: number,
      units: number,
      w: typeof weights,
      b: typeof bias,
      name: string,
    ) => {
      const output = floats(dtype, 50 * units);
      const shape = { rows: 50, inputs, units, ldx: inputs, ldw: units, ldo: units };
      kernels.denseForward({ ...shape, x, weights: w, bias: b, activation: { name, parameters: [] }, output });
      return output;
    };
    const hidden = layer(samples.x, 6, 9, hiddenWeights, hiddenBias, 'tanh');
    const expected = layer(hidden, 9, 3, weights, bias, 'softmax');
    // The same operations; a bias first or last in the chain moves sums of up to 11 terms that are below 4.
    checkClose('outputs', whole.outputs, expected, () => 2 * 11 * 4 * epsilonOf[dtype]);
    let lossSum = 0;
    for (let i = 0; i < 50; i++) {
      for (let j = 0; j < 3; j++) lossSum -= samples.weights[i] * samples.y[i * 3 + j] * Math.log(expected[i * 3 + j]);
    }
    expect(Math.abs(whole.lossSum - lossSum)).toBeLessThanOrEqual(2 * 11 * 4 * epsilonOf[dtype] * (lossSum + 50));
    record(whole.outputs);
    record(Float64Array.of(whole.lossSum));
  });

  it('ends before an update whose loss is not finite', async () => {
    const samples = makeSamples(plan, 12);
    samples.x[9 * 6 + 2] = Number.NaN;
    const before = makeTrainer(backend, plan);
    before.trainSync(makeJob({ samples, order: inOrder(9), batchSize: 3, loss }));
    const expected = parametersOf(before, plan);
    for (const sync of [true, false]) {
      const trainer = makeTrainer(backend, plan);
      const job = makeJob({ samples, order: inOrder(12), batchSize: 3, loss });
      expect(sync ? trainer.trainSync(job) : await trainer.train(job)).toEqual({ updates: 3, ended: 'notFinite' });
      expect(job.losses[3]).not.toBeLessThan(Number.MAX_VALUE);
      expect(parametersOf(trainer, plan)).toEqual(expected);
    }
  });

  it('ends when it is told to, after a whole update, and can be used again', async () => {
    const samples = makeSamples(plan, 64);
    const order = inOrder(64, 20_000);
    const job = makeJob({ samples, order, epochRows: 64, batchSize: 8, loss });
    const trainer = makeTrainer(backend, plan);
    const running = trainer.train(job);
    expect(() => trainer.trainSync(job)).toThrow(expect.objectContaining({ code: 'BUSY' }));
    await expect(async () => trainer.train(job)).rejects.toThrow(expect.objectContaining({ code: 'BUSY' }));
    expect(() => trainer.setParameters(makeParameters(plan))).toThrow(expect.objectContaining({ code: 'BUSY' }));
    expect(() => parametersOf(trainer, plan)).toThrow(expect.objectContaining({ code: 'BUSY' }));
    setTimeout(() => trainer.cancel(), 20);
    const { updates, ended } = await running;
    expect(ended).toBe('cancelled');
    expect(updates).toBeGreaterThan(0);
    expect(updates).toBeLessThan(job.losses.length);
    const other = makeTrainer(backend, plan);
    other.trainSync(makeJob({ samples, order: order.subarray(0, updates * 8), epochRows: 64, batchSize: 8, loss }));
    expect(parametersOf(trainer, plan)).toEqual(parametersOf(other, plan));
    expect(trainer.trainSync(makeJob({ samples, order: inOrder(64), batchSize: 8, loss })).ended).toBe('complete');
  });

  it('leaves the event loop free meanwhile', async () => {
    const samples = makeSamples(plan, 64);
    const job = makeJob({ samples, order: inOrder(64, 10_000), epochRows: 64, batchSize: 8, loss });
    const trainer = makeTrainer(backend, plan);
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
      if (ticks === 5) trainer.cancel();
    }, 5);
    const { ended } = await trainer.train(job);
    clearInterval(timer);
    expect(ended).toBe('cancelled');
    expect(ticks).toBeGreaterThanOrEqual(5);
  });

  it('gives up everything when disposed of, once and for all', async () => {
    const samples = makeSamples(plan, 64);
    const job = makeJob({ samples, order: inOrder(64, 20_000), epochRows: 64, batchSize: 8, loss });
    const trainer = makeTrainer(backend, plan);
    const running = trainer.train(job);
    trainer.dispose();
    trainer.dispose();
    expect((await running).ended).toBe('cancelled');
    expect(() => trainer.trainSync(job)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    expect(() => parametersOf(trainer, plan)).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  });
}
