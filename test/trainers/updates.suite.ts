import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray } from '../../src/backend/backend.js';
import { resolveOptimizer, sgd } from '../../src/optimizers.js';
import { checkClose, epsilonOf } from '../support/arrays.js';
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
import { optimizerSpecs } from '../support/plans.js';
import type { Record } from '../support/record.js';
import { ruleOf, type State } from '../support/rules.js';

export function updateSuite(backend: Backend, dtype: Dtype, record: Record): void {
  it.each(optimizerSpecs)('%j, eight updates by hand', (spec) => {
    const plan = makePlan(dtype, 5, [[7, 'tanh'], 0.25, [3, 'identity']]);
    const rows = 6;
    const samples = makeSamples(plan, rows);
    const loss = lossOf(plan, 'meanSquaredError');
    const trainer = makeTrainer(backend, plan);
    const { plan: optimizer, learningRate } = resolveOptimizer(spec);
    const rule = ruleOf(spec);
    const states = parametersOf(trainer, plan).map((values) => Array.from(values, (): State => ({})));
    let largestStep = 0;
    for (let step = 0; step < 8; step++) {
      const before = parametersOf(trainer, plan);
      const position = { samples, loss, firstUpdate: 8 + step };
      const { gradients, loss: expectedLoss } = gradientsOf(trainer, plan, { ...position, rows });
      const job = makeJob({
        ...position,
        order: inOrder(rows),
        batchSize: rows,
        optimizer,
        learningRates: Float64Array.of(learningRate),
        optimizerStep: step,
      });
      expect(trainer.trainSync(job)).toEqual({ updates: 1, ended: 'complete' });
      expect(job.losses[0]).toBe(expectedLoss);
      parametersOf(trainer, plan).forEach((after, p) => {
        const expected = Array.from(before[p], (w, i) => rule(w, gradients[p][i], step + 1, states[p][i]));
        largestStep = Math.max(largestStep, ...expected.map((w, i) => Math.abs(w - before[p][i])));
        // Each update adds a dozen roundings to each of up to three states, of terms no larger than the largest step needs,
        // and rounds the weight.
        const share = 3 * 12 * (step + 1) * epsilonOf[dtype];
        checkClose(
          `array ${p} after ${step + 1}`,
          after,
          expected,
          (i) => share * (Math.abs(before[p][i]) + largestStep),
        );
        record(after);
      });
    }
    expect(largestStep).toBeGreaterThan(0);
  });

  it('starts the optimizer anew at step 0 and goes on at others, also in another job', () => {
    const plan = makePlan(dtype, 4, [
      [6, 'sigmoid'],
      [2, 'identity'],
    ]);
    const samples = makeSamples(plan, 12);
    const { plan: optimizer } = resolveOptimizer(sgd({ momentum: 0.9 }));
    const base = { samples, batchSize: 4, loss: lossOf(plan, 'meanSquaredError'), optimizer };
    const train = (orders: readonly Uint32Array[], steps: readonly number[]) => {
      const trainer = makeTrainer(backend, plan);
      orders.forEach((order, i) => {
        trainer.trainSync(makeJob({ ...base, order, optimizerStep: steps[i] }));
      });
      return parametersOf(trainer, plan);
    };
    const order = inOrder(12);
    const whole = train([order], [0]);
    expect(train([order.subarray(0, 4), order.subarray(4)], [0, 1])).toEqual(whole);
    expect(train([order.subarray(0, 4), order.subarray(4)], [0, 0])).not.toEqual(whole);
  });

  it('uses one learning rate for all updates or one for each', () => {
    const plan = makePlan(dtype, 4, [
      [6, 'tanh'],
      [2, 'identity'],
    ]);
    const base = {
      samples: makeSamples(plan, 12),
      batchSize: 4,
      loss: lossOf(plan, 'meanSquaredError'),
      order: inOrder(12),
    };
    const train = (...learningRates: number[]) => {
      const trainer = makeTrainer(backend, plan);
      trainer.trainSync(makeJob({ ...base, learningRates: Float64Array.from(learningRates) }));
      return parametersOf(trainer, plan);
    };
    expect(train(0.2, 0.2, 0.2)).toEqual(train(0.2));
    expect(train(0.2, 0, 0)).not.toEqual(train(0.2));
    expect(train(0, 0, 0)).toEqual(makeTrainerParameters(backend, plan));
  });

  it('computes all gradients with the weights before the update', () => {
    const plan = makePlan(dtype, 3, [
      [40, 'identity', { bias: false }],
      [35, 'identity', { bias: false }],
      [2, 'identity', { bias: false }],
    ]);
    const rows = 5;
    const samples = makeSamples(plan, rows);
    const loss = lossOf(plan, 'meanSquaredError');
    const trainer = makeTrainer(backend, plan);
    const before = parametersOf(trainer, plan);
    const { gradients } = gradientsOf(trainer, plan, { samples, rows, loss });
    trainer.trainSync(
      makeJob({ samples, loss, order: inOrder(rows), batchSize: rows, learningRates: Float64Array.of(2) }),
    );
    parametersOf(trainer, plan).forEach((after: FloatArray, p) => {
      const expected = before[p].map((w, i) => w - 2 * gradients[p][i]);
      // The gradient is rounded once more or less where it is not materialised.
      checkClose(
        `weights ${p}`,
        after,
        expected,
        (i) => 4 * epsilonOf[dtype] * (Math.abs(before[p][i]) + 2 * Math.abs(gradients[p][i])),
      );
    });
  });
}

function makeTrainerParameters(backend: Backend, plan: Parameters<typeof makeTrainer>[1]): FloatArray[] {
  return parametersOf(makeTrainer(backend, plan), plan);
}
