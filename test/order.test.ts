import { describe, expect, it } from 'vitest';
import { type Chunk, chunks, EpochOrders } from '../src/order.js';
import { RandomGenerator } from '../src/random.js';
import { RowShuffler } from '../src/shuffler.js';
import { runNow } from '../src/steps.js';

/** xoshiro128** as its authors write it, on whole numbers. */
function xoshiro(state: bigint[]): () => number {
  const word = (x: bigint) => x & 0xffffffffn;
  const rotate = (x: bigint, bits: bigint) => word((x << bits) | (x >> (32n - bits)));
  return () => {
    const result = word(rotate(word(state[1] * 5n), 7n) * 9n);
    const shifted = word(state[1] << 9n);
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11n);
    return Number(result);
  };
}

function seeded(seed: number, ...stream: [number, number]): () => number {
  const seeds = new RandomGenerator(seed, ...stream);
  const words = Array.from({ length: 4 }, () => BigInt(seeds.nextUint32()));
  return xoshiro([words[0], words[1], words[2], words[3] | 1n]);
}

const sequence = (rows: number) => Uint32Array.from({ length: rows }, (_, i) => i);

describe('shuffling', () => {
  it.each([1, 2, 3, 4, 5, 100, 1000])('swaps each of %i rows with one that is left, at one go or in parts', (rows) => {
    const margin = 2;
    const [expected, whole, parts] = [0, 1, 2].map(() => sequence(rows + 2 * margin));
    const draw = seeded(6, 2, rows);
    for (let i = 0; i < rows - 1; i++) {
      const left = rows - i;
      const mask = 2 ** Math.ceil(Math.log2(left)) - 1;
      let ahead = (draw() & mask) >>> 0;
      while (ahead >= left) ahead = (draw() & mask) >>> 0;
      const [at, other] = [margin + i, margin + i + ahead];
      [expected[at], expected[other]] = [expected[other], expected[at]];
    }
    const shuffler = new RowShuffler(6);
    shuffler.restart(2, rows);
    shuffler.shuffle(whole, margin, rows, 0, rows);
    expect(whole).toEqual(expected);
    shuffler.restart(2, rows);
    for (let i = 0; i < rows; i += 7) shuffler.shuffle(parts, margin, rows, i, Math.min(i + 7, rows));
    expect(parts).toEqual(expected);
  });

  it('makes every order of four rows equally often', () => {
    const counts = new Map<string, number>();
    const epochs = 24_000;
    const orders = runNow(new EpochOrders(7, 4, true).take({ firstEpoch: 0, epochs, from: 0, to: epochs * 4 }));
    for (let i = 0; i < orders.length; i += 4) {
      const key = orders.subarray(i, i + 4).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // χ² with 23 degrees of freedom: mean 23, variance 46.
    expect(chiSquare).toBeLessThan(23 + 5 * Math.sqrt(46));
  });
});

describe('orders of epochs', () => {
  const rows = 70_000;
  const take = (orders: EpochOrders, chunk: Chunk) => runNow(orders.take(chunk));
  const whole = (shuffle: boolean, epoch: number) =>
    take(new EpochOrders(3, rows, shuffle), { firstEpoch: epoch, epochs: 1, from: 0, to: rows });

  it('has each row once, in another order for each epoch', () => {
    const [first, second] = [whole(true, 0), whole(true, 1)];
    expect(first).not.toEqual(second);
    for (const order of [first, second]) expect(order.slice().sort()).toEqual(sequence(rows));
    expect(whole(false, 1)).toEqual(sequence(rows));
  });

  it.each([true, false])(
    'is the same in parts, whose rows stay while later ones are taken (shuffle: %s)',
    (shuffle) => {
      const orders = new EpochOrders(3, rows, shuffle);
      const expected = [5, 6].map((epoch) => whole(shuffle, epoch));
      const parts = [...chunks(5, 2, rows, 32, 9_000, false)].map((chunk) => take(orders, chunk));
      const joined = Uint32Array.from(parts.flatMap((part) => [...part]));
      expect(parts).toHaveLength(2 * Math.ceil(rows / 8_992));
      expect(joined).toEqual(Uint32Array.from(expected.flatMap((order) => [...order])));
    },
  );

  it('is the same for several epochs at once', () => {
    const together = take(new EpochOrders(3, rows, true), { firstEpoch: 5, epochs: 2, from: 0, to: 2 * rows });
    expect(together.subarray(0, rows)).toEqual(whole(true, 5));
    expect(together.subarray(rows)).toEqual(whole(true, 6));
  });
});
