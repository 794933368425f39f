import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray } from '../../src/backend/backend.js';
import { adam, resolveOptimizer, sgd } from '../../src/optimizers.js';
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
import type { Record } from '../support/record.js';

/** PyTorch's rules as its documentation states them, for one parameter: `t` counts updates from 1, `state` is its memory. */
type Rule = (w: number, g: number, t: number, state: { b?: number; m?: number; v?: number }) => number;

const rules: readonly (readonly [string, ReturnType<typeof sgd> | ReturnType<typeof adam>, Rule])[] = [
  ['sgd', sgd({ learningRate: 0.1 }), (w, g) => w - 0.1 * g],
  ['sgd with decay', sgd({ learningRate: 0.1, weightDecay: 0.01 }), (w, g) => w - 0.1 * (g + 0.01 * w)],
  [
    'momentum',
    sgd({ learningRate: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01 }),
    (w, g, t, state) => {
      const decayed = g + 0.01 * w;
      state.b = t === 1 ? decayed : 0.9 * (state.b as number) + (1 - 0.3) * decayed;
      return w - 0.1 * state.b;
    },
  ],
  [
    'nesterov',
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    (w, g, t, state) => {
      state.b = t === 1 ? g : 0.9 * (state.b as number) + g;
      return w - 0.1 * (g + 0.9 * state.b);
    },
  ],
  [
    'adam',
    adam({ learningRate: 0.1, beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.01 }),
    (w, g, t, state) => {
      const decayed = g + 0.01 * w;
      state.m = 0.8 * (state.m ?? 0) + (1 - 0.8) * decayed;
      state.v = 0.99 * (state.v ?? 0) + (1 - 0.99) * decayed ** 2;
      const mean = state.m / (1 - 0.8 ** t);
      const square = state.v / (1 - 0.99 ** t);
      return w - (0.1 * mean) / (Math.sqrt(square) + 1e-6);
    },
  ],
];

export function updateSuite(backend: Backend, dtype: Dtype, record: Record): void {
  it.each(rules)('%s, three updates by hand', (_, spec, rule) => {
    const plan = makePlan(dtype, 5, [[7, 'tanh'], 0.25, [3, 'identity']]);
    const rows = 6;
    const samples = makeSamples(plan, rows);
    const loss = lossOf(plan, 'meanSquaredError');
    const trainer = makeTrainer(backend, plan);
    const { plan: optimizer, learningRate } = resolveOptimizer(spec);
    const states = parametersOf(trainer, plan).map((values) => Array.from(values, () => ({})));
    for (let step = 0; step < 3; step++) {
      const before = parametersOf(trainer, plan);
      const position = { samples, loss, firstUpdate: 8 + step };
      const { gradients, loss: expectedLoss } = gradientsOf(trainer, plan, { ...position, rows });
      const learningRates = Float64Array.of(learningRate);
      const job = makeJob({
        ...position,
        order: inOrder(rows),
        batchSize: rows,
        optimizer,
        learningRates,
        optimizerStep: step,
      });
      expect(trainer.trainSync(job)).toEqual({ updates: 1, ended: 'complete' });
      expect(job.losses[0]).toBe(expectedLoss);
      parametersOf(trainer, plan).forEach((after, p) => {
        const expected = Array.from(before[p], (w, i) => rule(w, gradients[p][i], step + 1, states[p][i]));
        // A dozen roundings of terms no larger than the weight and the step; no rule steps further than 0.3 here, and each
        // of up to three states has roundings of its own.
        checkClose(
          `parameter array ${p}`,
          after,
          expected,
          (i) => 3 * 12 * epsilonOf[dtype] * (Math.abs(before[p][i]) + 0.3),
        );
        record(after);
      });
    }
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
      [40, 'identity', false],
      [35, 'identity', false],
      [2, 'identity', false],
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
