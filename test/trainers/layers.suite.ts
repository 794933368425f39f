import { expect, it } from 'vitest';
import type { Backend, BatchNormalizationPlan, Dtype, FloatArray } from '../../src/backend/backend.js';
import { adam, resolveOptimizer, sgd } from '../../src/optimizers.js';
import { checkClose, epsilonOf, floats } from '../support/arrays.js';
import {
  gradientsOf,
  inOrder,
  lossOf,
  makeJob,
  makePlan,
  makeSamples,
  makeTrainer,
  parametersOf,
} from '../support/networks.js';
import type { Record } from '../support/record.js';

/** Normalization, penalties and constraints. */
export function layerSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const epsilon = epsilonOf[dtype];
  const still = { learningRates: Float64Array.of(0) };

  /** Outputs of a training pass that moves no weights, and the parameters after it. */
  function trained(layers: Parameters<typeof makePlan>[2], rows: number, passRows?: number) {
    const plan = makePlan(dtype, 5, layers);
    const samples = makeSamples(plan, rows);
    const trainer = makeTrainer(backend, plan);
    const before = parametersOf(trainer, plan);
    const outputs = floats(dtype, rows * plan.outputs);
    const loss = lossOf(plan, 'meanSquaredError');
    trainer.trainSync(makeJob({ samples, order: inOrder(rows), batchSize: rows, passRows, loss, outputs, ...still }));
    return { plan, samples, trainer, before, outputs, after: parametersOf(trainer, plan) };
  }

  /** Mean and Σ (x − mean)² of a column of (rows, columns), or of a row if the strides say so. */
  function statistics(values: FloatArray, from: number, stride: number, count: number) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[from + i * stride];
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (values[from + i * stride] - mean) ** 2;
    return { mean, squares };
  }
  // Inputs are below 1, deviations above a quarter, gamma below 1.5: a sum of so many terms, and a dozen roundings.
  const normalizationError = (count: number) => 4 * 1.5 * (count + 12) * epsilon;

  it.each([2, 9, 40, 1500])('batch normalization over %i rows, and what moves with it', (rows) => {
    const { plan, samples, trainer, before, outputs, after } = trained(['batchNormalization'], rows);
    const { momentum, epsilon: added } = plan.layers[0] as BatchNormalizationPlan;
    const [gamma, beta, movingMean, movingVariance] = before;
    const expected = floats('float64', rows * 5);
    const moving = [floats('float64', 5), floats('float64', 5)];
    for (let j = 0; j < 5; j++) {
      const { mean, squares } = statistics(samples.x, j, 5, rows);
      for (let i = 0; i < rows; i++) {
        const deviation = Math.sqrt(squares / rows + added);
        expected[i * 5 + j] = (gamma[j] * (samples.x[i * 5 + j] - mean)) / deviation + beta[j];
      }
      moving[0][j] = (1 - momentum) * movingMean[j] + momentum * mean;
      moving[1][j] = (1 - momentum) * movingVariance[j] + (momentum * squares) / (rows - 1);
    }
    // Of two rows, the deviation may be small: it stays above the root of what is added.
    const share = rows === 2 ? 1 / Math.sqrt(added) : 1;
    checkClose('outputs', outputs, expected, () => share * normalizationError(rows));
    checkClose('gamma and beta', [...after[0], ...after[1]], [...gamma, ...beta], () => 0);
    checkClose('moving mean', after[2], moving[0], () => (rows + 4) * epsilon);
    checkClose('moving variance', after[3], moving[1], () => (rows + 8) * epsilon * 2);
    for (const result of [outputs, ...after]) record(result);

    const evaluated = floats(dtype, rows * 5);
    trainer.evaluateSync({ samples: { x: samples.x }, from: 0, rows, batchSize: 7, outputs: evaluated });
    const byMoving = floats('float64', rows * 5).map((_, e) => {
      const j = e % 5;
      return (gamma[j] * (samples.x[e] - after[2][j])) / Math.sqrt(after[3][j] + added) + beta[j];
    });
    checkClose('evaluation', evaluated, byMoving, () => normalizationError(1));
    record(evaluated);
  });

  it('batch normalization in passes of fewer rows than a batch, each with its own statistics', () => {
    const whole = trained(['batchNormalization'], 20, 8);
    const trainer = makeTrainer(backend, whole.plan);
    const parts = [8, 8, 4].map((rows, i) => {
      const { x, y } = whole.samples;
      const samples = { x: x.subarray(i * 40), y: y.subarray(i * 40) };
      const outputs = floats(dtype, rows * 5);
      const loss = lossOf(whole.plan, 'meanSquaredError');
      trainer.trainSync(makeJob({ samples, order: inOrder(rows), batchSize: rows, loss, outputs, ...still }));
      return outputs;
    });
    expect(Array.from(whole.outputs)).toEqual(parts.flatMap((part) => Array.from(part)));
    expect(whole.after).toEqual(parametersOf(trainer, whole.plan));
  });

  it('batch normalization keeps its moving statistics where no update is done', async () => {
    const plan = makePlan(dtype, 5, ['batchNormalization', [2, 'identity']]);
    const samples = makeSamples(plan, 12);
    const trainer = makeTrainer(backend, plan);
    const before = parametersOf(trainer, plan);
    const loss = lossOf(plan, 'meanSquaredError');
    const { gradients } = gradientsOf(trainer, plan, { samples, rows: 12, loss });
    expect(gradients.slice(2, 4).flatMap((gradient) => Array.from(gradient))).toEqual(new Array(10).fill(0));
    trainer.evaluateSync({ samples, from: 0, rows: 12, batchSize: 5, loss });
    expect(parametersOf(trainer, plan)).toEqual(before);
    samples.x[3] = Number.NaN;
    expect(trainer.trainSync(makeJob({ samples, order: inOrder(12), batchSize: 12, loss })).ended).toBe('notFinite');
    expect(parametersOf(trainer, plan)).toEqual(before);
  });

  it('batch normalization leaves its moving statistics out of what the optimizer does', () => {
    const plan = makePlan(dtype, 5, ['batchNormalization']);
    const samples = makeSamples(plan, 12);
    const loss = lossOf(plan, 'meanSquaredError');
    const run = (spec: ReturnType<typeof sgd> | ReturnType<typeof adam>) => {
      const trainer = makeTrainer(backend, plan);
      const { plan: optimizer } = resolveOptimizer(spec);
      trainer.trainSync(makeJob({ samples, order: inOrder(12), batchSize: 12, loss, optimizer }));
      return parametersOf(trainer, plan);
    };
    const plain = run(sgd());
    const decayed = run(adam({ weightDecay: 0.5 }));
    expect(decayed.slice(2)).toEqual(plain.slice(2));
    expect(decayed[0]).not.toEqual(plain[0]);
  });

  it('layer normalization over the columns of each row, training or not', () => {
    const { plan, samples, trainer, before, outputs, after } = trained([[37, 'tanh'], 'layerNormalization'], 9);
    const hidden = makePlan(dtype, 5, [[37, 'tanh']]);
    const input = floats(dtype, 9 * 37);
    makeTrainer(backend, hidden, before.slice(0, 2)).evaluateSync({
      samples: { x: samples.x },
      from: 0,
      rows: 9,
      batchSize: 9,
      outputs: input,
    });
    const [, , gamma, beta] = before;
    const expected = floats('float64', 9 * 37);
    for (let i = 0; i < 9; i++) {
      const { mean, squares } = statistics(input, i * 37, 1, 37);
      for (let j = 0; j < 37; j++) {
        expected[i * 37 + j] = (gamma[j] * (input[i * 37 + j] - mean)) / Math.sqrt(squares / 37 + 1e-3) + beta[j];
      }
    }
    checkClose('outputs', outputs, expected, () => normalizationError(37));
    expect(after).toEqual(before);
    const evaluated = floats(dtype, 9 * plan.outputs);
    trainer.evaluateSync({ samples: { x: samples.x }, from: 0, rows: 9, batchSize: 4, outputs: evaluated });
    expect(evaluated).toEqual(outputs);
    record(outputs);
  });

  it('reports penalties apart from losses in training, with them in gradients', () => {
    const bare = makePlan(dtype, 5, [
      [7, 'tanh'],
      [2, 'identity'],
    ]);
    const plan = makePlan(dtype, 5, [
      [7, 'tanh', { l1: 0.01, l2: 0.02 }],
      [2, 'identity', { l2: 0.5 }],
    ]);
    const samples = makeSamples(plan, 8);
    const loss = lossOf(plan, 'meanSquaredError');
    const [trainer, bareTrainer] = [makeTrainer(backend, plan), makeTrainer(backend, bare)];
    const [first, , second] = parametersOf(trainer, plan);
    const sum = (values: FloatArray, f: (w: number) => number) => Array.from(values, f).reduce((a, b) => a + b, 0);
    const expected = 0.01 * sum(first, Math.abs) + 0.02 * sum(first, (w) => w * w) + 0.5 * sum(second, (w) => w * w);
    const tolerance = 40 * epsilon * expected;
    const penalties = new Float64Array(1);
    const job = makeJob({ samples, order: inOrder(8), batchSize: 8, loss, penalties, ...still });
    const bareJob = makeJob({ samples, order: inOrder(8), batchSize: 8, loss, ...still });
    trainer.trainSync(job);
    bareTrainer.trainSync(bareJob);
    expect(job.losses[0]).toBe(bareJob.losses[0]);
    expect(Math.abs(penalties[0] - expected)).toBeLessThanOrEqual(tolerance);
    const report = trainer.evaluateSync({ samples, from: 0, rows: 8, batchSize: 3, loss });
    expect(report.penalty).toBe(penalties[0]);
    const found = gradientsOf(trainer, plan, { samples, rows: 8, loss });
    const without = gradientsOf(bareTrainer, bare, { samples, rows: 8, loss });
    expect(Math.abs(found.loss - without.loss - expected)).toBeLessThanOrEqual(tolerance + epsilon * found.loss);
    const slopes = [(w: number) => 0.01 * Math.sign(w) + 2 * 0.02 * w, () => 0, (w: number) => 2 * 0.5 * w, () => 0];
    parametersOf(trainer, plan).forEach((weights, p) => {
      const expectedGradient = Array.from(weights, (w, i) => without.gradients[p][i] + slopes[p](w));
      checkClose(
        'gradient',
        found.gradients[p],
        expectedGradient,
        (i) => 6 * epsilon * (Math.abs(weights[i]) + Math.abs(expectedGradient[i])),
      );
    });
    record(penalties);
  });

  it('the penalty is in what an update follows', () => {
    const plan = makePlan(dtype, 5, [
      [70, 'tanh', { l1: 0.01, l2: 0.2 }],
      [2, 'identity', { l2: 0.5 }],
    ]);
    const samples = makeSamples(plan, 8);
    const loss = lossOf(plan, 'meanSquaredError');
    const trainer = makeTrainer(backend, plan);
    const before = parametersOf(trainer, plan);
    const { gradients } = gradientsOf(trainer, plan, { samples, rows: 8, loss });
    trainer.trainSync(makeJob({ samples, order: inOrder(8), batchSize: 8, loss }));
    parametersOf(trainer, plan).forEach((after, p) => {
      const expected = before[p].map((w, i) => w - 0.1 * gradients[p][i]);
      checkClose('weights', after, expected, (i) => 8 * epsilon * (Math.abs(before[p][i]) + Math.abs(gradients[p][i])));
      record(after);
    });
  });

  it('constraints hold after each update, and change nothing where they hold', () => {
    const layers = [
      [70, 'tanh', { maxNorm: 1 }],
      [9, 'tanh', { nonNegative: true }],
      [2, 'identity', { maxNorm: 100 }],
    ] as const;
    const plan = makePlan(dtype, 5, layers);
    const bare = makePlan(
      dtype,
      5,
      layers.map(([units, name]) => [units, name] as const),
    );
    const samples = makeSamples(plan, 8);
    const loss = lossOf(plan, 'meanSquaredError');
    const [found, free] = [plan, bare].map((of) => {
      const trainer = makeTrainer(backend, of);
      trainer.trainSync(makeJob({ samples, order: inOrder(8), batchSize: 8, loss }));
      return parametersOf(trainer, of);
    });
    const expected = free.map((values) => Array.from(values));
    let scaled = 0;
    for (let j = 0; j < 70; j++) {
      const norm = Math.hypot(...[0, 1, 2, 3, 4].map((i) => free[0][i * 70 + j]));
      if (norm <= 1) continue;
      scaled++;
      for (let i = 0; i < 5; i++) expected[0][i * 70 + j] *= 1 / norm;
    }
    expect(scaled).toBeGreaterThan(10);
    expect(scaled).toBeLessThan(60);
    expected[2] = expected[2].map((w) => Math.max(w, 0));
    found.forEach((values, p) => {
      checkClose('parameters', values, expected[p], (i) => (p === 0 ? 12 * epsilon * Math.abs(expected[0][i]) : 0));
      record(values);
    });
  });
}
