import { expect, it } from 'vitest';
import type { Backend, Dtype, FloatArray } from '../../src/backend/backend.js';
import { epsilonOf, GuardedMatrix, randomValues } from '../support/arrays.js';
import type { Record } from '../support/record.js';

const cube = 41; // sizes 0 … 40

/** A (rows, depth), B (depth, columns), and for some depths k the first k terms of A·B and the sum of their magnitudes. */
class Products {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly initial: Float64Array; // (rows, columns)

  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly depth: number,
  ) {
    this.a = randomValues(rows * depth, 1);
    this.b = randomValues(depth * columns, 2);
    this.initial = randomValues(rows * columns, 3);
  }

  /** Sums of the first k terms, in double, for each k asked for. */
  sums(depths: ReadonlySet<number>): Map<number, Sums> {
    const { rows, columns, depth } = this;
    const values = new Float64Array(rows * columns);
    const magnitudes = new Float64Array(rows * columns);
    const found = new Map<number, Sums>();
    for (let p = 0; p <= depth; p++) {
      if (depths.has(p)) found.set(p, { values: values.slice(), magnitudes: magnitudes.slice() });
      for (let i = 0; i < rows && p < depth; i++) {
        for (let j = 0; j < columns; j++) {
          const product = this.a[i * depth + p] * this.b[p * columns + j];
          values[i * columns + j] += product;
          magnitudes[i * columns + j] += Math.abs(product);
        }
      }
    }
    return found;
  }
}

interface Sums {
  readonly values: Float64Array;
  readonly magnitudes: Float64Array;
}

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly accumulate?: boolean;
  readonly threads?: number;
}

// The slowest reference, the same for all: made once.
let large: Products | undefined;
let largeSums: Sums | undefined;

export function gemmSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const { gemm } = backend.kernels(dtype);
  const forms = [
    { transposeA: false, transposeB: false },
    { transposeA: true, transposeB: false },
    { transposeA: false, transposeB: true },
    { transposeA: true, transposeB: true },
  ];

  function check(products: Products, sums: Sums, { m, n, k, ...options }: Case): FloatArray {
    const { transposeA = false, transposeB = false, accumulate = false, threads = 1 } = options;
    const name = `gemm ${m}×${n}×${k}${transposeA ? ' Aᵀ' : ''}${transposeB ? ' Bᵀ' : ''}${accumulate ? ' +=' : ''}`;
    // Leading dimensions are larger than the width by 0, 1, 2, …: rows are not aligned either.
    const [aRows, aColumns] = transposeA ? [k, m] : [m, k];
    const [bRows, bColumns] = transposeB ? [n, k] : [k, n];
    const a = new GuardedMatrix(dtype, aRows, aColumns, aColumns + (m % 3), products.a, products.depth, transposeA);
    const b = new GuardedMatrix(dtype, bRows, bColumns, bColumns + (n % 4), products.b, products.columns, transposeB);
    const c = new GuardedMatrix(dtype, m, n, n + (k % 3), accumulate ? products.initial : undefined, products.columns);
    gemm({
      m,
      n,
      k,
      a: a.data,
      lda: a.leadingDimension,
      transposeA,
      b: b.data,
      ldb: b.leadingDimension,
      transposeB,
      c: c.data,
      ldc: c.leadingDimension,
      accumulate,
      threads,
    });
    a.checkUntouched(`${name}, A`);
    b.checkUntouched(`${name}, B`);
    c.checkSurroundings(`${name}, C`);
    // One chain of k (+ 1) terms here and one in double for the reference (Higham 2002, γ_k).
    const share = (k + 2) * (epsilonOf[dtype] / 2 + epsilonOf.float64 / 2);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const e = i * products.columns + j;
        const initial = accumulate ? products.initial[e] : 0;
        const difference = Math.abs(c.at(i, j) - (initial + sums.values[e]));
        if (!(difference <= share * (Math.abs(initial) + sums.magnitudes[e]))) {
          throw new Error(`${name}: C[${i}, ${j}] is ${c.at(i, j)}, not ${initial + sums.values[e]}`);
        }
      }
    }
    const result = c.dense();
    record(result);
    return result;
  }

  const small = new Products(cube, cube, cube);
  const smallSums = small.sums(new Set(Array.from({ length: cube }, (_, k) => k)));

  it('multiplies every m, n, k from 0 to 40', () => {
    for (let m = 0; m < cube; m++) {
      for (let n = 0; n < cube; n++) {
        for (let k = 0; k < cube; k++) check(small, smallSums.get(k) as Sums, { m, n, k });
      }
    }
  });

  it.each(forms)('multiplies and accumulates every m, n from 0 to 40 (%o)', (form) => {
    for (let m = 0; m < cube; m++) {
      for (let n = 0; n < cube; n++) {
        for (const k of [0, 1, 2, 7, 33]) {
          check(small, smallSums.get(k) as Sums, { m, n, k, ...form, accumulate: (m + n) % 2 === 0 });
        }
      }
    }
  });

  it.each(forms)('multiplies sizes around every block (%o)', (form) => {
    // Of native gemm: 256 columns from which on panels start at a cache line, and blocks 512 deep; 1024 rows of the
    // TypeScript trainer.
    const edges = [255, 256, 257, 511, 512, 513, 1023, 1024, 1025];
    for (const [rows, columns, depth] of [
      [1025, 33, 9],
      [15, 1025, 9],
      [15, 33, 1025],
    ]) {
      const products = new Products(rows, columns, depth);
      const sums = products.sums(new Set([depth, ...edges]));
      for (const edge of edges) {
        const m = rows > 1000 ? edge : rows;
        const n = columns > 1000 ? edge : columns;
        const k = depth > 1000 ? edge : depth;
        check(products, sums.get(k) as Sums, { m, n, k, ...form, accumulate: edge % 2 === 0 });
      }
    }
  });

  it.each(forms)(
    'multiplies with operands copied in several blocks or pieces, with the same bits on 1 and 3 threads (%o)',
    (form) => {
      // Of native gemm: B from 65 rows on, in groups of 512 KiB; blocks of 1024 rows; 2048 deep where c is turned. Pieces of
      // 16 KiB where an operand lies across and up to 32 rows read it, 16 in float64, or as many columns where c is turned.
      // All of B where there are up to 32 steps, or 64 with short vectors.
      for (const [m, n, k] of [
        [2060, 130, 2],
        [1030, 300, 66],
        [70, 800, 1100],
        [300, 70, 2100],
        [1, 97, 600],
        [10, 130, 600],
        [32, 70, 1030],
        [33, 70, 600],
        [130, 1, 2100],
        [130, 10, 2100],
        [70, 16, 600],
        [70, 300, 9],
        [200, 513, 31],
      ]) {
        const products = new Products(m, n, k);
        const sums = products.sums(new Set([k])).get(k) as Sums;
        for (const accumulate of [false, true]) {
          const [alone, shared] = [1, 3].map((threads) =>
            check(products, sums, { m, n, k, ...form, accumulate, threads }),
          );
          expect(Buffer.compare(bytesOf(shared), bytesOf(alone))).toBe(0);
        }
      }
    },
  );

  it('multiplies sizes beyond several blocks at once, with the same bits on 1, 2 and 3 threads', () => {
    const [m, n, k] = [517, 1041, 263];
    large ??= new Products(m, n, k);
    largeSums ??= large.sums(new Set([k])).get(k) as Sums;
    const results: FloatArray[] = [];
    for (const threads of [1, 2, 3]) results.push(check(large, largeSums, { m, n, k, threads }));
    expect(Buffer.compare(bytesOf(results[1]), bytesOf(results[0]))).toBe(0);
    expect(Buffer.compare(bytesOf(results[2]), bytesOf(results[0]))).toBe(0);
  });

  it.each([
    // Of native gemm: a whole group of panels, the first of which ends at a cache line of C and the last with B, both
    // padded, beside a copy of A.
    { k: 61, bytesOfB: 2 ** 20 },
    // Few steps: vectors at both ends of C's rows overlap the others.
    { k: 9, bytesOfB: 2 ** 16 },
  ])('has the same bits wherever C begins, with copies of the operands (%o)', ({ k, bytesOfB }) => {
    const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
    const [m, lda, line] = [70, 1100, 64 / FloatArrayOf.BYTES_PER_ELEMENT];
    const n = Math.floor(bytesOfB / FloatArrayOf.BYTES_PER_ELEMENT / k);
    const a = FloatArrayOf.from(randomValues(k * lda, 1));
    const b = FloatArrayOf.from(randomValues(k * n, 2));
    const multiply = (c: FloatArray, ldc: number): void =>
      gemm({ m, n, k, a, lda, transposeA: true, b, ldb: n, transposeB: false, c, ldc, accumulate: false, threads: 1 });
    const expected = new FloatArrayOf(m * (n + 1));
    multiply(expected, n + 1); // its rows begin at no cache line in common
    const ldc = Math.ceil(n / line) * line;
    for (let first = 0; first < line; first++) {
      const c = new FloatArrayOf(m * ldc + line).subarray(first);
      multiply(c, ldc);
      for (let i = 0; i < m; i++) {
        const [row, expectedRow] = [c.subarray(i * ldc), expected.subarray(i * (n + 1))].map((r) => r.subarray(0, n));
        expect(Buffer.compare(bytesOf(row), bytesOf(expectedRow))).toBe(0);
      }
    }
  });

  it('copies rows that lie far apart, and turns the other operand in pieces', () => {
    const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
    const [m, n, k, lda] = [10, 300, 600, 1100];
    const a = FloatArrayOf.from(randomValues(k * lda, 1));
    const b = FloatArrayOf.from(randomValues(n * k, 2));
    const near = new FloatArrayOf(k * m); // the same A, of which nothing has to be copied
    for (let p = 0; p < k; p++) near.set(a.subarray(p * lda, p * lda + m), p * m);
    const multiply = (operand: FloatArray, leading: number): FloatArray => {
      const c = new FloatArrayOf(m * n);
      const options = { transposeA: true, transposeB: true, accumulate: false, threads: 1 };
      gemm({ m, n, k, a: operand, lda: leading, b, ldb: k, c, ldc: n, ...options });
      return c;
    };
    expect(Buffer.compare(bytesOf(multiply(a, lda)), bytesOf(multiply(near, m)))).toBe(0);
  });

  it('keeps denormal numbers, whatever the threads', () => {
    const [m, n, k] = [256, 256, 64];
    const smallest = dtype === 'float32' ? 2 ** -149 : 2 ** -1074;
    const FloatArrayOf = dtype === 'float32' ? Float32Array : Float64Array;
    const factor = dtype === 'float32' ? [2 ** -75, 2 ** -74] : [2 ** -537, 2 ** -537];
    const a = new FloatArrayOf(m * k).fill(factor[0]);
    const b = new FloatArrayOf(k * n).fill(factor[1]);
    for (const threads of [1, 2]) {
      const c = new FloatArrayOf(m * n);
      const [lda, ldb, ldc] = [k, n, n];
      for (let call = 0; call < 3; call++) {
        gemm({ m, n, k, a, lda, transposeA: false, b, ldb, transposeB: false, c, ldc, accumulate: false, threads });
        expect(c.every((value) => value === k * smallest)).toBe(true);
      }
    }
  });
}

function bytesOf(array: FloatArray): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
