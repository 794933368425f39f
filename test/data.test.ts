import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readCsv, readIdx, readNpy } from '../src/data/index.js';
import { ChainruleError } from '../src/index.js';
import { expectError } from './support/api.js';

const folder = mkdtempSync(join(tmpdir(), 'chainrule-data-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Type, sizes and big-endian elements. */
function idx(type: number, sizes: readonly number[], elements: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header[2] = type;
  header[3] = sizes.length;
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([header, elements]);
}

/** As NumPy writes it: the header padded with spaces so that the elements begin at a multiple of 64 bytes. */
function npy(description: string, shape: string, elements: Uint8Array, fortran = false, version = 1): Buffer {
  const lengthBytes = version === 1 ? 2 : 4;
  const order = fortran ? 'True' : 'False';
  const text = `{'descr': '${description}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const header = Buffer.from(`${text.padEnd(128 - 9 - lengthBytes)}\n`);
  const prefix = Buffer.alloc(8 + lengthBytes);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  prefix.writeUIntLE(header.length, 8, lengthBytes);
  return Buffer.concat([prefix, header, elements]);
}

const bytesOf = (array: ArrayBufferView): Buffer =>
  Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

describe('readIdx', () => {
  const images = idx(
    8,
    [2, 2, 3],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );

  it('reads images as rows, from a path, a URL, bytes and gzip', async () => {
    const plain = join(folder, 'images-idx3-ubyte');
    const packed = join(folder, 'images-idx3-ubyte.gz');
    writeFileSync(plain, images);
    writeFileSync(packed, gzipSync(images));
    for (const source of [plain, packed, pathToFileURL(plain), images, new Uint8Array(gzipSync(images))]) {
      const { data, rows, columns, shape } = await readIdx(source);
      expect(data).toEqual(Uint8Array.from({ length: 12 }, (_, i) => i));
      expect([rows, columns, shape]).toEqual([2, 6, [2, 2, 3]]);
    }
  });

  it('reads every element type, big-endian', async () => {
    const float = Buffer.alloc(8);
    float.writeFloatBE(1.5);
    float.writeFloatBE(-0.25, 4);
    const double = Buffer.alloc(8);
    double.writeDoubleBE(Math.PI);
    const cases = [
      [idx(8, [2], Uint8Array.of(1, 255)), Uint8Array.of(1, 255)],
      [idx(9, [2], Uint8Array.of(1, 255)), Int8Array.of(1, -1)],
      [idx(11, [1], Uint8Array.of(0xff, 0xfe)), Int16Array.of(-2)],
      [idx(12, [1], Uint8Array.of(0, 1, 0, 2)), Int32Array.of(0x10002)],
      [idx(13, [2], float), Float32Array.of(1.5, -0.25)],
      [idx(14, [1], double), Float64Array.of(Math.PI)],
    ] as const;
    for (const [bytes, wanted] of cases) {
      const { data, columns } = await readIdx(bytes);
      expect(data).toStrictEqual(wanted);
      expect(columns).toBe(1);
    }
  });

  it('says what is wrong with a file', async () => {
    await expectError(() => readIdx(Buffer.alloc(3)), 'FORMAT', /4 bytes/);
    await expectError(() => readIdx(Buffer.from([1, 0, 8, 1, 0, 0, 0, 0])), 'FORMAT', /start of .*010008/);
    await expectError(() => readIdx(idx(10, [1], Uint8Array.of(1))), 'FORMAT', /element type/);
    await expectError(() => readIdx(idx(8, [], Uint8Array.of(1))), 'FORMAT', /dimensions/);
    await expectError(() => readIdx(images.subarray(0, 9)), 'FORMAT', /header/);
    await expectError(() => readIdx(images.subarray(0, 27)), 'FORMAT', /12 elements .*2 × 2 × 3.*11 bytes/);
    await expectError(() => readIdx(Buffer.concat([images, Buffer.alloc(1)])), 'FORMAT', /13 bytes behind/);
    await expectError(() => readIdx(gzipSync(images).subarray(0, 20)), 'FORMAT', /gzip/);
    // 2³²−1 cubed is no number of elements that an allocation may be tried for.
    await expectError(() => readIdx(idx(8, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], images)), 'FORMAT', /elements/);
    await expectError(() => readIdx(7 as never), 'INVALID_ARGUMENT', /path.*got 7/);
    await expect(readIdx(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('readNpy', () => {
  it('reads every element type', async () => {
    const cases = [
      ['|b1', Uint8Array.of(1, 0), Uint8Array.of(1, 0)],
      ['|u1', Uint8Array.of(7, 255), Uint8Array.of(7, 255)],
      ['|i1', Int8Array.of(7, -1), Int8Array.of(7, -1)],
      ['<u2', Uint16Array.of(7, 65535), Uint16Array.of(7, 65535)],
      ['<i2', Int16Array.of(7, -2), Int16Array.of(7, -2)],
      ['<u4', Uint32Array.of(7, 2 ** 32 - 1), Uint32Array.of(7, 2 ** 32 - 1)],
      ['<i4', Int32Array.of(7, -2), Int32Array.of(7, -2)],
      ['<i8', BigInt64Array.of(7n, -9007199254740991n), Float64Array.of(7, -9007199254740991)],
      ['<u8', BigUint64Array.of(7n, 8n), Float64Array.of(7, 8)],
      ['<f4', Float32Array.of(0.5, -1e30), Float32Array.of(0.5, -1e30)],
      ['<f8', Float64Array.of(Math.E, Number.NaN), Float64Array.of(Math.E, Number.NaN)],
    ] as const;
    for (const [description, elements, wanted] of cases) {
      for (const version of [1, 2, 3]) {
        const { data, rows, columns, shape } = await readNpy(
          npy(description, '(2,)', bytesOf(elements), false, version),
        );
        expect(data).toStrictEqual(wanted);
        expect([rows, columns, shape]).toEqual([2, 1, [2]]);
      }
    }
    const bigEndian = Buffer.alloc(8);
    bigEndian.writeDoubleBE(2.5);
    expect((await readNpy(npy('>f8', '(1, 1)', bigEndian))).data).toStrictEqual(Float64Array.of(2.5));
  });

  it('reads row-major and Fortran order as the same matrix, and any number of dimensions', async () => {
    const rowMajor = await readNpy(npy('<i4', '(2, 3)', bytesOf(Int32Array.of(1, 2, 3, 4, 5, 6))));
    const fortran = await readNpy(npy('<i4', '(2, 3)', bytesOf(Int32Array.of(1, 4, 2, 5, 3, 6)), true));
    expect(fortran).toEqual(rowMajor);
    expect(fortran.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const cube = Int32Array.from({ length: 24 }, (_, i) => i);
    const columnMajor = Int32Array.from(cube, (i) => (i % 2) * 12 + (Math.floor(i / 2) % 3) * 4 + Math.floor(i / 6));
    const read = await readNpy(npy('<i4', '(2, 3, 4)', bytesOf(columnMajor), true));
    expect([read.rows, read.columns, read.data]).toEqual([2, 12, cube]);
    const single = await readNpy(npy('<f8', '()', bytesOf(Float64Array.of(3))));
    expect([single.rows, single.columns, single.shape]).toEqual([1, 1, []]);
    expect((await readNpy(npy('<f8', '(0, 3)', new Uint8Array(0)))).rows).toBe(0);
  });

  it('says what is wrong with a file', async () => {
    const good = npy('<f8', '(2,)', bytesOf(Float64Array.of(1, 2)));
    await expectError(() => readNpy(Buffer.alloc(0)), 'FORMAT', /NUMPY/);
    await expectError(() => readNpy(good.subarray(0, 9)), 'FORMAT', /header/);
    await expectError(() => readNpy(good.subarray(0, 60)), 'FORMAT', /header of 128 bytes/);
    await expectError(() => readNpy(good.subarray(0, 140)), 'FORMAT', /2 elements of 8 bytes.*12 bytes/);
    await expectError(() => readNpy(npy('<f2', '(2,)', Buffer.alloc(4))), 'FORMAT', /descr/);
    await expectError(() => readNpy(npy('|O', '(2,)', Buffer.alloc(4))), 'FORMAT', /descr/);
    await expectError(() => readNpy(npy('<f8', '(-2,)', Buffer.alloc(16))), 'FORMAT', /shape/);
    const large = npy('<i8', '(1,)', bytesOf(BigInt64Array.of(2n ** 53n)));
    await expectError(() => readNpy(large), 'FORMAT', /element 0 .*9007199254740992/);
    good[6] = 9;
    await expectError(() => readNpy(good), 'FORMAT', /version/);
  });
});

describe('readCsv', () => {
  const read = (text: string, options?: Parameters<typeof readCsv>[1]) => readCsv(Buffer.from(text), options);

  it('reads numbers with and without a header', async () => {
    const named = await read('\uFEFFa, "b ""x""" ,c\r\n1,2.5,-3e2\r\n\r\n.5,"4",+0\r\n');
    expect(named.names).toEqual(['a', 'b "x"', 'c']);
    expect(named.toArray()).toEqual([
      [1, 2.5, -300],
      [0.5, 4, 0],
    ]);
    const bare = await read('1;2\n3;4', { delimiter: ';' });
    expect([bare.names, bare.toArray()]).toEqual([
      ['0', '1'],
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    expect((await read('1,2\n3,4', { header: true })).names).toEqual(['1', '2']);
    expect((await read('a,b\n')).rows).toBe(0);
  });

  it('numbers classes and selects columns', async () => {
    const table = await read('length,species\n1,"setosa"\n2,virginica\n3,setosa\n', { categorical: ['species'] });
    expect(table.categories).toEqual({ species: ['setosa', 'virginica'] });
    expect(table.select(['species', 0]).toArray()).toEqual([
      [0, 1],
      [1, 2],
      [0, 3],
    ]);
    expect((await read('1,yes\n2,no', { header: false, categorical: [1] })).select([1]).data).toEqual(
      Float64Array.of(0, 1),
    );
    await expectError(() => table.select(['width']), 'INVALID_ARGUMENT', /length, species .*"width"/);
    await expectError(() => read('a\n1', { categorical: ['b'] }), 'INVALID_ARGUMENT', /categorical\[0\]/);
  });

  it('reads what is longer than one piece, and gzip', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i},${i / 8}`);
    const table = await readCsv(gzipSync(lines.join('\n')));
    expect([table.rows, table.columns]).toEqual([30_000, 2]);
    expect(table.data[59_999]).toBe(29_999 / 8);
  });

  it('says what is wrong and in which line', async () => {
    await expectError(() => read('a,b\n1,2\n3,x\n'), 'FORMAT', /number for line 3, column "b".*"x"/);
    await expectError(() => read('a,b\n1,\n'), 'FORMAT', /line 2, column "b".*""/);
    await expectError(() => read('a\n1e999\n'), 'FORMAT', /line 2.*1e999/);
    for (const cell of ['0x10', 'Infinity', 'NaN', '1 2', '1_000']) {
      await expectError(() => read(`a\n${cell}\n`), 'FORMAT', /line 2/);
    }
    await expectError(() => read('a,b\n1,2\n3\n'), 'FORMAT', /2 cells for line 3.*got 1/);
    await expectError(() => read('a,b\n1,"2\n'), 'FORMAT', /line \d.*CSV_QUOTE_NOT_CLOSED/);
    await expectError(() => read(''), 'FORMAT', /at least one line/);
    await expectError(() => read('a,s\n1,\n', { categorical: ['s'] }), 'FORMAT', /name of a class/);
    await expectError(() => read('1', { delimiter: '' }), 'INVALID_ARGUMENT', /delimiter/);
    await expectError(() => read('1', { headers: true } as never), 'INVALID_ARGUMENT', /"headers"/);
  });
});

describe('broken files', () => {
  const files: readonly [string, (bytes: Uint8Array) => Promise<{ data: ArrayLike<number> }>, Buffer][] = [
    ['readIdx', readIdx, idx(12, [2, 3], Buffer.alloc(24, 7))],
    ['readNpy', readNpy, npy('<f8', '(2, 3)', Buffer.alloc(48, 7), true)],
    ['readCsv', readCsv, Buffer.from('a,b\n1,"2"\n3,4\n')],
    ['readIdx, packed', readIdx, gzipSync(idx(8, [2, 3], Buffer.alloc(6, 7)))],
  ];

  it.each(files)('%s rejects with FORMAT or gives whole rows, whatever the bytes', async (_, read, good) => {
    const damaged = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .chain((edits) => fc.nat(good.length).map((length) => ({ edits, length })))
      .map(({ edits, length }) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        return new Uint8Array(bytes.subarray(0, length));
      });
    const any = fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged);
    await fc.assert(
      fc.asyncProperty(any, async (bytes) => {
        try {
          const { data, rows, columns } = (await read(bytes)) as Awaited<ReturnType<typeof readIdx>>;
          expect(data).toHaveLength(rows * columns);
        } catch (error) {
          expect(error).toBeInstanceOf(ChainruleError);
          expect(error).toMatchObject({ code: 'FORMAT' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
