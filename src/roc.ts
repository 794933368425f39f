import type { FloatArray } from './backend/backend.js';

/** Scores, (rows, outputs), and the class of each row: with one output, class 1 is the one the scores are for. */
interface Piece {
  readonly scores: FloatArray;
  readonly targets: Int32Array;
}

/** The mean area under the receiver operating characteristic over the outputs that have rows of their class and others. */
export function areaUnderCurve(pieces: readonly Piece[], outputs: number): number {
  let sum = 0;
  let areas = 0;
  for (let j = 0; j < outputs; j++) {
    const area = shareInOrder(...apart(pieces, j, outputs));
    if (Number.isNaN(area)) continue;
    sum += area;
    areas++;
  }
  return sum / areas;
}

/** Scores of output j, sorted: of the rows of its class, and of the others. */
function apart(pieces: readonly Piece[], j: number, outputs: number): [Float64Array, Float64Array] {
  const own = outputs === 1 ? 1 : j;
  let positives = 0;
  let rows = 0;
  for (const { targets } of pieces) {
    rows += targets.length;
    for (const target of targets) positives += Number(target === own);
  }
  const kinds: [Float64Array, Float64Array] = [new Float64Array(positives), new Float64Array(rows - positives)];
  const filled = [0, 0];
  for (const { scores, targets } of pieces) {
    targets.forEach((target, i) => {
      const kind = target === own ? 0 : 1;
      kinds[kind][filled[kind]++] = scores[i * outputs + j];
    });
  }
  return [kinds[0].sort(), kinds[1].sort()];
}

/** Of all pairs of a positive and a negative, both sorted, the share in which the positive is larger; equal ones count half. */
function shareInOrder(positives: Float64Array, negatives: Float64Array): number {
  let below = 0;
  let notAbove = 0;
  let sum = 0;
  for (const positive of positives) {
    while (below < negatives.length && negatives[below] < positive) below++;
    while (notAbove < negatives.length && negatives[notAbove] <= positive) notAbove++;
    sum += (below + notAbove) / 2;
  }
  return sum / (positives.length * negatives.length);
}
