import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Dtype, FloatArray } from '../src/backend/backend.js';
import {
  activationBackward,
  activationForward,
  type DenseBackwardOptions,
  denseBackward,
  denseForward,
  type GemmOptions,
  gemm,
  type InstructionSet,
  type KernelOptions,
} from '../src/kernels.js';
import { expectError } from './support/api.js';
import { epsilonOf, floats } from './support/arrays.js';
import { backends, dtypes, itRunsOnEverythingThereIs, nameOf } from './support/backends.js';

/** Small integers: their products are exact in both dtypes, in any order. */
function integers(dtype: Dtype, length: number, start: number): FloatArray {
  return floats(
    dtype,
    Array.from({ length }, (_, i) => ((i * 7 + start * 5) % 11) - 5),
  );
}

/** op(A)·op(B) by the definition. */
function product(
  m: number,
  n: number,
  k: number,
  a: (i: number, p: number) => number,
  b: (p: number, j: number) => number,
) {
  return Array.from({ length: m * n }, (_, e) => {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a(Math.floor(e / n), p) * b(p, e % n);
    return sum;
  });
}

itRunsOnEverythingThereIs();

describe.each(backends.flatMap((backend) => dtypes.map((dtype) => [nameOf(backend, dtype), backend, dtype] as const)))(
  'chainrule/kernels on %s',
  (_, backend, dtype) => {
    const runsOn: KernelOptions = {
      backend: backend.name,
      ...(backend.name === 'native' && { isa: backend.isa as InstructionSet }),
    };
    const [m, n, k] = [5, 7, 3];

    it('gemm: transposes, leading dimensions, accumulation and threads', () => {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const [lda, ldb, ldc] = [transposeA ? m + 2 : k + 1, transposeB ? k : n + 3, n + 4];
          const a = integers(dtype, (transposeA ? k : m) * lda, 1);
          const b = integers(dtype, (transposeB ? n : k) * ldb, 2);
          const c = integers(dtype, m * ldc, 3);
          const before = c.slice();
          const wanted = product(
            ...([m, n, k] as const),
            (i, p) => (transposeA ? a[p * lda + i] : a[i * lda + p]),
            (p, j) => (transposeB ? b[j * ldb + p] : b[p * ldb + j]),
          );
          const args = { ...runsOn, m, n, k, a, lda, transposeA, b, ldb, transposeB, c, ldc };
          gemm({ ...args, threads: 2 });
          const expected = (times: number, i: number, j: number) => times * wanted[i * n + j];
          for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) expect(c[i * ldc + j]).toBe(expected(1, i, j));
          gemm({ ...args, accumulate: true });
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) expect(c[i * ldc + j]).toBe(expected(2, i, j));
            for (let j = n; j < ldc; j++) expect(c[i * ldc + j]).toBe(before[i * ldc + j]);
          }
        }
      }
      const c = floats(dtype, 4);
      gemm({ ...runsOn, m: 2, n: 2, k: 1, a: floats(dtype, [1, 2]), b: floats(dtype, [3, 4]), c });
      expect([...c]).toEqual([3, 4, 6, 8]);
    });

    it('denseForward and denseBackward', () => {
      const [rows, inputs, units] = [4, 3, 5];
      const x = integers(dtype, rows * inputs, 1);
      const weights = integers(dtype, inputs * units, 2);
      const bias = integers(dtype, units, 3);
      const z = product(
        rows,
        units,
        inputs,
        (i, p) => x[i * inputs + p],
        (p, j) => weights[p * units + j],
      ).map((sum, e) => sum + bias[e % units]);
      const [output, preActivation] = [floats(dtype, rows * units), floats(dtype, rows * units)];
      denseForward({ ...runsOn, rows, inputs, units, x, weights, bias, activation: 'relu', output, preActivation });
      expect([...preActivation]).toEqual(z);
      expect([...output]).toEqual(z.map((value) => Math.max(0, value)));
      denseForward({ ...runsOn, rows, inputs, units, x, weights, output });
      expect([...output]).toEqual(z.map((value, e) => value - bias[e % units]));

      const delta = integers(dtype, rows * units, 4);
      const [inputGradient, weightGradient, biasGradient] = [rows * inputs, inputs * units, units].map((length) =>
        floats(dtype, length),
      );
      const args = { ...runsOn, rows, inputs, units, delta, weights, x, inputActivation: 'relu' } as const;
      denseBackward({ ...args, inputGradient, weightGradient, biasGradient });
      const through = product(
        rows,
        inputs,
        units,
        (i, p) => delta[i * units + p],
        (p, j) => weights[j * units + p],
      );
      // −0 where a negative gradient meets a slope of 0.
      expect([...inputGradient].map((value) => value + 0)).toEqual(through.map((value, e) => (x[e] > 0 ? value : 0)));
      expect([...weightGradient]).toEqual(
        product(
          inputs,
          units,
          rows,
          (i, p) => x[p * inputs + i],
          (p, j) => delta[p * units + j],
        ),
      );
      expect([...biasGradient]).toEqual(
        product(
          1,
          units,
          rows,
          () => 1,
          (p, j) => delta[p * units + j],
        ),
      );
      // What is not asked for is not needed either.
      const { x: _x, inputActivation: _a, ...less } = args;
      denseBackward({ ...less, inputGradient });
      expect([...inputGradient]).toEqual(through);
    });

    it('activationForward and activationBackward: δ ⊙ φ′, also in place', () => {
      const z = floats(dtype, [-2, -0.5, 0.25, 3, 1, -1]);
      const output = floats(dtype, 6);
      activationForward({ ...runsOn, activation: 'tanh', input: z, output });
      const gradient = floats(dtype, [1, 2, 3, -4, 5, 6]);
      const delta = floats(dtype, 6);
      activationBackward({ ...runsOn, activation: 'tanh', output, gradient, delta });
      for (let i = 0; i < 6; i++) {
        // tanh to 4 ulp, then (1 − y)(1 + y) and a product: some ten roundings of numbers below 6.
        expect(Math.abs(output[i] - Math.tanh(z[i]))).toBeLessThanOrEqual(4 * epsilonOf[dtype]);
        const slope = (1 - output[i]) * (1 + output[i]);
        expect(Math.abs(delta[i] - gradient[i] * slope)).toBeLessThanOrEqual(10 * 6 * epsilonOf[dtype]);
      }
      const inPlace = gradient.slice();
      activationBackward({ ...runsOn, activation: 'tanh', output, gradient: inPlace, delta: inPlace });
      expect(inPlace).toEqual(delta);
      const overwritten = z.slice();
      activationForward({ ...runsOn, activation: 'tanh', input: overwritten, output: overwritten });
      expect(overwritten).toEqual(output);

      const probabilities = floats(dtype, 6);
      activationForward({ ...runsOn, activation: 'softmax', columns: 3, input: z, output: probabilities });
      for (const row of [0, 3]) {
        const sum = probabilities[row] + probabilities[row + 1] + probabilities[row + 2];
        expect(Math.abs(sum - 1)).toBeLessThanOrEqual(6 * epsilonOf[dtype]);
      }
      const ones = floats(dtype, [1, 1, 1, 1, 1, 1]);
      activationBackward({
        ...{ ...runsOn, activation: 'softmax', columns: 3 },
        ...{ output: probabilities, gradient: ones, delta },
      });
      // The outputs sum to 1 whatever the inputs: a gradient of ones leads nowhere.
      for (const value of delta) expect(Math.abs(value)).toBeLessThanOrEqual(6 * epsilonOf[dtype]);
    });

    it('writes into shared memory and blocks of a larger matrix', () => {
      const width = 8;
      const shared = new SharedArrayBuffer(3 * width * 8);
      const whole = dtype === 'float32' ? new Float32Array(shared) : new Float64Array(shared);
      whole.set([1, 2, 0, 0, 9, 9, 9, 9, 3, 4, 0, 0, 9, 9, 9, 9, 5, 6]);
      // a: columns 0 and 1; c: columns 2 and 3 of the same rows.
      const b = floats(dtype, [0, 1, 1, 0]);
      gemm({ ...runsOn, m: 3, n: 2, k: 2, a: whole, lda: width, b, c: whole.subarray(2), ldc: width });
      expect([0, 1, 2].map((i) => [...whole.subarray(i * width, i * width + 5)])).toEqual([
        [1, 2, 2, 1, 9],
        [3, 4, 4, 3, 9],
        [5, 6, 6, 5, 0],
      ]);
    });

    it('refuses what it cannot do, and writes nothing', async () => {
      const whole = floats(dtype, 100);
      const good: GemmOptions = {
        ...{ ...runsOn, m: 2, n: 3, k: 4 },
        ...{ a: floats(dtype, 8), b: floats(dtype, 12), c: floats(dtype, [1, 2, 3, 4, 5, 6]) },
      };
      const refused = async (change: object, code: 'INVALID_ARGUMENT' | 'SHAPE_MISMATCH', message: RegExp) => {
        await expectError(() => gemm({ ...good, ...change }), code, message);
        expect([...good.c]).toEqual([1, 2, 3, 4, 5, 6]);
      };
      await refused({ a: floats(dtype, 7) }, 'SHAPE_MISMATCH', /at least 8 elements for a, got 7/);
      await refused({ c: floats(dtype, 5) }, 'SHAPE_MISMATCH', /at least 6 elements for c/);
      await refused({ lda: 3 }, 'SHAPE_MISMATCH', /at least 4, the width of a, for lda, got 3/);
      await refused({ ldb: 5 }, 'SHAPE_MISMATCH', /at least 18 elements for b, got 12/);
      await refused({ m: -1 }, 'INVALID_ARGUMENT', /for m, got -1/);
      await refused({ k: 2 ** 31 }, 'INVALID_ARGUMENT', /for k/);
      await refused({ a: [1, 2] }, 'INVALID_ARGUMENT', /Float32Array or a Float64Array for a/);
      await refused({ b: new Int32Array(12) }, 'INVALID_ARGUMENT', /for b, got Int32Array/);
      const other = dtype === 'float32' ? 'float64' : 'float32';
      const liar = Object.defineProperty(new Uint8Array(64), Symbol.toStringTag, { value: whole[Symbol.toStringTag] });
      await refused({ b: liar }, 'INVALID_ARGUMENT', /for b, got Uint8Array/);
      await refused({ b: floats(other, 12) }, 'INVALID_ARGUMENT', /as a is, for b/);
      await refused({ alpha: 2 }, 'INVALID_ARGUMENT', /"alpha"/);
      await refused({ transposeA: 1 }, 'INVALID_ARGUMENT', /true or false for transposeA/);
      await refused({ a: whole, c: whole.subarray(7, 20) }, 'INVALID_ARGUMENT', /memory of its own for c.*overlaps a/);
      gemm({ ...good, a: whole.subarray(0, 8), c: whole.subarray(8, 14) });

      const z = floats(dtype, 4);
      const dense: DenseBackwardOptions = {
        ...{ ...runsOn, rows: 2, inputs: 2, units: 2 },
        ...{ delta: z, weights: floats(dtype, 4), inputGradient: floats(dtype, 4) },
      };
      await expectError(() => denseBackward({ ...dense, inputActivation: 'tanh' }), 'INVALID_ARGUMENT', /for x, got/);
      await expectError(() => denseBackward({ ...dense, weightGradient: z }), 'INVALID_ARGUMENT', /for x, got/);
      await expectError(
        () => denseBackward({ ...dense, inputGradient: z }),
        'INVALID_ARGUMENT',
        /inputGradient, got .*delta/,
      );
      await expectError(
        () => activationForward({ ...runsOn, activation: 'softmax', input: z, output: z }),
        'INVALID_ARGUMENT',
        /columns/,
      );
      await expectError(
        () => activationForward({ ...runsOn, activation: 'relu', input: whole, output: whole.subarray(1) }),
        'SHAPE_MISMATCH',
        /at least 100 elements for output/,
      );
      await expectError(
        () => activationForward({ ...runsOn, activation: 'relu', rows: 9, input: whole, output: whole.subarray(1) }),
        'INVALID_ARGUMENT',
        /overlaps input/,
      );
      await expectError(
        () => activationBackward({ ...runsOn, activation: 'tanh', preActivation: z, gradient: z, delta: z.slice() }),
        'INVALID_ARGUMENT',
        /for output, got undefined/,
      );
    });
  },
);

describe('what kernels run on', () => {
  const args = { activation: 'relu', input: Float32Array.of(-1, 2), output: new Float32Array(2) } as const;
  const absent = process.arch === 'arm64' ? 'avx2' : 'neon';

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('refuses a backend or an instruction set there is not', async () => {
    await expectError(() => activationForward({ ...args, backend: 'wasm' as never }), 'INVALID_ARGUMENT', /backend/);
    await expectError(
      () => activationForward({ ...args, isa: 'sse2' as never }),
      'INVALID_ARGUMENT',
      /for isa, got "sse2"/,
    );
    await expectError(
      () => activationForward({ ...args, backend: 'typescript', isa: 'scalar' }),
      'INVALID_ARGUMENT',
      /no instruction set .* for isa, got scalar/,
    );
    expect(() => activationForward({ ...args, backend: 'native', isa: absent })).toThrow(
      expect.objectContaining({ name: 'ChainruleError', code: 'BACKEND_UNAVAILABLE' }),
    );
    expect([...args.output]).toEqual([0, 0]);
  });

  it('runs without being told on what', () => {
    activationForward(args);
    expect([...args.output]).toEqual([0, 2]);
  });

  it('follows the environment from call to call, where no option wins over it', async () => {
    vi.stubEnv('CHAINRULE_BACKEND', '');
    vi.stubEnv('CHAINRULE_ISA', '');
    activationForward(args);
    vi.stubEnv('CHAINRULE_ISA', absent);
    const unavailable = expect.objectContaining({ name: 'ChainruleError', code: 'BACKEND_UNAVAILABLE' });
    expect(() => activationForward(args)).toThrow(unavailable);
    expect(() => activationForward({ ...args, backend: 'native' })).toThrow(unavailable);
    activationForward({ ...args, isa: 'scalar' });
    vi.stubEnv('CHAINRULE_BACKEND', 'gpu');
    await expectError(() => activationForward({ ...args, isa: 'scalar' }), 'INVALID_ARGUMENT', /CHAINRULE_BACKEND/);
    activationForward({ ...args, backend: 'native', isa: 'scalar' });
    vi.unstubAllEnvs();
    activationForward(args);
  });
});
