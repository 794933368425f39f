import { ChainruleError, type ErrorCode } from '../errors.js';
import type { Backend, Dtype, FloatArray, Kernels, Plan, RegistryListing, Trainer } from './backend.js';

/** The whole surface of the compiled addon: native/addon.cc and native/binding/. */
export interface Addon {
  setErrorClass(errorClass: new (code: ErrorCode, message: string) => Error): void;
  /** Of this machine, best first; the last is `scalar`. */
  instructionSets(): string[];
  registry(isa: string): RegistryListing;
  kernel(isa: string, dtype: Dtype, name: string, args: object): number | undefined;
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
    gemm: call('gemm'),
    denseForward: call('denseForward'),
    denseBackward: call('denseBackward'),
    activationForward: call('activationForward'),
    activationBackward: call('activationBackward'),
    dropoutMask: call('dropoutMask'),
    loss: (args) => native.kernel(isa, dtype, 'loss', args) as number,
    firstNotFinite: (array, from, to) => native.firstNotFinite(isa, array, from, to),
  };
}
