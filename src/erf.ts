/** Where the series needs about as many terms as the fraction. */
const crossing = 2;

/** 1 − erf(x), to a few units in the last place of 1, and from 2 on to x² units of itself. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0) return 2 - erfc(-x);
  return x < crossing ? 1 - series(x) : fraction(x);
}

/** erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)), in which nothing cancels (Abramowitz & Stegun 1964, 7.1.6). */
function series(x: number): number {
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 2 ** -54; n++) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
}

/** erfc x = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))), from so far within that the rest does not show (the same, 7.1.14). */
function fraction(x: number): number {
  const exponential = Math.exp(-x * x);
  if (exponential === 0) return 0;
  let denominator = x;
  for (let n = Math.ceil(30 + 200 / (x * x)); n > 0; n--) denominator = x + n / 2 / denominator;
  return exponential / (Math.sqrt(Math.PI) * denominator);
}
