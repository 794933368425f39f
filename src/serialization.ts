import { endianness } from 'node:os';
import type { Dtype, FloatArray, Plan } from './backend/backend.js';
import { ChainruleError, expected } from './errors.js';
import { isExplicit } from './initializers.js';
import type { LayerSpec } from './layers.js';
import { createFloats, isNumericArray } from './matrix.js';
import { type LayerParameters, type ParameterShape, parameterShapes } from './parameters.js';
import { type NetworkOptions, resolveNetwork } from './plan.js';
import { invalid, isObject, options } from './validate.js';

/**
 * A network as plain JSON data: what it is made of and its parameters, without the optimizer's state, the backend and threads.
 * Parameter arrays are base64 of their little-endian bytes in the network's dtype, so that every bit is kept.
 */
export interface NetworkJson {
  readonly format: 'chainrule';
  readonly version: 1;
  readonly inputs: number;
  /** Explicit initial values as nested arrays. */
  readonly layers: readonly LayerSpec[];
  readonly seed: number;
  readonly dtype: Dtype;
  /** One entry per layer. */
  readonly parameters: readonly LayerParameters<string>[];
}

const fields = ['format', 'version', 'inputs', 'layers', 'seed', 'dtype', 'parameters'];

export function writeModel(
  { inputs, seed, dtype }: Plan,
  specs: readonly LayerSpec[],
  parameters: readonly LayerParameters[],
): NetworkJson {
  return {
    format: 'chainrule',
    version: 1,
    inputs,
    layers: specs.map(plainLayer),
    seed,
    dtype,
    parameters: parameters.map((layer) =>
      Object.fromEntries(Object.entries(layer).map(([name, values]) => [name, encode(values)])),
    ),
  };
}

/** Initial values given as typed arrays or matrices become nested arrays: JSON has no others. */
function plainLayer(spec: LayerSpec): LayerSpec {
  const plain = Object.entries(spec).map(([name, value]) => [name, isExplicit(value) ? plainValues(value) : value]);
  return Object.fromEntries(plain) as LayerSpec;
}

function plainValues(values: unknown): unknown {
  if (isObject(values) && isNumericArray(values.data)) return Array.from(values.data);
  if (!Array.isArray(values) && !isNumericArray(values)) return values;
  return Array.from(values as ArrayLike<unknown>, plainValues);
}

/**
 * What a network is made of and its parameters, from what `writeModel` gave or the text of it. Nothing is allocated that the
 * parameters in the file do not fill. Throws `FORMAT`.
 */
export function readModel(given: unknown): { options: NetworkOptions; parameters: LayerParameters[] } {
  return asFormatError(() => {
    const json = typeof given === 'string' ? (JSON.parse(given) as unknown) : given;
    const { format, version, parameters, ...rest } = options(json, 'model', fields);
    if (format !== 'chainrule') throw invalid('"chainrule"', 'model.format', format);
    if (version !== 1) throw invalid('1', 'model.version', version);
    const { plan, specs } = resolveNetwork(rest);
    if (!Array.isArray(parameters) || parameters.length !== specs.length) {
      throw invalid(`an array of ${specs.length} layers`, 'model.parameters', parameters);
    }
    return {
      options: rest as unknown as NetworkOptions,
      parameters: readLayers(parameters, parameterShapes(plan.layers), plan.dtype),
    };
  });
}

function readLayers(layers: readonly unknown[], shapes: readonly ParameterShape[], dtype: Dtype): LayerParameters[] {
  return layers.map((layer, i) => {
    const at = `model.parameters[${i}]`;
    const own = shapes.filter((shape) => shape.layer === i);
    const given = options(
      layer,
      at,
      own.map(({ name }) => name),
    );
    return Object.fromEntries(
      own.map(({ name, rows, columns }) => [name, decode(given[name], rows * columns, dtype, `${at}.${name}`)]),
    );
  });
}

/** Whatever is wrong with a file is an error of its format. */
export function asFormatError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ChainruleError && error.code === 'BACKEND_UNAVAILABLE') throw error;
    if (error instanceof ChainruleError) throw new ChainruleError('FORMAT', error.message, { cause: error });
    const message = `expected JSON text for model, got ${error instanceof Error ? error.message : String(error)}`;
    throw new ChainruleError('FORMAT', message, { cause: error });
  }
}

function encode(values: FloatArray): string {
  return littleEndian(Buffer.from(values.slice().buffer), values.BYTES_PER_ELEMENT).toString('base64');
}

function decode(text: unknown, length: number, dtype: Dtype, name: string): FloatArray {
  const values = typeof text === 'string' ? text : '';
  const bytes = length * (dtype === 'float32' ? 4 : 8);
  if (values.length !== 4 * Math.ceil(bytes / 3) || !/^[A-Za-z0-9+/]*={0,2}$/.test(values)) {
    throw expected(
      'FORMAT',
      `base64 of ${length} numbers of ${dtype}`,
      name,
      typeof text === 'string' ? `text of length ${text.length}` : `a value of type ${typeof text}`,
    );
  }
  const array = createFloats(dtype, length);
  Buffer.from(array.buffer).set(
    littleEndian(Buffer.from(values, 'base64').subarray(0, bytes), array.BYTES_PER_ELEMENT),
  );
  return array;
}

/** The same bytes, turned round in place on a machine that has the high byte first. */
function littleEndian(bytes: Buffer, width: number): Buffer {
  if (endianness() === 'LE') return bytes;
  return width === 4 ? bytes.swap32() : bytes.swap64();
}
