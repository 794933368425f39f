import { describe, expect, it } from 'vitest';
import { philox4x32, RandomGenerator } from '../src/random.js';

describe('Philox4x32-10', () => {
  // Known answers of the authors' Random123 library (kat_vectors).
  it.each([
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      expected: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      expected: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      expected: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])('gives the known answer for counter $counter', ({ counter, key, expected }) => {
    const out = new Uint32Array(4);
    philox4x32(Uint32Array.from(counter), Uint32Array.from(key), out);
    expect(Array.from(out)).toEqual(expected);
  });
});

describe('RandomGenerator', () => {
  const draws = 200_000;

  it('gives the same numbers for the same seed and stream, others for others', () => {
    const sequence = (...args: ConstructorParameters<typeof RandomGenerator>) => {
      const generator = new RandomGenerator(...args);
      return Array.from({ length: 9 }, () => generator.nextUint32());
    };
    expect(sequence(7, 1, 2)).toEqual(sequence(7, 1, 2));
    const others = [sequence(7, 1, 2), sequence(8, 1, 2), sequence(7, 2, 2), sequence(7, 1, 3), sequence(7, 1, 2, 1)];
    expect(new Set(others.flat()).size).toBe(5 * 9);
  });

  it('is uniform in [0, 1)', () => {
    const generator = new RandomGenerator(1);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < draws; i++) {
      const value = generator.uniform();
      if (!(value >= 0 && value < 1)) throw new Error(`${value} is outside [0, 1)`);
      sum += value;
      squares += (value - 0.5) ** 2;
    }
    // Five standard errors: √(1/12 / n) of the mean, √((1/80 − 1/144) / n) of the variance.
    expect(Math.abs(sum / draws - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / draws));
    expect(Math.abs(squares / draws - 1 / 12)).toBeLessThan(5 * Math.sqrt((1 / 80 - 1 / 144) / draws));
  });

  it('is normal with mean 0 and variance 1', () => {
    const generator = new RandomGenerator(2);
    const moments = [0, 0, 0, 0, 0];
    for (let i = 0; i < draws; i++) {
      const value = generator.normal();
      for (let power = 1; power <= 4; power++) moments[power] += value ** power / draws;
    }
    // Moments 1 to 4 are 0, 1, 0, 3; the variances of their estimates are 1, 2, 15 and 96, divided by n.
    [0, 1, 0, 3].forEach((moment, i) => {
      expect(Math.abs(moments[i + 1] - moment)).toBeLessThan(5 * Math.sqrt([1, 2, 15, 96][i] / draws));
    });
  });

  it.each([1, 2, 3, 10, 1000])('draws integers below %i evenly', (bound) => {
    const generator = new RandomGenerator(3);
    const counts = new Float64Array(bound);
    for (let i = 0; i < draws; i++) counts[generator.integer(bound)]++;
    const expected = draws / bound;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // χ² with bound − 1 degrees of freedom: mean bound − 1, variance 2(bound − 1).
    expect(chiSquare).toBeLessThanOrEqual(bound - 1 + 5 * Math.sqrt(2 * (bound - 1)));
  });

  it('draws integers below 2³² − 1 and 2³² too', () => {
    const generator = new RandomGenerator(4);
    for (const bound of [2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32]) {
      const values = Array.from({ length: 1000 }, () => generator.integer(bound));
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThan(bound);
      expect(Math.max(...values)).toBeGreaterThan(bound * 0.98);
    }
  });

  it('begins another stream as a new generator does', () => {
    const generator = new RandomGenerator(5, 1, 2, 3);
    const numbers = (from: RandomGenerator) => [from.nextUint32(), from.normal(), from.nextUint32(), from.uniform()];
    numbers(generator);
    generator.restart(4, 0xffffffff);
    expect(numbers(generator)).toEqual(numbers(new RandomGenerator(5, 4, 0xffffffff)));
  });
});
