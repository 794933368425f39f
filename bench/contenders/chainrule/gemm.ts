import type { FloatArray } from '../../../src/backend/backend.js';
import { selectBackend } from '../../../src/backend/select.js';
import { type GemmOptions, gemm, type InstructionSet, type KernelOptions } from '../../../src/kernels.js';
import { fillUniform } from '../../data.js';
import type { GemmShape } from '../../shapes.js';
import type { GemmTask, Laps, Ran } from '../../tasks.js';
import { gemmTolerance } from '../../tolerance.js';
import { untimedShare } from '../timing.js';
import type { Options } from './network.js';

/** Checks the product's answer, before it is timed and afterwards. */
export function measureGemm({ shape }: GemmTask, { backend: name, isa, threads }: Options): Laps<Ran> {
  const { backend } = selectBackend(name);
  if (backend.name !== name || backend.isa !== isa) {
    throw new Error(`expected ${name} ${isa} for the bench, got ${backend.name} ${backend.isa}`);
  }
  const measured = backend.name === 'typescript' || isa === 'scalar' ? shareOf(shape) : shape;
  const { m, n, k, transposeA, transposeB } = measured;
  const a = new Float32Array(m * k);
  const b = new Float32Array(k * n);
  const c = new Float32Array(m * n);
  fillUniform(a, 1);
  fillUniform(b, 2);
  const runsOn: KernelOptions = name === 'native' ? { backend: name, isa: isa as InstructionSet } : { backend: name };
  const args = { m, n, k, a, b, c, transposeA, transposeB, threads, ...runsOn };
  const secondsOf = (calls: number): number => {
    const started = performance.now();
    for (let i = 0; i < calls; i++) gemm(args);
    return (performance.now() - started) / 1000;
  };
  gemm(args);
  check(measured, args);

  let calls = 1;
  let seconds = secondsOf(calls);
  for (let spent = seconds; seconds < lapSeconds || spent < warmUpSeconds; spent += seconds) {
    if (seconds < lapSeconds) calls *= 2;
    seconds = secondsOf(calls);
  }
  const lap = (): number => {
    secondsOf(Math.floor(calls * untimedShare));
    return (2 * m * n * k * calls) / secondsOf(calls);
  };
  const answer = (): Ran => {
    check(measured, args);
    return { ran: `${name} ${isa}` };
  };
  return { lap, answer };
}

/** Operations that the slower ones do in some 30 ms. */
const slowOperations = 1e8;

/** So many rows of C that the slower ones are done in time; n and k, which decide what fits a cache, stay. */
function shareOf(shape: GemmShape): GemmShape {
  const rows = Math.max(16, Math.floor(slowOperations / (2 * shape.n * shape.k)));
  return { ...shape, m: Math.min(shape.m, rows) };
}

/** Of calls that are timed together, so that the clock's resolution and a tick of the system vanish. */
const lapSeconds = 0.02;
/** For so long after its start a process is slower. */
const warmUpSeconds = 0.2;

const checkedRows = 8;

/** Throws unless some rows of C, the first and the last among them, are what TypeScript makes of them in float64. */
function check(shape: GemmShape, { m, n, k, a, transposeA, b, transposeB, c }: GemmOptions): void {
  const rows = Array.from({ length: checkedRows }, (_, r) => Math.round((r * (m - 1)) / (checkedRows - 1)));
  const someA = new Float64Array(checkedRows * k);
  rows.forEach((i, r) => {
    for (let p = 0; p < k; p++) someA[r * k + p] = transposeA ? a[p * m + i] : a[i * k + p];
  });
  const expected = new Float64Array(checkedRows * n);
  const ofDoubles = { a: someA, b: new Float64Array(b), transposeB, c: expected };
  gemm({ m: checkedRows, n, k, ...ofDoubles, backend: 'typescript' });
  const columnNorms = normsOfColumns(b, k, n, shape.transposeB);
  rows.forEach((i, r) => {
    const rowNorm = Math.hypot(...someA.subarray(r * k, (r + 1) * k));
    for (let j = 0; j < n; j++) {
      const error = Math.abs(c[i * n + j] - expected[r * n + j]);
      if (error <= gemmTolerance(shape, rowNorm, columnNorms[j], 'float32')) continue;
      throw new Error(`expected ${expected[r * n + j]} for element (${i}, ${j}) of ${shape.name}, got ${c[i * n + j]}`);
    }
  });
}

/** Of op(B), (k, n). */
function normsOfColumns(b: FloatArray, k: number, n: number, transposed: boolean): Float64Array {
  const squares = new Float64Array(n);
  const [rowStride, columnStride] = transposed ? [1, k] : [n, 1];
  for (let p = 0; p < k; p++) {
    for (let j = 0; j < n; j++) squares[j] += b[p * rowStride + j * columnStride] ** 2;
  }
  return squares.map(Math.sqrt);
}
