/** Products and sums of vectors in double: what L-BFGS and the orthogonal initializer need. */

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** a ← a + factor·b. */
export function addScaled(a: Float64Array, b: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

export function largestMagnitude(a: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]));
  return largest;
}
