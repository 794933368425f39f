import { describe, expect, it } from 'vitest';
import { type ActivationSpec, activations, elu, leakyRelu, resolveActivation } from '../src/activations.js';
import { typescriptBackend } from '../src/backend/typescript/index.js';
import * as chainrule from '../src/index.js';
import { initializers } from '../src/initializers.js';
import {
  binaryCrossEntropy,
  crossEntropy,
  huber,
  type LossSpec,
  losses,
  lossKernels,
  resolveLoss,
  squaredError,
} from '../src/losses.js';
import { metrics } from '../src/metrics.js';
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  amsgrad,
  lbfgs,
  lion,
  nadam,
  type OptimizerSpec,
  optimizerKernels,
  optimizers,
  radam,
  resolveOptimizer,
  rmsprop,
  rprop,
  sgd,
} from '../src/optimizers.js';
import { resolveSpec } from '../src/registry.js';
import { constraints, regularizers } from '../src/regularizers.js';
import { schedules } from '../src/schedules.js';
import { stopRules } from '../src/stopping.js';
import { backends, itRunsOnEverythingThereIs } from './support/backends.js';

const identity = resolveActivation('identity', 'activation');
const sigmoid = resolveActivation('sigmoid', 'activation');
const softmax = resolveActivation('softmax', 'activation');
const logSoftmax = resolveActivation('logSoftmax', 'activation');
const step = resolveActivation('step', 'activation');

/** All registries: a user has a function for each entry that has settings. */
const registries = {
  activations,
  constraints,
  initializers,
  losses,
  metrics,
  optimizers,
  regularizers,
  schedules,
  stopRules,
};
type Make = (settings?: object) => { readonly type: string };
const functions = Object.entries(chainrule).filter(([, value]) => typeof value === 'function');
const make = (name: string) => (Object.fromEntries(functions)[name] as Make)();

describe('registries', () => {
  itRunsOnEverythingThereIs();

  it.each(backends)('$name $isa has what TypeScript has', (backend) => {
    const sorted = ({ activations, losses, optimizers }: ReturnType<typeof backend.registry>) =>
      [activations, losses, optimizers].map((list) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    expect(sorted(backend.registry())).toEqual(sorted(typescriptBackend.registry()));
  });
});

describe('the functions of the package', () => {
  it.each(Object.entries(registries))('make specs of the entries that have settings: %s', (kind, registry) => {
    const configurable = Object.entries(registry).filter(([, { settings }]) => Object.keys(settings).length > 0);
    // That name is the initializer's; the schedule is what there is without one.
    for (const [name] of configurable.filter(([name]) => `${kind}.${name}` !== 'schedules.constant')) {
      const spec = make(name);
      expect(spec.type).toBe(name);
      expect(resolveSpec(registry, spec, kind).type).toBe(name);
      expect(Object.isFrozen(spec)).toBe(true);
    }
  });

  it('are these, and nothing of the inside', () => {
    const ofEntries = Object.values(registries).flatMap(Object.keys);
    expect(
      functions
        .map(([name]) => name)
        .filter((name) => !ofEntries.includes(name))
        .toSorted(),
    ).toEqual(
      'ChainruleError Matrix Network activation batchNormalization crossValidate dense dropout fitRestarts layerNormalization search'.split(
        ' ',
      ),
    );
    expect(Object.keys(chainrule)).toHaveLength(functions.length);
  });
});

describe('names', () => {
  it('are those of the interface', () => {
    const names = (list: string) => list.split(' ').toSorted();
    expect(Object.keys(activations).toSorted()).toEqual(
      names(
        'identity step sigmoid tanh relu leakyRelu elu selu gelu geluTanh silu mish softplus softsign hardSigmoid hardTanh relu6 exponential softmax logSoftmax',
      ),
    );
    expect(Object.keys(losses).toSorted()).toEqual(
      names(
        'meanSquaredError squaredError meanAbsoluteError huber logCosh binaryCrossEntropy crossEntropy hinge squaredHinge logistic perceptron poisson klDivergence cosine',
      ),
    );
    expect(Object.keys(optimizers).toSorted()).toEqual(
      names('sgd adam adamW amsgrad nadam radam rmsprop adagrad adadelta adamax lion rprop lbfgs'),
    );
  });

  it('are literal types, so that an editor knows them', () => {
    const activation: readonly ActivationSpec[] = ['leakyRelu', { type: 'elu', alpha: 1 }];
    const loss: readonly LossSpec[] = ['huber', { type: 'crossEntropy', reduction: 'sum' }];
    const optimizer: readonly OptimizerSpec[] = ['lion', { type: 'adamW', beta1: 0.8 }];
    expect([activation, loss, optimizer].every((specs) => specs.length === 2)).toBe(true);
    const typos = [
      // @ts-expect-error a name in the wrong case
      (): ActivationSpec => 'leakyrelu',
      // @ts-expect-error another activation's parameter
      (): ActivationSpec => ({ type: 'elu', slope: 1 }),
      // @ts-expect-error an abbreviation
      (): LossSpec => 'mse',
      // @ts-expect-error an option's value that there is not
      (): LossSpec => ({ type: 'crossEntropy', reduction: 'average' }),
      // @ts-expect-error an optimizer without that setting
      (): OptimizerSpec => ({ type: 'lion', epsilon: 1 }),
      // @ts-expect-error a factory knows its settings, too
      () => adam({ momentum: 0.9 }),
    ];
    expect(typos).toHaveLength(6);
  });

  it('stand for kernels that there are, with as many parameters', () => {
    for (const name of Object.keys(losses)) {
      const plans = [identity, sigmoid, softmax, step].map((activation) => resolveLoss(name, activation, 3).plan);
      for (const { kernel, parameters } of plans) {
        expect(parameters).toHaveLength(lossKernels[kernel].parameters.length);
        expect(parameters.every(Number.isFinite)).toBe(true);
      }
    }
    for (const name of Object.keys(optimizers)) {
      const { plan, hasKernel } = resolveOptimizer(name);
      expect(hasKernel).toBe(name !== 'lbfgs');
      if (!hasKernel) continue;
      const kernel = optimizerKernels[plan.kernel];
      expect(plan.parameters).toHaveLength(kernel.parameters.length);
      expect(plan.parameters.every(Number.isFinite)).toBe(true);
    }
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
    const specs = [squaredError(), huber(), binaryCrossEntropy(), crossEntropy(), leakyRelu(), elu()];
    for (const spec of [...specs, ...Object.keys(optimizers).map(make)]) {
      expect(Object.isFrozen(spec)).toBe(true);
      expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
    }
    expect(resolveOptimizer('adam')).toEqual(resolveOptimizer(adam()));
    expect(resolveOptimizer({ type: 'adam' })).toEqual(resolveOptimizer(adam()));
    expect(resolveActivation({ type: 'relu' }, 'activation')).toEqual({ name: 'relu', parameters: [] });
    for (const name of Object.keys(optimizers)) {
      expect(make(name)).toMatchObject({ type: name });
      expect(resolveOptimizer(name)).toEqual(resolveOptimizer(make(name)));
    }
  });

  it('have the defaults of PyTorch', () => {
    expect(leakyRelu()).toEqual({ type: 'leakyRelu', slope: 0.01 });
    expect(elu()).toEqual({ type: 'elu', alpha: 1 });
    expect(huber()).toEqual({ type: 'huber', delta: 1 });
    expect(crossEntropy()).toEqual({ type: 'crossEntropy', labelSmoothing: 0, reduction: 'mean' });
    const moments = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    expect(adamW()).toEqual({ type: 'adamW', learningRate: 1e-3, ...moments, weightDecay: 0.01 });
    expect(amsgrad()).toEqual({ type: 'amsgrad', learningRate: 1e-3, ...moments, weightDecay: 0 });
    expect(nadam()).toEqual({ type: 'nadam', learningRate: 2e-3, ...moments, weightDecay: 0, momentumDecay: 4e-3 });
    expect(radam()).toEqual({ type: 'radam', learningRate: 1e-3, ...moments, weightDecay: 0 });
    expect(rmsprop()).toEqual({
      type: 'rmsprop',
      learningRate: 0.01,
      rho: 0.99,
      epsilon: 1e-8,
      momentum: 0,
      centered: false,
      weightDecay: 0,
    });
    expect(adagrad()).toEqual({
      type: 'adagrad',
      learningRate: 0.01,
      epsilon: 1e-10,
      weightDecay: 0,
      learningRateDecay: 0,
      initialAccumulator: 0,
    });
    expect(adadelta()).toEqual({ type: 'adadelta', learningRate: 1, rho: 0.9, epsilon: 1e-6, weightDecay: 0 });
    expect(adamax()).toEqual({ type: 'adamax', learningRate: 2e-3, ...moments, weightDecay: 0 });
    expect(lion()).toEqual({ type: 'lion', learningRate: 1e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0 });
    expect(rprop()).toEqual({
      type: 'rprop',
      learningRate: 0.01,
      etaMinus: 0.5,
      etaPlus: 1.2,
      minimumStep: 1e-6,
      maximumStep: 50,
    });
    expect(lbfgs()).toEqual({
      type: 'lbfgs',
      learningRate: 1,
      maxIterations: 20,
      historySize: 100,
      gradientTolerance: 1e-7,
      changeTolerance: 1e-9,
    });
    expect(Object.keys(optimizers).filter((name) => resolveOptimizer(name).fullBatch)).toEqual(['lbfgs', 'rprop']);
  });

  it('come to kernels and parameters in order', () => {
    expect(resolveOptimizer(sgd({ learningRate: 0.5, weightDecay: 0.1 }))).toEqual({
      plan: { kernel: 'sgd', parameters: [0.1], slots: 0 },
      hasKernel: true,
      fullBatch: false,
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
    [
      'crossEntropy',
      softmax,
      { kernel: 'softmaxCrossEntropy', parameters: [0], scale: 1, reduction: 'mean', onPreActivation: true },
    ],
    [
      'crossEntropy',
      logSoftmax,
      { kernel: 'softmaxCrossEntropy', parameters: [0], scale: 1, reduction: 'mean', onPreActivation: true },
    ],
    [
      crossEntropy({ labelSmoothing: 0.1, reduction: 'sum' }),
      identity,
      { kernel: 'softmaxCrossEntropy', parameters: [0.1], scale: 1, reduction: 'sum' },
    ],
    [huber({ delta: 2 }), identity, { kernel: 'huber', parameters: [2], scale: 1 / 4, reduction: 'mean' }],
    ['perceptron', identity, { kernel: 'perceptron', scale: 1 / 4, reduction: 'mean' }],
    ['perceptron', step, { kernel: 'perceptron', scale: 1 / 4, reduction: 'mean', onPreActivation: true }],
    ['klDivergence', softmax, { kernel: 'klDivergence', scale: 1, reduction: 'mean' }],
    ['cosine', identity, { kernel: 'cosine', scale: 1, reduction: 'mean' }],
  ])('%j behind $name', (spec, activation, plan) => {
    expect(resolveLoss(spec, activation, 4).plan).toEqual({ onPreActivation: false, parameters: [], ...plan });
  });

  it('take class indices for cross entropy only', () => {
    expect(resolveLoss('crossEntropy', softmax, 4).acceptsClasses).toBe(true);
    for (const spec of Object.keys(losses)) {
      expect(resolveLoss(spec, sigmoid, 4).acceptsClasses).toBe(spec === 'crossEntropy');
    }
  });

  it.each([
    ['an unknown name', () => resolveOptimizer('adm'), 'lion, rprop for optimizer, got "adm"'],
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
    ['an epsilon below 0', () => adam({ epsilon: -1e-8 }), 'expected a number ≥ 0 for adam.epsilon, got -1e-8'],
    ['a rho above 1', () => adadelta({ rho: 1.1 }), 'expected a number in [0, 1] for adadelta.rho, got 1.1'],
    ['a smoothing above 1', () => crossEntropy({ labelSmoothing: 2 }), 'for crossEntropy.labelSmoothing, got 2'],
    ['a delta of 0', () => huber({ delta: 0 }), 'expected a positive number for huber.delta, got 0'],
    ['a slope that is not finite', () => leakyRelu({ slope: 1 / 0 }), 'for leakyRelu.slope, got Infinity'],
    ['a growth that shrinks', () => rprop({ etaPlus: 0.9 }), 'expected a number > 1 for rprop.etaPlus, got 0.9'],
    ['half an iteration', () => lbfgs({ maxIterations: 0.5 }), 'for lbfgs.maxIterations, got 0.5'],
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
