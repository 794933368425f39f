import { expect, it } from 'vitest';
import type { Backend, Dtype, LossPlan } from '../../src/backend/backend.js';
import { lossKernels } from '../../src/losses.js';
import {
  checkClose,
  epsilonOf,
  floats,
  GuardedMatrix,
  largestOf,
  randomValues,
  smallestNormalOf,
} from '../support/arrays.js';
import type { Record } from '../support/record.js';
import { shapes } from './elementwise.suite.js';

/** Inputs a loss is made for, and its textbook formula for one row; `error` bounds what rounding does, in units of ε. */
interface Subject {
  readonly prediction: readonly [number, number];
  readonly target: readonly [number, number];
  value(p: ArrayLike<number>, t: ArrayLike<number>): number;
  readonly parameters?: readonly number[];
  /** Targets are ±1. */
  readonly labels?: true;
  /** Sum of the magnitudes of the terms that the row's loss is made of. */
  magnitude(p: ArrayLike<number>, t: ArrayLike<number>): number;
}

const sum = (values: Iterable<number>) => Array.from(values).reduce((total, value) => total + value, 0);
const sumOf = (p: ArrayLike<number>, f: (p: number, j: number) => number) => sum(Array.from(p, f));
const logSum = (p: ArrayLike<number>) => Math.log(sumOf(p, (z) => Math.exp(z)));

/** A loss that is a sum of l(p, t), each made of terms no larger than itself and `more`. */
function elementwise(
  prediction: readonly [number, number],
  target: readonly [number, number],
  value: (p: number, t: number) => number,
  more = 0,
): Subject {
  return {
    prediction,
    target,
    value: (p, t) => sumOf(p, (y, j) => value(y, t[j])),
    magnitude: (p, t) => sumOf(p, (y, j) => Math.abs(value(y, t[j])) + more),
  };
}

/** Targets in a subject's range, or ±1. */
function targetsOf({ target, labels }: Subject, length: number): Float64Array {
  const values = randomValues(length, 2, ...target);
  return labels ? values.map((value) => (value < 0 ? -1 : 1)) : values;
}

const subjects: { readonly [name: string]: Subject } = {
  squaredError: elementwise([-2, 2], [-2, 2], (p, t) => (p - t) ** 2),
  absoluteError: elementwise([-2, 2], [-2, 2], (p, t) => Math.abs(p - t)),
  huber: {
    ...elementwise([-2, 2], [-2, 2], (p, t) =>
      Math.abs(p - t) <= 0.7 ? (p - t) ** 2 / 2 : 0.7 * (Math.abs(p - t) - 0.35),
    ),
    parameters: [0.7],
  },
  // ln 2 is taken from a sum.
  logCosh: elementwise([-2, 2], [-2, 2], (p, t) => Math.log(Math.cosh(p - t)), 5),
  binaryCrossEntropy: {
    prediction: [0.05, 0.95],
    target: [0, 1],
    value: (p, t) => -sumOf(p, (y, j) => t[j] * Math.log(y) + (1 - t[j]) * Math.log(1 - y)),
    magnitude: (p, t) => sumOf(p, (y, j) => t[j] * -Math.log(y) + (1 - t[j]) * -Math.log(1 - y)),
  },
  sigmoidCrossEntropy: {
    prediction: [-8, 8],
    target: [0, 1],
    value: (p, t) => sumOf(p, (z, j) => t[j] * Math.log1p(Math.exp(-z)) + (1 - t[j]) * Math.log1p(Math.exp(z))),
    magnitude: (p) => sumOf(p, (z) => 2 * Math.abs(z) + 1),
  },
  softmaxCrossEntropy: {
    prediction: [-8, 8],
    target: [0, 1],
    parameters: [0.1],
    value: (p, t) => sumOf(p, (z, j) => (0.9 * t[j] + 0.1 / p.length) * (logSum(p) - z)),
    magnitude: (p, t) => sumOf(p, (z, j) => (t[j] + 1 / p.length) * (Math.abs(logSum(p)) + Math.abs(z) + 8)),
  },
  hinge: { ...elementwise([-2, 2], [-1, 1], (p, t) => Math.max(0, 1 - t * p), 1), labels: true },
  squaredHinge: { ...elementwise([-2, 2], [-1, 1], (p, t) => Math.max(0, 1 - t * p) ** 2, 1), labels: true },
  logistic: { ...elementwise([-8, 8], [-1, 1], (p, t) => Math.log1p(Math.exp(-t * p)), 8), labels: true },
  perceptron: { ...elementwise([-2, 2], [-1, 1], (p, t) => Math.max(0, -t * p)), labels: true },
  poisson: elementwise([0.05, 3], [0, 4], (p, t) => p - t * Math.log(p), 12),
  klDivergence: elementwise([0.05, 0.95], [0.05, 1], (p, t) => t * Math.log(t / p), 6),
  cosine: {
    prediction: [-2, 2],
    target: [-2, 2],
    value: (p, t) => 1 - sumOf(p, (y, j) => y * t[j]) / Math.sqrt(sumOf(p, (y) => y * y) * sumOf(t, (y) => y * y)),
    magnitude: () => 3,
  },
};
const names = Object.keys(subjects);
/** Losses of one row of a few outputs, each a few operations with functions good to 4 units in the last place. */
const functionError = 12;

const planOf = (kernel: string, scale = 1): LossPlan => ({
  kernel,
  onPreActivation: false,
  parameters: subjects[kernel].parameters ?? [],
  scale,
  reduction: 'mean',
});

export function lossSuite(backend: Backend, dtype: Dtype, record: Record): void {
  const kernels = backend.kernels(dtype);
  const epsilon = epsilonOf[dtype];

  it('has a formula here for every loss', () => {
    expect(names.toSorted()).toEqual(Object.keys(lossKernels).toSorted());
  });

  it.each(names)('%s, its value and scaled gradient', (kernel) => {
    const { prediction: range, value, magnitude, parameters = [] } = subjects[kernel];
    for (const { rows, columns: outputs } of shapes) {
      if (outputs === 0) continue;
      const p = randomValues(rows * outputs, 1, ...range);
      const t = targetsOf(subjects[kernel], rows * outputs);
      const weights = randomValues(rows, 3, 0, 2);
      const prediction = new GuardedMatrix(dtype, rows, outputs, outputs, p);
      const y = new GuardedMatrix(dtype, rows, outputs, outputs, t);
      for (const weighted of [false, true]) {
        const gradient = new GuardedMatrix(dtype, rows, outputs, outputs);
        const loss = kernels.loss({
          rows,
          outputs,
          loss: planOf(kernel, 0.75),
          prediction: prediction.data,
          y: y.data,
          weights: weighted ? weights : undefined,
          divisor: 3,
          gradient: gradient.data,
        });
        let expected = 0;
        let bound = 0;
        const slopes = new Float64Array(rows * outputs);
        for (let i = 0; i < rows; i++) {
          const from = i * outputs;
          const scale = 0.75 * (weighted ? weights[i] : 1);
          const row = p.subarray(from, from + outputs);
          const target = t.subarray(from, from + outputs);
          expected += scale * value(row, target);
          bound += scale * (functionError + outputs) * epsilon * magnitude(row, target);
          lossKernels[kernel].row(p, from, t, from, slopes, scale / 3, outputs, parameters);
        }
        expect(Math.abs(loss - expected)).toBeLessThanOrEqual(bound);
        prediction.checkUntouched('prediction');
        y.checkUntouched('y');
        gradient.checkSurroundings('gradient');
        // Of the largest element: a sum of targets (up to `outputs` of 1), or a quotient no larger than 4 / 0.05.
        const scale = (0.75 * 2) / 3;
        const largest = Math.max(outputs, 4 / 0.05, 8);
        checkClose(kernel, gradient.dense(), slopes, () => scale * (functionError + 16 + outputs) * epsilon * largest);
        record(gradient.dense());
        record(Float64Array.of(loss));
      }
    }
  });

  it.each(dtype === 'float64' ? names : [])('%s has the gradient that central differences have', (kernel) => {
    const { prediction: range } = subjects[kernel];
    const rows = 3;
    const outputs = 5;
    const prediction = randomValues(rows * outputs, 1, ...range);
    const y = targetsOf(subjects[kernel], rows * outputs);
    const gradient = new Float64Array(rows * outputs);
    const lossAt = (p: Float64Array, into = new Float64Array(rows * outputs)) =>
      kernels.loss({ rows, outputs, loss: planOf(kernel), prediction: p, y, divisor: 1, gradient: into });
    lossAt(prediction, gradient);
    // Truncation h²f‴/6 and rounding εf/h are least together at h ≈ ε^⅓, where both are near ε^⅔ ≈ 4·10⁻¹¹.
    const h = epsilonOf.float64 ** (1 / 3);
    const norm = Math.max(...gradient.map(Math.abs));
    for (let i = 0; i < prediction.length; i++) {
      const moved = (step: number) => prediction.map((value, j) => (j === i ? value + step : value));
      const difference = (lossAt(moved(h)) - lossAt(moved(-h))) / (2 * h);
      expect(Math.abs(difference - gradient[i])).toBeLessThanOrEqual(1e-7 * norm);
    }
  });

  it.each([1, 2, 10, 33, 100])('takes class indices for rows of zeros with a one (%i outputs)', (outputs) => {
    const rows = 37;
    const classes = Int32Array.from({ length: rows }, (_, i) => (i * 7) % outputs);
    const y = floats(dtype, rows * outputs);
    for (let i = 0; i < rows; i++) y[i * outputs + classes[i]] = 1;
    const prediction = floats(dtype, randomValues(rows * outputs, 1, -8, 8));
    const weights = randomValues(rows, 2, 0, 2);
    const gradients = [{ y }, { classes }].map((targets) => {
      const gradient = floats(dtype, rows * outputs);
      const loss = planOf('softmaxCrossEntropy');
      const value = kernels.loss({ rows, outputs, loss, prediction, ...targets, weights, divisor: rows, gradient });
      record(gradient);
      return { value, gradient };
    });
    // Each row: a logarithm and a difference of numbers up to 16 + ln(outputs).
    const share = (functionError + outputs) * epsilon;
    expect(Math.abs(gradients[0].value - gradients[1].value)).toBeLessThanOrEqual(rows * 2 * share * 24);
    checkClose('gradient', gradients[0].gradient, gradients[1].gradient, () => (2 * share * 2) / rows);
  });

  it.each(['sigmoidCrossEntropy', 'softmaxCrossEntropy'] as const)('%s is finite at the largest logits', (kernel) => {
    const largest = largestOf[dtype];
    const quarter = largest / 4;
    const rows: readonly (readonly [number[], number[], number])[] = [
      [[largest, 0, -quarter], [1, 0, 0], kernel === 'sigmoidCrossEntropy' ? Math.LN2 : 0],
      [[quarter, quarter, -quarter], [0, 1, 0], kernel === 'sigmoidCrossEntropy' ? quarter : Math.LN2],
      [[-quarter, 0, quarter], [0, 1, 0], kernel === 'sigmoidCrossEntropy' ? quarter : quarter],
      [[-largest, -largest, -largest], [0, 0, 0], 0],
    ];
    for (const [logits, target, expected] of rows) {
      const prediction = floats(dtype, logits);
      const gradient = floats(dtype, 3);
      const y = floats(dtype, target);
      const plan = { ...planOf(kernel), parameters: kernel === 'softmaxCrossEntropy' ? [0] : [] };
      const loss = kernels.loss({ rows: 1, outputs: 3, loss: plan, prediction, y, divisor: 1, gradient });
      checkClose(kernel, [loss], [expected], () => 2 * functionError * epsilon * Math.max(1, expected));
      expect(Array.from(gradient).every(Number.isFinite)).toBe(true);
      record(gradient);
    }
  });

  it.each(names.filter((name) => name !== 'squaredError' && name !== 'squaredHinge'))(
    '%s is finite at extreme predictions',
    (kernel) => {
      const { labels, prediction: range } = subjects[kernel];
      // Probabilities and rates stay positive, and what is squared or multiplied by them is another test's.
      const positive = range[0] > 0;
      const largest = largestOf[dtype] / 16;
      const extremes = positive ? [smallestNormalOf[dtype], epsilon, 0.5, 1 - epsilon] : [-largest, -1e5, 0, largest];
      for (const extreme of extremes) {
        const prediction = floats(dtype, [extreme, 0.5, 0.25]);
        const y = floats(dtype, labels ? [1, -1, 1] : [1, 0, 0]);
        const gradient = floats(dtype, 3);
        const loss = kernels.loss({ rows: 1, outputs: 3, loss: planOf(kernel), prediction, y, divisor: 1, gradient });
        expect([loss, ...gradient].every(Number.isFinite)).toBe(true);
        record(gradient);
      }
    },
  );

  it('counts 0 · ln 0 as 0', () => {
    for (const kernel of ['poisson', 'klDivergence'] as const) {
      const prediction = floats(dtype, [0, 0.5]);
      const y = floats(dtype, [0, 0.5]);
      const gradient = floats(dtype, 2);
      const loss = kernels.loss({ rows: 1, outputs: 2, loss: planOf(kernel), prediction, y, divisor: 1, gradient });
      const expected = kernel === 'poisson' ? 0.5 * (1 + Math.LN2) : 0;
      checkClose(kernel, [loss], [expected], () => functionError * epsilon);
      checkClose('gradient', gradient, kernel === 'poisson' ? [1, 0] : [0, -1], () => functionError * epsilon);
    }
  });

  it('the cosine with a vector of zeros is 0, and has no slope', () => {
    for (const [p, t] of [
      [
        [0, 0, 0],
        [1, 2, 3],
      ],
      [
        [1, 2, 3],
        [0, 0, 0],
      ],
    ]) {
      const gradient = floats(dtype, 3).fill(9);
      const arrays = { prediction: floats(dtype, p), y: floats(dtype, t), gradient };
      expect(kernels.loss({ rows: 1, outputs: 3, loss: planOf('cosine'), divisor: 1, ...arrays })).toBe(1);
      expect(Array.from(gradient, Math.abs)).toEqual([0, 0, 0]);
    }
  });

  it('has the slopes that are said at kinks', () => {
    for (const [kernel, p, t, slope] of [
      ['absoluteError', 0.5, 0.5, 0],
      ['hinge', 1, 1, 0],
      ['squaredHinge', -1, -1, 0],
      ['perceptron', 0, 1, -1],
      ['perceptron', 0, -1, 1],
    ] as const) {
      const gradient = floats(dtype, 1);
      const arrays = { prediction: floats(dtype, [p]), y: floats(dtype, [t]), gradient };
      expect(kernels.loss({ rows: 1, outputs: 1, loss: planOf(kernel), divisor: 1, ...arrays })).toBeCloseTo(0, 12);
      expect(gradient[0] + 0).toBe(slope);
    }
  });

  it('binaryCrossEntropy is held at probabilities of 0 and 1, as in PyTorch', () => {
    const prediction = floats(dtype, [0, 0, 1, 1, 0.5]);
    const y = floats(dtype, [0, 1, 0, 1, 0.5]);
    const gradient = floats(dtype, 5);
    const loss = planOf('binaryCrossEntropy');
    const value = kernels.loss({ rows: 1, outputs: 5, loss, prediction, y, divisor: 1, gradient });
    checkClose('loss', [value], [200 + Math.LN2], () => functionError * epsilon * 201);
    // The least divisor is a float there, in double too.
    const steepest = 1 / Math.fround(1e-12);
    checkClose('gradient', gradient, [0, -steepest, steepest, 0, 0], () => 4 * epsilon * steepest);
  });

  it.each(names)('%s is NaN where a prediction is', (kernel) => {
    const prediction = floats(dtype, [0.5, Number.NaN, 0.25]);
    const y = floats(dtype, [0, 1, 0]);
    const gradient = floats(dtype, 3);
    const loss = kernels.loss({ rows: 1, outputs: 3, loss: planOf(kernel), prediction, y, divisor: 1, gradient });
    expect(loss).toBeNaN();
  });
}
