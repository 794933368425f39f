/**
 * The products and activations that networks are made of, over row-major arrays of the caller's. All arrays of a call are
 * Float32Arrays or all Float64Arrays, over shared memory too; they may be longer than needed, and what a call writes may
 * not overlap anything else of it unless said so. Leading dimensions are the distances between the first elements of two
 * rows. Every function throws `INVALID_ARGUMENT` for wrong options, types or overlaps, `SHAPE_MISMATCH` for arrays too
 * short and leading dimensions too small, and `BACKEND_UNAVAILABLE`; it then has written nothing.
 */
import { type Activation, type ActivationSpec, activations, resolveActivation } from './activations.js';
import type { ActivationPlan, Backend, FloatArray, Kernels } from './backend/backend.js';
import { type BackendChoice, selectBackend } from './backend/select.js';
import { Operands } from './operands.js';
import { boolean, integer, invalid, options } from './validate.js';

export type { ActivationName, ActivationSpec } from './activations.js';
export type { FloatArray } from './backend/backend.js';
export { ChainruleError, type ErrorCode } from './errors.js';
export type { BackendChoice };

/** Instruction sets of the native backend; `BACKEND_UNAVAILABLE` is thrown for one that this machine lacks. */
export type InstructionSet = 'avx512' | 'avx2' | 'neon' | 'scalar';

/** What a kernel runs on. Where both are named, a call reads no environment variable, which takes 0.3 to 0.5 µs. */
export interface KernelOptions {
  /** Default `auto`: native where it loads, else TypeScript. */
  readonly backend?: BackendChoice;
  /** Forces an instruction set of the native backend; default: the best of the machine. */
  readonly isa?: InstructionSet;
}

/** Operands of `gemm`, row-major: C is (m, n), op(A) (m, k) and op(B) (k, n). */
export interface GemmOptions extends KernelOptions {
  /** Rows of C and of op(A). */
  readonly m: number;
  /** Columns of C and of op(B). */
  readonly n: number;
  /** Columns of op(A), rows of op(B). */
  readonly k: number;
  /** (m, k), or (k, m) with `transposeA`. */
  readonly a: FloatArray;
  /** Of A as it is stored; default: its width. */
  readonly lda?: number;
  /** op(A) is Aᵀ: `a` holds (k, m). Default false. */
  readonly transposeA?: boolean;
  /** (k, n), or (n, k) with `transposeB`. */
  readonly b: FloatArray;
  /** Of B as it is stored; default: its width. */
  readonly ldb?: number;
  /** op(B) is Bᵀ: `b` holds (n, k). Default false. */
  readonly transposeB?: boolean;
  /** Out, (m, n). */
  readonly c: FloatArray;
  /** Of C; default n. */
  readonly ldc?: number;
  /** C += op(A)·op(B) instead of C = op(A)·op(B). Default false. */
  readonly accumulate?: boolean;
  /**
   * Compute threads of the native backend; default 1. The result's bits do not depend on it. More than one stay until the process
   * or the worker ends, asleep when no call has come for 50 µs.
   */
  readonly threads?: number;
}

const runNames = ['backend', 'isa'];
const gemmNames = [
  ...runNames,
  ...['m', 'n', 'k', 'a', 'lda', 'transposeA', 'b', 'ldb', 'transposeB', 'c', 'ldc', 'accumulate', 'threads'],
];

/** C = op(A)·op(B), or C += op(A)·op(B), where op transposes if asked: each element one chain of multiply-adds over k in order. */
export function gemm(given: GemmOptions): void {
  const fields = options(given, 'options of gemm', gemmNames);
  const [m, n, k] = [size(fields.m, 'm'), size(fields.n, 'n'), size(fields.k, 'k')];
  const transposeA = boolean(fields.transposeA ?? false, 'transposeA');
  const transposeB = boolean(fields.transposeB ?? false, 'transposeB');
  const accumulate = boolean(fields.accumulate ?? false, 'accumulate');
  const threads = integer(fields.threads ?? 1, 'threads', 1, 1024);
  const arrays = new Operands();
  const a = transposeA
    ? arrays.reads('a', fields.a, k, m, 'lda', fields.lda)
    : arrays.reads('a', fields.a, m, k, 'lda', fields.lda);
  const b = transposeB
    ? arrays.reads('b', fields.b, n, k, 'ldb', fields.ldb)
    : arrays.reads('b', fields.b, k, n, 'ldb', fields.ldb);
  const c = arrays.writes('c', fields.c, m, n, 'ldc', fields.ldc);
  // One literal: spreading two into one would take longer than a small product.
  kernelsFor(fields, arrays).gemm({
    m,
    n,
    k,
    a: a.array,
    lda: a.leading,
    transposeA,
    b: b.array,
    ldb: b.leading,
    transposeB,
    c: c.array,
    ldc: c.leading,
    accumulate,
    threads,
  });
}

/** Operands of `denseForward`, row-major. */
export interface DenseForwardOptions extends KernelOptions {
  /** Rows of x, a batch. */
  readonly rows: number;
  /** Columns of x. */
  readonly inputs: number;
  /** Columns of the output. */
  readonly units: number;
  /** (rows, inputs). */
  readonly x: FloatArray;
  /** Leading dimension of x; default inputs. */
  readonly ldx?: number;
  /** (inputs, units). */
  readonly weights: FloatArray;
  /** Leading dimension of weights; default units. */
  readonly ldw?: number;
  /** (units); none where absent. */
  readonly bias?: FloatArray;
  /** Default `identity`. */
  readonly activation?: ActivationSpec;
  /** Out, (rows, units). */
  readonly output: FloatArray;
  /** Leading dimension of output; default units. */
  readonly ldo?: number;
  /** Out, optional, (rows, units) with the leading dimension of `output`: x·W + 1·bias. */
  readonly preActivation?: FloatArray;
}

/** output = φ(x·W + 1·bias): the forward pass of a dense layer. */
export function denseForward(given: DenseForwardOptions): void {
  const fields = options(given, 'options of denseForward', [
    ...runNames,
    ...[
      'rows',
      'inputs',
      'units',
      'x',
      'ldx',
      'weights',
      'ldw',
      'bias',
      'activation',
      'output',
      'ldo',
      'preActivation',
    ],
  ]);
  const [rows, inputs, units] = sizes(fields);
  const activation = resolveActivation(fields.activation ?? 'identity', 'activation');
  const arrays = new Operands();
  const x = arrays.reads('x', fields.x, rows, inputs, 'ldx', fields.ldx);
  const weights = arrays.reads('weights', fields.weights, inputs, units, 'ldw', fields.ldw);
  const bias = arrays.readsIfGiven('bias', fields.bias, 1, units);
  const output = arrays.writes('output', fields.output, rows, units, 'ldo', fields.ldo);
  const preActivation = arrays.writesIfGiven('preActivation', fields.preActivation, rows, units, 'ldo', fields.ldo);
  kernelsFor(fields, arrays).denseForward({
    ...{ rows, inputs, units, activation },
    ...{ x: x.array, ldx: x.leading, weights: weights.array, ldw: weights.leading },
    ...{ output: output.array, ldo: output.leading },
    ...(bias && { bias: bias.array }),
    ...(preActivation && { preActivation: preActivation.array }),
  });
}

/** Operands of `denseBackward`, row-major; δ = ∂L/∂z with z = x·W + 1·bias. */
export interface DenseBackwardOptions extends KernelOptions {
  /** Rows of x, a batch. */
  readonly rows: number;
  /** Columns of x. */
  readonly inputs: number;
  /** Columns of the output. */
  readonly units: number;
  /** ∂L/∂z of this layer, (rows, units). */
  readonly delta: FloatArray;
  /** Leading dimension of delta; default units. */
  readonly ldd?: number;
  /** (inputs, units). */
  readonly weights: FloatArray;
  /** Leading dimension of weights; default units. */
  readonly ldw?: number;
  /** The layer's input, (rows, inputs). Needed for `weightGradient`, and for an `inputActivation` whose derivative comes from its output. */
  readonly x?: FloatArray;
  /** Leading dimension of x; default inputs. */
  readonly ldx?: number;
  /** Out, optional, (rows, inputs). */
  readonly inputGradient?: FloatArray;
  /** Leading dimension of inputGradient; default inputs. */
  readonly ldg?: number;
  /** φ of the layer below, which made x: `inputGradient` is then that layer's δ. Default `identity`. */
  readonly inputActivation?: ActivationSpec;
  /** What φ made x from, (rows, inputs) with the leading dimension of x. Needed where φ's derivative comes from it. */
  readonly inputPreActivation?: FloatArray;
  /** Out, optional, (inputs, units). */
  readonly weightGradient?: FloatArray;
  /** Out, optional, (units). */
  readonly biasGradient?: FloatArray;
}

/**
 * The way back through a dense layer, of which is computed what is given to be written:
 * inputGradient = (δ·Wᵀ) ⊙ φ', weightGradient = xᵀ·δ, and biasGradient = column sums of δ.
 */
export function denseBackward(given: DenseBackwardOptions): void {
  const fields = options(given, 'options of denseBackward', [
    ...runNames,
    ...['rows', 'inputs', 'units', 'delta', 'ldd', 'weights', 'ldw', 'x', 'ldx', 'inputGradient', 'ldg'],
    ...['inputActivation', 'inputPreActivation', 'weightGradient', 'biasGradient'],
  ]);
  const [rows, inputs, units] = sizes(fields);
  const activation = resolveActivation(fields.inputActivation ?? 'identity', 'inputActivation');
  const wantsInput = fields.inputGradient !== undefined;
  const { saves } = registryEntry(activation);
  const savedName = saves === 'preActivation' ? 'inputPreActivation' : 'x';
  const needsSaved = wantsInput && activation.name !== 'identity';

  const arrays = new Operands();
  const delta = arrays.reads('delta', fields.delta, rows, units, 'ldd', fields.ldd);
  const weights = arrays.reads('weights', fields.weights, inputs, units, 'ldw', fields.ldw);
  const needsX = fields.weightGradient !== undefined || (needsSaved && savedName === 'x');
  const x = needsX ? arrays.reads('x', fields.x, rows, inputs, 'ldx', fields.ldx) : undefined;
  const saved = needsSaved
    ? savedName === 'x'
      ? x
      : arrays.reads(savedName, fields[savedName], rows, inputs, 'ldx', fields.ldx)
    : undefined;
  const inputGradient = arrays.writesIfGiven('inputGradient', fields.inputGradient, rows, inputs, 'ldg', fields.ldg);
  const weightGradient = arrays.writesIfGiven('weightGradient', fields.weightGradient, inputs, units);
  const biasGradient = arrays.writesIfGiven('biasGradient', fields.biasGradient, 1, units);
  kernelsFor(fields, arrays).denseBackward({
    ...{ rows, inputs, units, delta: delta.array, ldd: delta.leading },
    ...{ weights: weights.array, ldw: weights.leading },
    ...{ ldx: (x ?? saved)?.leading ?? inputs, ldg: inputGradient?.leading ?? inputs },
    ...(x && { x: x.array }),
    ...(inputGradient && { inputGradient: inputGradient.array }),
    ...(saved && { inputActivation: activation, saved: saved.array }),
    ...(weightGradient && { weightGradient: weightGradient.array }),
    ...(biasGradient && { biasGradient: biasGradient.array }),
  });
}

/** Operands of `activationForward`. */
export interface ActivationForwardOptions extends KernelOptions {
  /** φ. */
  readonly activation: ActivationSpec;
  /** Default: what `input` holds, as rows of `columns`. */
  readonly rows?: number;
  /** Default: 1. Needed for a row-wise activation. */
  readonly columns?: number;
  /** (rows, columns), dense. */
  readonly input: FloatArray;
  /** Out, (rows, columns), dense; may be `input`. */
  readonly output: FloatArray;
}

/** output = φ(input). */
export function activationForward(given: ActivationForwardOptions): void {
  const fields = options(given, 'options of activationForward', [
    ...runNames,
    ...['activation', 'rows', 'columns', 'input', 'output'],
  ]);
  const activation = resolveActivation(fields.activation, 'activation');
  const [rows, columns] = elementwiseShape(fields, 'input', activation);
  const arrays = new Operands();
  const input = arrays.reads('input', fields.input, rows, columns);
  const output = arrays.writes('output', fields.output, rows, columns, undefined, undefined, 'input');
  kernelsFor(fields, arrays).activationForward({
    ...{ rows, columns, activation, input: input.array, output: output.array },
  });
}

/** Operands of `activationBackward`. */
export interface ActivationBackwardOptions extends KernelOptions {
  /** φ. */
  readonly activation: ActivationSpec;
  /** Default: what `gradient` holds, as rows of `columns`. */
  readonly rows?: number;
  /** Default: 1. Needed for a row-wise activation. */
  readonly columns?: number;
  /** φ's output, (rows, columns), dense. Needed where φ's derivative comes from it, as with sigmoid, tanh, relu and softmax. */
  readonly output?: FloatArray;
  /** φ's input, (rows, columns), dense. Needed where φ's derivative comes from it, as with gelu and silu. */
  readonly preActivation?: FloatArray;
  /** ∂L/∂output, (rows, columns), dense. */
  readonly gradient: FloatArray;
  /** Out, (rows, columns), dense; may be `gradient`. */
  readonly delta: FloatArray;
}

/** δ = gradient ⊙ φ', or gradient times φ's Jacobian where φ is row-wise. Of `output` and `preActivation` either is enough if it is the one needed. */
export function activationBackward(given: ActivationBackwardOptions): void {
  const fields = options(given, 'options of activationBackward', [
    ...runNames,
    ...['activation', 'rows', 'columns', 'output', 'preActivation', 'gradient', 'delta'],
  ]);
  const activation = resolveActivation(fields.activation, 'activation');
  const [rows, columns] = elementwiseShape(fields, 'gradient', activation);
  const arrays = new Operands();
  const gradient = arrays.reads('gradient', fields.gradient, rows, columns);
  const { saves } = registryEntry(activation);
  const saved = arrays.reads(saves, fields[saves], rows, columns);
  const delta = arrays.writes('delta', fields.delta, rows, columns, undefined, undefined, 'gradient');
  kernelsFor(fields, arrays).activationBackward({
    ...{ rows, columns, activation },
    ...{ saved: saved.array, gradient: gradient.array, delta: delta.array },
  });
}

function registryEntry({ name }: ActivationPlan): Activation {
  return (activations as Readonly<Record<string, Activation>>)[name];
}

/** What the C++ side can count, padding included. */
const largestSize = 2 ** 31 - 1 - 1024;

function size(value: unknown, name: string): number {
  return integer(value, name, 0, largestSize);
}

function sizes({ rows, inputs, units }: { rows: number; inputs: number; units: number }): [number, number, number] {
  return [size(rows, 'rows'), size(inputs, 'inputs'), size(units, 'units')];
}

function elementwiseShape(
  fields: { readonly rows?: number; readonly columns?: number },
  arrayName: string,
  activation: ActivationPlan,
): [number, number] {
  if (fields.columns === undefined && registryEntry(activation).rowwise) {
    throw invalid(`the width of a row, which ${activation.name} works on,`, 'columns', undefined);
  }
  const columns = size(fields.columns ?? 1, 'columns');
  if (fields.rows !== undefined) return [size(fields.rows, 'rows'), columns];
  const { length } = ((fields as Record<string, unknown>)[arrayName] ?? []) as ArrayLike<unknown>;
  return [columns === 0 ? 0 : Math.floor(length / columns), columns];
}

/** The backend in use, and what it was chosen by. */
interface Selection {
  readonly by: KernelOptions;
  readonly variables: { readonly CHAINRULE_BACKEND?: string; readonly CHAINRULE_ISA?: string };
  readonly selected: Backend;
}

let selection: Selection | undefined;

function kernelsFor({ backend, isa }: KernelOptions, arrays: Operands): Kernels {
  // To select takes microseconds, to read a variable 0.13, as much as a small product. So anew only where what it depends on has
  // changed, and no variable that an option wins over is read.
  const CHAINRULE_BACKEND = backend === undefined || backend === 'auto' ? process.env.CHAINRULE_BACKEND : undefined;
  const CHAINRULE_ISA = isa === undefined ? process.env.CHAINRULE_ISA : undefined;
  const same =
    selection !== undefined &&
    selection.by.backend === backend &&
    selection.by.isa === isa &&
    selection.variables.CHAINRULE_BACKEND === CHAINRULE_BACKEND &&
    selection.variables.CHAINRULE_ISA === CHAINRULE_ISA;
  if (!same) {
    const variables = { CHAINRULE_BACKEND, CHAINRULE_ISA };
    selection = {
      by: { backend, isa },
      variables,
      selected: selectBackend(backend, variables, undefined, isa).backend,
    };
  }
  return (selection as Selection).selected.kernels(arrays.dtype);
}
