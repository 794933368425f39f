import { describe, expect, it } from 'vitest';
import { sigmoid as exactSigmoid } from '../src/activations.js';
import { sigmoid, tanh } from '../src/single_precision.js';

/** Units in the last place of float32 at a number. */
function unitAt(value: number): number {
  const exponent = Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -126)));
  return 2 ** (exponent - 23);
}

describe.each([
  ['tanh', tanh, Math.tanh],
  ['sigmoid', sigmoid, exactSigmoid],
] as const)('%s for float32', (_, fast, exact) => {
  it('is within 0.54 units in the last place, over all bit patterns in steps', () => {
    const float = new Float32Array(1);
    const bits = new Uint32Array(float.buffer);
    let worst = 0;
    // A prime, so all exponents and all ends of mantissas come.
    for (let pattern = 0; pattern < 2 ** 32; pattern += 2053) {
      bits[0] = pattern;
      const [z] = float;
      if (Number.isNaN(z)) continue;
      const expected = exact(z);
      worst = Math.max(worst, Math.abs(Math.fround(fast(z)) - expected) / unitAt(expected));
    }
    expect(worst).toBeGreaterThan(0.49);
    // The rounding's half, and 2⁻²⁹ of a number that has 24 bits.
    expect(worst).toBeLessThan(0.54);
  });

  it('has its limits at the ends, and passes NaN on', () => {
    for (const z of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE, -Number.MAX_VALUE]) {
      expect(Math.fround(fast(z))).toBe(exact(z));
    }
    expect(fast(Number.NaN)).toBeNaN();
    for (const zero of [0, -0]) expect(fast(zero)).toBe(exact(zero));
  });
});
