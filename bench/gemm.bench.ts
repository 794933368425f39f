import { availableParallelism } from 'node:os';
import type { GemmArguments, Kernels } from '../src/backend/backend.js';
import { type BackendChoice, selectBackend } from '../src/backend/select.js';
import { typescriptBackend } from '../src/backend/typescript/index.js';
import type { Dtype, FloatArray } from '../src/index.js';
import { fillUniform } from './data.js';
import { interleave, type PeakMeter, type Spread, spreadOf } from './harness.js';
import { type GemmShape, gemmShapes } from './shapes.js';
import { gemmTolerance } from './tolerance.js';

export interface GemmTask {
  readonly kind: 'gemm';
  readonly backend: Exclude<BackendChoice, 'auto'>;
  readonly isa: string;
  readonly threads: number;
  readonly dtype: Dtype;
  readonly shapes: readonly GemmShape[];
}

export interface GemmMeasurement {
  /** For each shape, floating-point operations per second in each sample. */
  readonly speeds: readonly (readonly number[])[];
}

export interface GemmResult {
  readonly shape: GemmShape;
  /** Operations per second, by number of threads. */
  readonly native: readonly { readonly threads: number; readonly speed: Spread }[];
  readonly typescript: Spread;
}

/** All shapes on the native backend with one thread and with all, and on TypeScript, interleaved. */
export async function benchGemm(isa: string, meter: PeakMeter, rounds: number): Promise<GemmResult[]> {
  const { dtype } = meter;
  const native = [...new Set([1, availableParallelism()])].map(
    (threads): GemmTask => ({ kind: 'gemm', backend: 'native', isa, threads, dtype, shapes: gemmShapes }),
  );
  const shapes = gemmShapes.map(typescriptShare);
  const typescript: GemmTask = { kind: 'gemm', backend: 'typescript', isa: 'none', threads: 1, dtype, shapes };
  const speeds = await interleave<GemmTask>([...native, typescript], rounds, meter);
  const speedOf = (contender: number, shape: number): Spread =>
    spreadOf(speeds[contender].flatMap((measurement) => measurement.speeds[shape]));
  return gemmShapes.map((shape, i) => ({
    shape,
    native: native.map(({ threads }, contender) => ({ threads, speed: speedOf(contender, i) })),
    typescript: speedOf(native.length, i),
  }));
}

/** Operations that TypeScript does in some 30 ms. */
const typescriptOperations = 1e8;

/** So many rows of C that TypeScript is done in time; n and k, which decide what fits a cache, stay. */
function typescriptShare(shape: GemmShape): GemmShape {
  const rows = Math.max(16, Math.floor(typescriptOperations / (2 * shape.n * shape.k)));
  return { ...shape, m: Math.min(shape.m, rows) };
}

/** In its own process: checks each product's answer, then times it. */
export function measureGemm({ backend: name, isa, threads, dtype, shapes }: GemmTask): GemmMeasurement {
  const { backend } = selectBackend(name);
  if (backend.name !== name || backend.isa !== isa) {
    throw new Error(`expected ${name} ${isa} for the bench, got ${backend.name} ${backend.isa}`);
  }
  const kernels = backend.kernels(dtype);
  return { speeds: shapes.map((shape) => measureShape(kernels, shape, dtype, threads)) };
}

/** Of calls that are timed together, so that the clock's resolution and a tick of the system vanish. */
const sampleSeconds = 0.02;
/** Beyond this, two samples a process are enough. */
const longSample = 0.1;

function measureShape(kernels: Kernels, shape: GemmShape, dtype: Dtype, threads: number): number[] {
  const { m, n, k, transposeA, transposeB } = shape;
  const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
  const a = new FloatArrayOf(m * k);
  const b = new FloatArrayOf(k * n);
  const c = new FloatArrayOf(m * n);
  fillUniform(a, 1);
  fillUniform(b, 2);
  const [lda, ldb, ldc] = [transposeA ? m : k, transposeB ? k : n, n];
  // Made once: to make such an object takes longer than the smallest product.
  const args = { m, n, k, a, lda, transposeA, b, ldb, transposeB, c, ldc, accumulate: false, threads };
  const multiply = () => kernels.gemm(args);
  const secondsOf = (calls: number): number => {
    const started = performance.now();
    for (let i = 0; i < calls; i++) multiply();
    return (performance.now() - started) / 1000;
  };
  multiply();
  check(shape, args, dtype);

  let calls = 1;
  let seconds = secondsOf(calls);
  while (seconds < sampleSeconds) {
    calls *= 2;
    seconds = secondsOf(calls);
  }
  const samples = seconds > longSample ? 1 : 4;
  const speeds = [seconds, ...Array.from({ length: samples }, () => secondsOf(calls))].map(
    (seconds) => (2 * m * n * k * calls) / seconds,
  );
  check(shape, args, dtype);
  return speeds;
}

const checkedRows = 8;

/** Throws unless some rows of C, the first and the last among them, are what TypeScript makes of them in float64. */
function check(shape: GemmShape, { m, n, k, a, lda, transposeA, b, c, ...rest }: GemmArguments, dtype: Dtype): void {
  const rows = Array.from({ length: checkedRows }, (_, r) => Math.round((r * (m - 1)) / (checkedRows - 1)));
  const someA = new Float64Array(checkedRows * k);
  rows.forEach((i, r) => {
    for (let p = 0; p < k; p++) someA[r * k + p] = transposeA ? a[p * lda + i] : a[i * lda + p];
  });
  const expected = new Float64Array(checkedRows * n);
  const kernels = typescriptBackend.kernels('float64');
  kernels.gemm({ ...rest, m: checkedRows, n, k, a: someA, lda: k, transposeA: false, b, c: expected });
  const columnNorms = normsOfColumns(b, k, n, rest.ldb, rest.transposeB);
  rows.forEach((i, r) => {
    const rowNorm = Math.hypot(...someA.subarray(r * k, (r + 1) * k));
    for (let j = 0; j < n; j++) {
      const error = Math.abs(c[i * n + j] - expected[r * n + j]);
      if (error <= gemmTolerance(shape, rowNorm, columnNorms[j], dtype)) continue;
      throw new Error(`expected ${expected[r * n + j]} for element (${i}, ${j}) of ${shape.name}, got ${c[i * n + j]}`);
    }
  });
}

/** Of op(B), (k, n). */
function normsOfColumns(b: FloatArray, k: number, n: number, ldb: number, transposed: boolean): Float64Array {
  const squares = new Float64Array(n);
  const [rowStride, columnStride] = transposed ? [1, ldb] : [ldb, 1];
  for (let p = 0; p < k; p++) {
    for (let j = 0; j < n; j++) squares[j] += b[p * rowStride + j * columnStride] ** 2;
  }
  return squares.map(Math.sqrt);
}
