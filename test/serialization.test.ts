import { describe, expect, it } from 'vitest';
import type { Dtype } from '../src/backend/backend.js';
import {
  activation,
  batchNormalization,
  ChainruleError,
  dense,
  dropout,
  l2,
  layerNormalization,
  Matrix,
  maxNorm,
  Network,
  type NetworkJson,
} from '../src/index.js';
import { allParameters, backends, createNetwork, someNumbers } from './support/api.js';

/** All that a model file may hold. */
const layers = [
  dense(5, { activation: { type: 'leakyRelu', slope: 0.2 }, regularizer: l2(0.1), constraint: maxNorm(3) }),
  batchNormalization({ momentum: 0.3 }),
  dropout(0.25),
  dense(4, { bias: false, kernelInitializer: 'orthogonal' }),
  layerNormalization(),
  dense(2, {
    kernelInitializer: new Matrix(Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), 4, 2),
    biasInitializer: Float64Array.of(0.1, -0.2),
  }),
  activation('softmax'),
];

describe.each(backends)('toJSON and fromJSON on %s', (_, backend) => {
  const create = (dtype: Dtype): Network => createNetwork(backend, { inputs: 3, layers, seed: 5, dtype });
  const data = { x: someNumbers(60), y: Uint8Array.from({ length: 20 }, (__, i) => i % 2) };

  /** On the same instruction set as the network it came from. */
  const read = (json: unknown): Network => {
    const before = process.env.CHAINRULE_ISA;
    if (backend.name === 'native') process.env.CHAINRULE_ISA = backend.isa;
    try {
      return Network.fromJSON(json, { backend: backend.name, threads: 1 });
    } finally {
      if (before === undefined) delete process.env.CHAINRULE_ISA;
      else process.env.CHAINRULE_ISA = before;
    }
  };

  it.each<Dtype>(['float32', 'float64'])('keep every bit in %s, through text', async (dtype) => {
    const network = create(dtype);
    await network.fit(data, { loss: 'crossEntropy', optimizer: 'adam', epochs: 3 });
    const text = JSON.stringify(network);
    for (const json of [text, JSON.parse(text), network.toJSON()]) {
      const copy = read(json);
      expect([copy.backend.name, copy.backend.isa]).toEqual([backend.name, backend.isa]);
      expect([copy.inputs, copy.outputs, copy.dtype, copy.seed]).toEqual([3, 2, dtype, 5]);
      expect(copy.parameters()).toEqual(network.parameters());
      expect(copy.predictSync(data.x)).toEqual(network.predictSync(data.x));
      expect(JSON.stringify(copy)).toBe(text);
      await copy.fit(data, { loss: 'crossEntropy', optimizer: 'adam' });
    }
    expect(network.toJSON().layers).toHaveLength(layers.length);
  });

  it('keep the sign of zero', () => {
    const network = createNetwork(backend, { inputs: 1, layers: [dense(1, { kernelInitializer: [-0], bias: false })] });
    expect(Object.is(allParameters(read(JSON.stringify(network)))[0], -0)).toBe(true);
  });

  it('give plain JSON data, of another network each time', () => {
    const network = create('float32');
    const json = network.toJSON();
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    const copy = read(json);
    copy.trainOnBatch(data, { loss: 'crossEntropy', optimizer: 'sgd' });
    expect(network.toJSON()).toEqual(json);
  });
});

describe('fromJSON', () => {
  const json = new Network({ inputs: 3, layers: [dense(2), batchNormalization()], backend: 'typescript' }).toJSON();
  const [first, second] = json.parameters;
  const base64 = (values: readonly number[]): string =>
    Buffer.from(Float32Array.from(values).buffer).toString('base64');
  const wrong: [string, unknown, RegExp][] = [
    ['no JSON', '{', /JSON text for model/],
    ['no object', 3, /an object for model, got 3/],
    ['nothing', undefined, /model, got undefined/],
    ['null', 'null', /model, got null/],
    ['another format', { ...json, format: 'keras' }, /model.format, got "keras"/],
    ['a later version', { ...json, version: 2 }, /model.version, got 2/],
    ['an unknown field', { ...json, optimizer: 'adam' }, /unknown option "optimizer"/],
    ['no inputs', { ...json, inputs: undefined }, /inputs, got undefined/],
    ['an unknown layer', { ...json, layers: [{ type: 'conv' }] }, /layers\[0\].type, got "conv"/],
    ['an unknown activation', { ...json, layers: [dense(2), { type: 'activation', activation: 'x' }] }, /got "x"/],
    ['another dtype', { ...json, dtype: 'float16' }, /dtype, got "float16"/],
    ['no parameters', { ...json, parameters: undefined }, /an array of 2 layers for model.parameters/],
    ['too few layers', { ...json, parameters: [first] }, /an array of 2 layers for model.parameters/],
    ['no object for a layer', { ...json, parameters: [first, 1] }, /model.parameters\[1\], got 1/],
    [
      'a missing parameter',
      { ...json, parameters: [{ weights: first.weights }, second] },
      /\[0\].bias, got a value of type undefined/,
    ],
    ['an unknown parameter', { ...json, parameters: [{ ...first, gamma: '' }, second] }, /unknown option "gamma"/],
    ['too few numbers', { ...json, parameters: [{ ...first, bias: base64([1]) }, second] }, /base64 of 2 numbers/],
    [
      'too many numbers',
      { ...json, parameters: [{ ...first, bias: base64([1, 2, 3]) }, second] },
      /base64 of 2 numbers/,
    ],
    ['no base64', { ...json, parameters: [{ ...first, bias: '!!!!!!!!!!!=' }, second] }, /base64 of 2 numbers/],
    ['NaN', { ...json, parameters: [{ ...first, bias: base64([1, Number.NaN]) }, second] }, /bias\[1\], got NaN/],
    [
      'a negative variance',
      { ...json, parameters: [first, { ...second, movingVariance: base64([1, -1]) }] },
      /movingVariance\[1\], got -1/,
    ],
    [
      'widths that are not there',
      { ...json, layers: [{ type: 'dense', units: 2 ** 31 - 1 }, json.layers[1]] },
      /base64 of \d+ numbers/,
    ],
    [
      'initial values of another shape',
      { ...json, layers: [dense(2, { kernelInitializer: [1] }), json.layers[1]] },
      /kernelInitializer, got 1/,
    ],
  ];
  it.each(wrong)('throws FORMAT for %s', (_, model, message) => {
    let error: unknown;
    try {
      Network.fromJSON(model, { backend: 'typescript' });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ChainruleError);
    expect(error).toMatchObject({ code: 'FORMAT' });
    expect((error as Error).message).toMatch(/^expected .+ for .+, got .+$/s);
    expect((error as Error).message).toMatch(message);
  });

  it('has the caller’s choices checked as such', () => {
    const choose = (given: object) => () => Network.fromJSON(json satisfies NetworkJson, given);
    expect(choose({ threads: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(choose({ backend: 'gpu' })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(choose({ seed: 1 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
