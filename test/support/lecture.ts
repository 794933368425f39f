import { describe, expect } from 'vitest';
import type { Backend, Dtype } from '../../src/backend/backend.js';
import type { Network, NetworkOptions } from '../../src/index.js';
import { backends, createNetwork } from './api.js';
import { epsilonOf } from './arrays.js';
import { dtypes } from './backends.js';

export type Rows = number[][];

/** A layer as the lectures write it: Z = A·W + 1·b, A = φ(Z). */
export interface Layer {
  readonly W: Rows;
  readonly b?: number[];
  readonly φ: 'identity' | 'sigmoid' | 'tanh';
}

const σ = (z: number): number => 1 / (1 + Math.exp(-z));
const φ = { identity: (z: number) => z, sigmoid: σ, tanh: Math.tanh };
/** φ′ from Z. */
export const slope = {
  identity: (_z: number) => 1,
  sigmoid: (z: number) => σ(z) * (1 - σ(z)),
  tanh: (z: number) => 1 - Math.tanh(z) ** 2,
};

export const times = (a: Rows, b: Rows): Rows =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
export const transpose = (a: Rows): Rows => a[0].map((_, j) => a.map((row) => row[j]));
export const combine = (a: Rows, b: Rows, f: (x: number, y: number) => number): Rows =>
  a.map((row, i) => row.map((value, j) => f(value, b[i][j])));

/** All Z and A of a pass, in double: A[0] is X. */
export function forward(X: Rows, layers: readonly Layer[]): { Z: Rows[]; A: Rows[] } {
  const A = [X];
  const Z = layers.map(({ W, b, φ: name }, l) => {
    const z = times(A[l], W).map((row) => row.map((value, j) => value + (b ? b[j] : 0)));
    A.push(z.map((row) => row.map(φ[name])));
    return z;
  });
  return { Z, A };
}

/**
 * From δ of the last layer: δ_l = (δ_{l+1} W_{l+1}ᵀ) ⊙ φ'_l(Z_l), ∂L/∂W_l = A_{l-1}ᵀ δ_l, ∂L/∂b_l = column sums of δ_l and
 * ∂L/∂X = δ_1 W_1ᵀ.
 */
export function backward(layers: readonly Layer[], { Z, A }: ReturnType<typeof forward>, last: Rows) {
  let δ = last;
  const dW: Rows[] = [];
  const db: number[][] = [];
  for (let l = layers.length - 1; ; l--) {
    dW.unshift(times(transpose(A[l]), δ));
    db.unshift(transpose(δ).map((column) => column.reduce((sum, value) => sum + value, 0)));
    const through = times(δ, transpose(layers[l].W));
    if (l === 0) return { dW, db, dX: through };
    δ = combine(through, Z[l - 1], (value, z) => value * slope[layers[l - 1].φ](z));
  }
}

/** The layers of a network whose activations are as named, as the oracle takes them. */
export function layersOf(network: Network, names: readonly Layer['φ'][]): Layer[] {
  let width = network.inputs;
  return network.parameters().map(({ weights, bias }, l) => {
    const units = weights!.length / width;
    const W = Array.from({ length: width }, (_, i) => Array.from(weights!.subarray(i * units, (i + 1) * units)));
    width = units;
    return { W, φ: names[l], ...(bias && { b: Array.from(bias) }) };
  });
}

/** |actual − wanted| ≤ roundings · ε · magnitude for each number, magnitude being the largest that is added up on the way. */
export function expectWithin(
  dtype: Dtype,
  roundings: number,
  magnitude: number,
  actual: ArrayLike<number> | undefined,
  wanted: readonly number[],
): void {
  expect(actual?.length).toBe(wanted.length);
  const tolerance = roundings * epsilonOf[dtype] * magnitude;
  for (let i = 0; i < wanted.length; i++) {
    expect(Math.abs(actual![i] - wanted[i]), `${actual![i]} for ${wanted[i]}`).toBeLessThanOrEqual(tolerance);
  }
}

export const largestOf = (numbers: readonly number[]): number => Math.max(...numbers.map(Math.abs));

/** A lecture's tests, on every backend and in both precisions. */
export function describeLecture(
  lecture: string,
  tests: (
    create: (options: Omit<NetworkOptions, 'backend' | 'dtype'>) => Network,
    dtype: Dtype,
    backend: Backend,
  ) => void,
): void {
  describe.each(backends)(`${lecture}, on %s`, (_, backend) => {
    describe.each(dtypes)('%s', (dtype) => {
      tests((options) => createNetwork(backend, { ...options, dtype }), dtype, backend);
    });
  });
}
