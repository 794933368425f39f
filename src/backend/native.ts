import { ChainruleError, type ErrorCode } from '../errors.js';
import type { Backend, Dtype, FloatArray, GemmArguments, Kernels, Plan, RegistryListing, Trainer } from './backend.js';

/** The whole surface of the compiled addon: native/addon.cc and native/binding/. */
export interface Addon {
  setErrorClass(errorClass: new (code: ErrorCode, message: string) => Error): void;
  /** Of this machine, best first; the last is `scalar`. */
  instructionSets(): string[];
  registry(isa: string): RegistryListing;
  kernel(isa: string, dtype: Dtype, name: string, args: object): number | undefined;
  /** The function for one dtype on one instruction set. `sizes`: m, n, k, lda, ldb, ldc, flags, threads. */
  gemm(isa: string, dtype: Dtype): (sizes: Int32Array, a: FloatArray, b: FloatArray, c: FloatArray) => void;
  firstNotFinite(isa: string, array: FloatArray, from: number, to: number): number;
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
  return {
    name: 'native',
    isa,
    kernels: (dtype) => kernels[dtype],
    createTrainer: (plan) => new native.Trainer(isa, plan),
    registry: () => native.registry(isa),
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
    firstNotFinite: (array, from, to) => native.firstNotFinite(isa, array, from, to),
  };
}

const gemmFlags = { transposeA: 1, transposeB: 2, accumulate: 4 };

/** Reading an object's fields in C++ would take longer than a small product: they cross in one array. */
function createGemm(native: Addon, isa: string, dtype: Dtype): (args: GemmArguments) => void {
  const multiply = native.gemm(isa, dtype);
  const sizes = new Int32Array(8);
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
    multiply(sizes, args.a, args.b, args.c);
  };
}
