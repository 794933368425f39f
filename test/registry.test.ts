import { describe, expect, it } from 'vitest';
import { resolveActivation } from '../src/activations.js';
import { typescriptBackend } from '../src/backend/typescript/index.js';
import { binaryCrossEntropy, crossEntropy, resolveLoss, squaredError } from '../src/losses.js';
import { adam, resolveOptimizer, sgd } from '../src/optimizers.js';
import { backends, itRunsOnEverythingThereIs } from './support/backends.js';

const identity = resolveActivation('identity', 'activation');
const sigmoid = resolveActivation('sigmoid', 'activation');
const softmax = resolveActivation('softmax', 'activation');

describe('registries', () => {
  itRunsOnEverythingThereIs();

  it.each(backends)('$name $isa has what TypeScript has', (backend) => {
    const sorted = ({ activations, losses, optimizers }: ReturnType<typeof backend.registry>) =>
      [activations, losses, optimizers].map((list) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    expect(sorted(backend.registry())).toEqual(sorted(typescriptBackend.registry()));
  });
});

describe('specs', () => {
  it('are names or frozen plain data with all settings', () => {
    expect(adam({ beta1: 0.8 })).toEqual({
      type: 'adam',
      learningRate: 1e-3,
      beta1: 0.8,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
    });
    expect(sgd()).toEqual({
      type: 'sgd',
      learningRate: 1e-3,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    });
    expect(squaredError({ half: true })).toEqual({ type: 'squaredError', half: true, reduction: 'mean' });
    for (const spec of [adam(), sgd(), squaredError(), binaryCrossEntropy(), crossEntropy()]) {
      expect(Object.isFrozen(spec)).toBe(true);
      expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
    }
    expect(resolveOptimizer('adam')).toEqual(resolveOptimizer(adam()));
    expect(resolveOptimizer({ type: 'adam' })).toEqual(resolveOptimizer(adam()));
    expect(resolveActivation({ type: 'relu' }, 'activation')).toEqual({ name: 'relu', parameters: [] });
  });

  it('come to kernels and parameters in order', () => {
    expect(resolveOptimizer(sgd({ learningRate: 0.5, weightDecay: 0.1 }))).toEqual({
      plan: { kernel: 'sgd', parameters: [0.1], slots: 0 },
      learningRate: 0.5,
    });
    expect(resolveOptimizer(sgd({ momentum: 0.9, nesterov: true })).plan).toEqual({
      kernel: 'momentum',
      parameters: [0.9, 0, 1, 0],
      slots: 1,
    });
    expect(resolveOptimizer(adam()).plan).toEqual({ kernel: 'adam', parameters: [0.9, 0.999, 1e-8, 0], slots: 2 });
  });

  it.each([
    ['meanSquaredError', identity, { kernel: 'squaredError', scale: 1 / 4, reduction: 'mean' }],
    ['squaredError', softmax, { kernel: 'squaredError', scale: 1, reduction: 'mean' }],
    [
      squaredError({ half: true, reduction: 'sum' }),
      identity,
      { kernel: 'squaredError', scale: 1 / 2, reduction: 'sum' },
    ],
    ['binaryCrossEntropy', identity, { kernel: 'binaryCrossEntropy', scale: 1 / 4, reduction: 'mean' }],
    [
      'binaryCrossEntropy',
      sigmoid,
      { kernel: 'sigmoidCrossEntropy', scale: 1 / 4, reduction: 'mean', onPreActivation: true },
    ],
    [
      binaryCrossEntropy({ reduction: 'sum' }),
      sigmoid,
      { kernel: 'sigmoidCrossEntropy', scale: 1, reduction: 'sum', onPreActivation: true },
    ],
    ['crossEntropy', softmax, { kernel: 'softmaxCrossEntropy', scale: 1, reduction: 'mean', onPreActivation: true }],
    ['crossEntropy', identity, { kernel: 'softmaxCrossEntropy', scale: 1, reduction: 'mean' }],
  ])('%j behind $name', (spec, activation, plan) => {
    expect(resolveLoss(spec, activation, 4).plan).toEqual({ onPreActivation: false, parameters: [], ...plan });
  });

  it('take class indices for cross entropy only', () => {
    expect(resolveLoss('crossEntropy', softmax, 4).acceptsClasses).toBe(true);
    for (const spec of ['meanSquaredError', 'squaredError', 'binaryCrossEntropy']) {
      expect(resolveLoss(spec, sigmoid, 4).acceptsClasses).toBe(false);
    }
  });

  it.each([
    ['an unknown name', () => resolveOptimizer('adm'), 'expected one of sgd, adam for optimizer, got "adm"'],
    [
      'a name of every object',
      () => resolveActivation('constructor', 'activation'),
      'for activation, got "constructor"',
    ],
    ['an unknown type', () => resolveLoss({ type: 'mse' }, identity, 1), 'for loss.type, got "mse"'],
    ['neither name nor object', () => resolveOptimizer(3), 'for optimizer, got 3'],
    [
      'an unknown option',
      () => resolveOptimizer({ type: 'sgd', beta1: 0.9 }),
      'for optimizer, got unknown option "beta1"',
    ],
    ['a negative rate', () => adam({ learningRate: -1 }), 'expected a number ≥ 0 for adam.learningRate, got -1'],
    [
      'a negative rate in a plain object',
      () => resolveOptimizer({ type: 'sgd', learningRate: -1 }),
      'optimizer.learningRate, got -1',
    ],
    ['a rate that is not a number', () => sgd({ learningRate: Number.NaN }), 'for sgd.learningRate, got NaN'],
    ['a decay of 1', () => adam({ beta1: 1 }), 'expected a number in [0, 1) for adam.beta1, got 1'],
    ['nesterov without momentum', () => sgd({ nesterov: true }), 'for optimizer.nesterov, got true'],
    [
      'an unknown reduction',
      () => squaredError({ reduction: 'none' as 'sum' }),
      'expected one of mean, sum for squaredError.reduction',
    ],
  ])('refuse %s', (_, resolve, message) => {
    expect(resolve).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });
});
