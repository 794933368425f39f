/** Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011). */

/** The upper 32 bits of x·y. No partial sum exceeds 32 bits. */
function multiplyHigh(x: number, y: number): number {
  const yLow = y & 0xffff;
  const yHigh = y >>> 16;
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const first = (Math.imul(xHigh, yLow) + (Math.imul(xLow, yLow) >>> 16)) | 0;
  const second = (Math.imul(xLow, yHigh) + (first & 0xffff)) | 0;
  return (Math.imul(xHigh, yHigh) + (first >>> 16) + (second >>> 16)) | 0;
}

/** Writes the four numbers that a counter (4 words) has under a key (2 words). */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  philoxBlock(counter[0] | 0, counter[1] | 0, counter[2] | 0, counter[3] | 0, key[0] | 0, key[1] | 0, out);
}

/** The same from words given as signed 32-bit integers, which stay in registers. */
function philoxBlock(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, out: Uint32Array): void {
  // Not at the module's top: in a bundle that makes them variables, which each round looks up.
  const multiplier0 = 0xd2511f53;
  const multiplier1 = 0xcd9e8d57;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(c0, multiplier0);
    const high1 = multiplyHigh(c2, multiplier1);
    const low0 = Math.imul(c0, multiplier0);
    const low1 = Math.imul(c2, multiplier1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Second key word of the generators below; dropout masks have 0 there. */
const generatorKey = 1;

/** A sequence of random numbers for each seed and stream (up to three numbers); all are unsigned 32-bit integers. */
export class RandomGenerator {
  readonly #seed: number;
  // Words are kept as signed integers, which engines hold without a box.
  #key = generatorKey;
  #block = 0;
  #stream0 = 0;
  #stream1 = 0;
  #stream2 = 0;
  readonly #numbers = new Uint32Array(4);
  #used = 4;
  #spareNormal: number | undefined;

  constructor(seed: number, ...stream: readonly [number?, number?, number?]) {
    this.#seed = seed | 0;
    this.restart(...stream);
  }

  /** Begins another stream of the same seed, as a new generator would. */
  restart(stream0 = 0, stream1 = 0, stream2 = 0): void {
    this.#key = generatorKey;
    this.#block = 0;
    this.#stream0 = stream0 | 0;
    this.#stream1 = stream1 | 0;
    this.#stream2 = stream2 | 0;
    this.#used = 4;
    this.#spareNormal = undefined;
  }

  nextUint32(): number {
    if (this.#used === 4) this.#nextBlock();
    return this.#numbers[this.#used++];
  }

  #nextBlock(): void {
    philoxBlock(this.#block, this.#stream0, this.#stream1, this.#stream2, this.#seed, this.#key, this.#numbers);
    this.#used = 0;
    this.#block = (this.#block + 1) | 0;
    // 2³² blocks on, the sequence goes on under the next key.
    if (this.#block === 0) this.#key = (this.#key + 1) | 0;
  }

  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Mean 0, variance 1 (Box and Muller 1958). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Uniform in 0 … bound − 1, for a bound from 1 to 2³². */
  integer(bound: number): number {
    // As many bits as bound − 1 has, drawn until they are below the bound: less than two draws on average.
    const mask = bound === 1 ? 0 : 0xffffffff >>> Math.clz32(bound - 1);
    let value = this.nextUint32() & mask;
    while (value >>> 0 >= bound) value = this.nextUint32() & mask;
    return value >>> 0;
  }
}
