import { ChainruleError, type ErrorCode } from '../errors.js';
import { createFloats } from '../matrix.js';
import type {
  Backend,
  Dtype,
  FloatArray,
  GemmArguments,
  Kernels,
  NumericArray,
  Plan,
  RegistryListing,
  Trainer,
} from './backend.js';

/** The whole surface of the compiled addon: native/addon.cc and native/binding/. */
export interface Addon {
  setErrorClass(errorClass: new (code: ErrorCode, message: string) => Error): void;
  /** Of this machine, best first; the last is `scalar`. */
  instructionSets(): string[];
  registry(isa: string): RegistryListing;
  kernel(isa: string, dtype: Dtype, name: string, args: object): number | undefined;
  /** The function for one dtype on one instruction set. `sizes`: m, n, k, lda, ldb, ldc, flags, threads. */
  gemm(isa: string, dtype: Dtype, sizes: Int32Array): (a: FloatArray, b: FloatArray, c: FloatArray) => void;
  /** The function for one dtype on one instruction set. */
  firstNotFinite(isa: string, dtype: Dtype): Kernels['firstNotFinite'];
  /** Runs `rounds` of independent multiply-adds in registers; returns the floating-point operations done. */
  peak(isa: string, dtype: Dtype, rounds: number): number;
  readonly Trainer: new (isa: string, plan: Plan) => Trainer;
}

/** Instruction sets that this machine can run, best first. */
export function nativeIsas(addon: unknown): string[] {
  return (addon as Addon).instructionSets();
}

/** The backend on one instruction set, the best where none is named. */
export function createNativeBackend(addon: unknown, isa: string = nativeIsas(addon)[0] as string): Backend {
  const native = addon as Addon;
  native.setErrorClass(ChainruleError);
  const kernels: Record<Dtype, Kernels> = {
    float32: createKernels(native, isa, 'float32'),
    float64: createKernels(native, isa, 'float64'),
  };
  const NativeTrainer = trainerClass(native);
  return {
    name: 'native',
    isa,
    kernels: (dtype) => kernels[dtype],
    createTrainer: (plan) => new NativeTrainer(isa, plan),
    registry: () => native.registry(isa),
  };
}

/**
 * V8 keeps typed arrays of up to so many bytes on its own heap and moves one out of it when an addon asks where it lies: for a
 * new array in each call, that takes as long as all the rest of the crossing.
 */
const bytesOnHeap = 64;

/** The addon's trainer, given an array off V8's heap for few outputs, which are then copied. */
function trainerClass(native: Addon): Addon['Trainer'] {
  return class extends native.Trainer {
    readonly #width: number;
    readonly #outputs: FloatArray;

    constructor(isa: string, plan: Plan) {
      super(isa, plan);
      this.#width = plan.outputs;
      this.#outputs = createFloats(plan.dtype, bytesOnHeap);
    }

    override predictSync(x: NumericArray, rows: number, batchSize: number, outputs: FloatArray): void {
      const count = rows * this.#width;
      // One that is too short is left to the addon, which refuses it.
      const direct = outputs.byteLength > bytesOnHeap || outputs.length < count;
      const written = direct ? outputs : this.#outputs;
      super.predictSync(x, rows, batchSize, written);
      if (!direct) for (let i = 0; i < count; i++) outputs[i] = written[i];
    }
  };
}

function createKernels(native: Addon, isa: string, dtype: Dtype): Kernels {
  const call = (name: keyof Kernels) => (args: object) => {
    native.kernel(isa, dtype, name, args);
  };
  return {
    gemm: createGemm(native, isa, dtype),
    denseForward: call('denseForward'),
    denseBackward: call('denseBackward'),
    activationForward: call('activationForward'),
    activationBackward: call('activationBackward'),
    dropoutMask: call('dropoutMask'),
    loss: (args) => native.kernel(isa, dtype, 'loss', args) as number,
    firstNotFinite: native.firstNotFinite(isa, dtype),
  };
}

const gemmFlags = { transposeA: 1, transposeB: 2, accumulate: 4 };

/** Reading an object's fields in C++ would take longer than a small product: they cross in one array, always the same. */
function createGemm(native: Addon, isa: string, dtype: Dtype): (args: GemmArguments) => void {
  const sizes = new Int32Array(8);
  const multiply = native.gemm(isa, dtype, sizes);
  return (args) => {
    sizes[0] = args.m;
    sizes[1] = args.n;
    sizes[2] = args.k;
    sizes[3] = args.lda;
    sizes[4] = args.ldb;
    sizes[5] = args.ldc;
    sizes[6] =
      (args.transposeA ? gemmFlags.transposeA : 0) |
      (args.transposeB ? gemmFlags.transposeB : 0) |
      (args.accumulate ? gemmFlags.accumulate : 0);
    sizes[7] = args.threads;
    multiply(args.a, args.b, args.c);
  };
}
