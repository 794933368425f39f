import { describe, expect, it } from 'vitest';
import type { TrainingJob } from '../src/backend/backend.js';
import { typescriptBackend } from '../src/backend/typescript/index.js';
import { isSmallPass, smallStack } from '../src/backend/typescript/small_stack.js';
import { adam, resolveOptimizer } from '../src/optimizers.js';
import {
  inOrder,
  type LayerShape,
  lossOf,
  makeJob,
  makeParameters,
  makePlan,
  makeSamples,
  makeTrainer,
  parametersOf,
} from './support/networks.js';

const networks: readonly { readonly loss: string; readonly layers: readonly LayerShape[] }[] = [
  {
    loss: 'squaredError',
    layers: [
      [8, 'tanh'],
      [1, 'sigmoid'],
    ],
  },
  {
    loss: 'binaryCrossEntropy',
    layers: [
      [5, 'relu'],
      [3, 'gelu', { bias: false }],
      [2, 'sigmoid'],
    ],
  },
  {
    loss: 'crossEntropy',
    layers: [
      [7, 'softmax', { l2: 0.1 }],
      [4, { type: 'elu', alpha: 0.5 }, { maxNorm: 0.5 }],
      [3, 'softmax'],
    ],
  },
  { loss: 'klDivergence', layers: [[3, 'softmax']] },
];
const inputs = 3;

describe.each(networks)('a small pass, $layers, $loss', ({ loss, layers }) => {
  it.each([1, 2, 3, 4, 5, 8, 11])('has the bits of one layer by layer: %i rows', (rows) => {
    const plan = makePlan('float32', inputs, layers);
    const small = smallStack(plan);
    expect(small && isSmallPass(small, Math.min(rows, 4))).toBe(true);
    // A layer that changes nothing, but is not dense.
    const other = makePlan('float32', inputs, [{ activation: 'identity' }, ...layers]);
    expect(smallStack(other)).toBeUndefined();

    const samples = { ...makeSamples(plan, rows), weights: Float64Array.from({ length: rows }, (_, i) => i % 3) };
    const epochs = 3;
    const train = (trained: typeof plan, given: Partial<TrainingJob>) => {
      const trainer = makeTrainer(typescriptBackend, trained, makeParameters(plan));
      const job = makeJob({
        samples,
        order: inOrder(rows, epochs).reverse(),
        epochRows: rows,
        batchSize: rows,
        loss: lossOf(trained, loss),
        optimizer: resolveOptimizer(adam()).plan,
        outputs: new Float32Array(rows * epochs * plan.outputs),
        penalties: new Float64Array(epochs),
        ...given,
      });
      const report = trainer.trainSync(job);
      return {
        report,
        losses: job.losses,
        outputs: job.outputs,
        penalties: job.penalties,
        parameters: parametersOf(trainer, trained),
      };
    };
    for (const given of [{}, { passRows: 4 }, { samples: { ...samples, weights: undefined } }]) {
      const trained = train(plan, given);
      expect(trained.report).toEqual({ updates: epochs, ended: 'complete' });
      expect(trained).toEqual(train(other, given));
    }
  });
});

describe('a small stack', () => {
  const layers: LayerShape[] = [
    [8, 'tanh'],
    [1, 'sigmoid'],
  ];

  it('is of float32, of dense layers, and of few weights and rows', () => {
    expect(smallStack(makePlan('float64', inputs, layers))).toBeUndefined();
    expect(smallStack(makePlan('float32', inputs, [[8, 'tanh'], 0.5, [1, 'sigmoid']]))).toBeUndefined();
    expect(
      smallStack(
        makePlan('float32', 784, [
          [128, 'relu'],
          [10, 'softmax'],
        ]),
      ),
    ).toBeUndefined();
    const stack = smallStack(makePlan('float32', inputs, layers))!;
    expect(isSmallPass(stack, stack.mostRows)).toBe(true);
    expect(isSmallPass(stack, stack.mostRows + 1)).toBe(false);
  });

  it('trains on a batch as large as its buffers, and tells where a loss stops being finite', () => {
    const plan = makePlan('float32', inputs, layers);
    const rows = smallStack(plan)!.mostRows;
    const samples = makeSamples(plan, rows);
    const job = makeJob({ samples, order: inOrder(rows), batchSize: rows, loss: lossOf(plan, 'squaredError') });
    const trainer = makeTrainer(typescriptBackend, plan);
    expect(trainer.trainSync(job).ended).toBe('complete');
    expect(trainer.findNotFinite('parameters')).toBe(-1);

    const [weights, ...others] = parametersOf(trainer, plan);
    trainer.setParameters([weights.fill(Number.NaN), ...others]);
    expect(trainer.trainSync(job).ended).toBe('notFinite');
    expect(trainer.findNotFinite('outputs')).toBe(0);
  });
});
