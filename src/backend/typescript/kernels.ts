import { activationNamed } from '../../activations.js';
import { constantsAt } from '../../optimizers/optimizer.js';
import { optimizerKernels } from '../../optimizers.js';
import type {
  ActivationBackwardArguments,
  ActivationForwardArguments,
  DenseBackwardArguments,
  DenseForwardArguments,
  DropoutMaskArguments,
  Dtype,
  FloatArray,
  GemmArguments,
  Kernels,
  LossArguments,
  UpdateArguments,
} from '../backend.js';
import { activateRows, differentiateRows } from './activation_rows.js';
import { sumColumns } from './arrays.js';
import { fillDropoutMask } from './dropout.js';
import { multiply, repeated, view } from './gemm.js';
import { expandClasses, lossRows } from './loss_rows.js';

/** Stateless kernels; the arithmetic is in double whatever the dtype, results are rounded as they are stored. */
export function createKernels(dtype: Dtype): Kernels {
  const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
  return {
    gemm,
    denseForward,
    denseBackward,
    activationForward,
    activationBackward,
    loss(args: LossArguments): number {
      const { rows, outputs, classes } = args;
      const targets = args.y ?? new FloatArrayOf(rows * outputs);
      if (classes) expandClasses(classes, rows, outputs, targets);
      return lossRows(args.loss, args.prediction, targets, args.weights, rows, outputs, args.divisor, args.gradient, 0);
    },
    firstNotFinite,
    dropoutMask({ mask, rows, columns, rate, seed, update, layer }: DropoutMaskArguments): void {
      fillDropoutMask(mask, 0, rows, columns, rate, seed, update, layer);
    },
  };
}

function gemm(args: GemmArguments): void {
  const a = view(args.a, args.lda, args.transposeA);
  const b = view(args.b, args.ldb, args.transposeB);
  const c = view(args.c, args.ldc);
  multiply(args.m, args.n, args.k, a, b, c, args.accumulate ? c : undefined);
}

function denseForward(args: DenseForwardArguments): void {
  const { rows, inputs, units, bias, output, ldo, activation } = args;
  const sums = args.preActivation ?? output;
  const [x, weights] = [view(args.x, args.ldx), view(args.weights, args.ldw)];
  multiply(rows, units, inputs, x, weights, view(sums, ldo), bias && repeated(bias));
  const { forward } = activationNamed(activation);
  for (let i = 0; i < rows; i++) forward(sums, i * ldo, output, i * ldo, units, activation.parameters);
}

function denseBackward(args: DenseBackwardArguments): void {
  const { rows, inputs, units, delta, ldd, ldg, ldx, inputGradient, inputActivation, saved, x } = args;
  if (inputGradient) {
    const transposedWeights = view(args.weights, args.ldw, true);
    multiply(rows, inputs, units, view(delta, ldd), transposedWeights, view(inputGradient, ldg));
    if (inputActivation && saved) {
      const { backward } = activationNamed(inputActivation);
      for (let i = 0; i < rows; i++) {
        backward(saved, i * ldx, inputGradient, i * ldg, inputGradient, i * ldg, inputs, inputActivation.parameters);
      }
    }
  }
  if (x && (args.weightGradient || args.update)) {
    const gradient = new Float64Array(inputs * units);
    multiply(inputs, units, rows, view(x, ldx, true), view(delta, ldd), view(gradient, units));
    args.weightGradient?.set(gradient);
    if (args.update) updateRows(args.weights, args.ldw, inputs, units, gradient, args.update, args.update.weightSlots);
  }
  if (args.biasGradient || (args.update && args.bias)) {
    const gradient = new Float64Array(units);
    sumColumns(delta, ldd, rows, units, gradient, false);
    args.biasGradient?.set(gradient);
    if (args.update && args.bias) updateRows(args.bias, units, 1, units, gradient, args.update, args.update.biasSlots);
  }
}

/** Updates (rows, columns) weights with a leading dimension; gradient and slots are dense. */
function updateRows(
  weights: FloatArray,
  ldw: number,
  rows: number,
  columns: number,
  gradient: Float64Array,
  { optimizer, learningRate, step }: UpdateArguments,
  slots: readonly FloatArray[],
): void {
  const kernel = optimizerKernels[optimizer.kernel];
  const constants = constantsAt(kernel, step, learningRate, optimizer.parameters);
  for (let i = 0; i < rows; i++) {
    const row = <T extends FloatArray>(array: T, from: number) => array.subarray(from, from + columns) as T;
    const rowSlots = slots.map((slot) => row(slot, i * columns));
    kernel.update(row(weights, i * ldw), row(gradient, i * columns), rowSlots, constants);
  }
}

function activationForward({ rows, columns, activation, input, output }: ActivationForwardArguments): void {
  activateRows(activationNamed(activation), activation.parameters, rows, columns, input, output);
}

function activationBackward(args: ActivationBackwardArguments): void {
  const { rows, columns, activation, saved, gradient, delta } = args;
  differentiateRows(activationNamed(activation), activation.parameters, rows, columns, saved, gradient, delta);
}

function firstNotFinite(array: FloatArray, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(array[i])) return i;
  }
  return -1;
}
