import { RandomGenerator } from './random.js';

/**
 * Shuffles rows by xoshiro128** (Blackman and Vigna 2021), each stream of which begins with Philox's first numbers: a draw takes
 * a fraction of Philox's time, which counts where a row is trained on in 100 ns.
 */
export class RowShuffler {
  readonly #seeds: RandomGenerator;
  // The state's words, signed integers as in `RandomGenerator`.
  #s0 = 0;
  #s1 = 0;
  #s2 = 0;
  #s3 = 0;

  constructor(seed: number) {
    this.#seeds = new RandomGenerator(seed);
  }

  /** Begins another stream of the same seed. */
  restart(stream0: number, stream1: number): void {
    const seeds = this.#seeds;
    seeds.restart(stream0, stream1);
    this.#s0 = seeds.nextUint32() | 0;
    this.#s1 = seeds.nextUint32() | 0;
    this.#s2 = seeds.nextUint32() | 0;
    this.#s3 = seeds.nextUint32() | 1; // zeros alone would stay zeros
  }

  /**
   * Draws elements number `begin` to `end` of the `count` that `array` has from `from` on, each among those that are left: after
   * the last, all are shuffled (Durstenfeld 1964). As many bits as the greatest number has are drawn until they are not above
   * it, but without a branch that depends on chance: what is above it swaps an element with itself.
   */
  shuffle(array: Uint32Array, from: number, count: number, begin: number, end: number): void {
    let [s0, s1, s2, s3] = [this.#s0, this.#s1, this.#s2, this.#s3];
    // The last has no choice.
    const until = Math.min(end, count - 1);
    for (let i = begin; i < until; ) {
      const drawn = Math.imul(rotate(Math.imul(s1, 5), 7), 9);
      const shifted = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = rotate(s3, 11);

      const greatest = count - 1 - i;
      const ahead = drawn & (-1 >>> Math.clz32(greatest));
      const rejected = (greatest - ahead) >> 31; // −1 or 0
      const at = from + i;
      const other = at + (ahead & ~rejected);
      const element = array[at];
      array[at] = array[other];
      array[other] = element;
      i += 1 + rejected;
    }
    [this.#s0, this.#s1, this.#s2, this.#s3] = [s0, s1, s2, s3];
  }
}

/** The 32 bits of x, turned left. */
function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
