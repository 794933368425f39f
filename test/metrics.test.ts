import { describe, expect, it } from 'vitest';
import type { Samples } from '../src/backend/backend.js';
import { dense, type MetricSpec, sgd, topK } from '../src/index.js';
import { type Accumulator, type MetricName, metrics, resolveMetrics } from '../src/metrics.js';
import { backends, createNetwork, someNumbers } from './support/api.js';

/** A metric's figure for outputs that come in pieces of `piece` rows. */
function measure(
  spec: MetricSpec,
  samples: Omit<Samples, 'x'>,
  outputs: readonly number[],
  width = 1,
  piece = 2,
): number {
  const { names, start } = resolveMetrics([spec], width);
  const accumulator = start({ x: new Float64Array(0), ...samples })[names[0]] as Accumulator;
  const rows = outputs.length / width;
  for (let from = 0; from < rows; from += piece) {
    const to = Math.min(rows, from + piece);
    const numbers = Uint32Array.from({ length: to - from }, (_, i) => from + i);
    accumulator.add(Float64Array.from(outputs.slice(from * width, to * width)), numbers);
  }
  return accumulator.result();
}

describe('metrics', () => {
  const half = [0.9, 0.4, 0.6, 0.2, 0.7];
  const zeroOne = { y: [1, 1, 0, 0, 1] };
  const one = (values: readonly number[]): Omit<Samples, 'x'> => ({ y: Float64Array.from(values) });

  it('of one output, y being 0 or 1: the threshold is a half', () => {
    const y = one(zeroOne.y); // found 2, wrong 1, missed 1
    expect(measure('accuracy', y, half)).toBe(3 / 5);
    expect(measure('zeroOne', y, half)).toBe(2 / 5);
    expect(measure('precision', y, half)).toBe(2 / 3);
    expect(measure('recall', y, half)).toBe(2 / 3);
    expect(measure('f1', y, half)).toBe(4 / 6);
  });

  it('of one output, y being ±1: the threshold is 0', () => {
    const y = one([1, 1, -1, -1, 1]);
    const outputs = [0.2, -0.4, 0.6, -2, 3];
    expect(measure('accuracy', y, outputs)).toBe(3 / 5);
    expect(measure('zeroOne', y, outputs)).toBe(2 / 5);
    expect(measure('precision', y, outputs)).toBe(2 / 3);
  });

  it('a score of 0 is a mistake beside labels ±1, whatever the label; a decision of 0 is one for −1', async () => {
    const y = one([1, -1, 1, -1]);
    const outputs = [0, 0, -0, -0];
    expect(measure('zeroOne', y, outputs)).toBe(1);
    expect(measure('accuracy', y, outputs)).toBe(0);
    expect(measure('accuracy', one([0, 0, 0, 1]), outputs)).toBe(3 / 4);
    const data = { x: [1, 2, 3, 4], y: [1, -1, 1, -1] };
    for (const [, backend] of backends) {
      for (const [activation, wrong] of [
        ['identity', 1],
        ['step', 1 / 2],
      ] as const) {
        const layers = [dense(1, { activation, kernelInitializer: 'zeros' })];
        const network = createNetwork(backend, { inputs: 1, layers });
        const expected = { zeroOne: wrong, accuracy: 1 - wrong };
        expect(await network.evaluate(data, { metrics: ['zeroOne', 'accuracy'] })).toEqual(expected);
        const still = { loss: 'perceptron', optimizer: sgd({ learningRate: 0 }), metrics: ['zeroOne'] } as const;
        const { epochs } = await network.fit(data, still);
        expect(epochs[0].zeroOne).toBe(wrong);
      }
    }
  });

  const classes = { classes: Int32Array.of(0, 1, 2, 1, 0) };
  const oneHot = one([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0]);
  const scores = [0.7, 0.2, 0.1, 0.5, 0.4, 0.1, 0.1, 0.2, 0.7, 0.2, 0.6, 0.2, 0.3, 0.4, 0.3]; // 0 0 2 1 1
  it.each([
    ['class indices', classes],
    ['one-hot rows', oneHot],
  ])('of several outputs, from %s', (_, y) => {
    expect(measure('accuracy', y, scores, 3)).toBe(3 / 5);
    expect(measure('zeroOne', y, scores, 3)).toBe(2 / 5);
    // By class: precision ½, ½, 1; recall ½, ½, 1; and f1 the same.
    for (const name of ['precision', 'recall', 'f1'] as const)
      expect(measure(name, y, scores, 3)).toBe((0.5 + 0.5 + 1) / 3);
    expect(measure(topK({ k: 1 }), y, scores, 3)).toBe(3 / 5);
    expect(measure(topK({ k: 2 }), y, scores, 3)).toBe(1);
    expect(measure('topK', y, scores, 3)).toBe(1);
    // Pairs in the right order: class 0: 0.7 and 0.3 against 0.5, 0.1, 0.2; class 1: 0.4 and 0.6 against 0.2, 0.2, 0.4; class 2: 0.7.
    expect(Math.abs(measure('auc', y, scores, 3) - (5 / 6 + 5.5 / 6 + 1) / 3)).toBeLessThan(6 * 2 ** -52);
    expect(measure('meanSquaredError', y, [...(oneHot.y as Float64Array)], 3)).toBe(0);
  });

  it('leaves classes that do not occur out of means', () => {
    const y = { classes: Int32Array.of(0, 0, 1) };
    expect(measure('recall', y, [1, 0, 0, 0, 1, 0, 0, 1, 0], 3)).toBe((0.5 + 1) / 2);
  });

  it('auc is the share of pairs in order', () => {
    const values = Array.from(someNumbers(200), (value) => Math.round(value * 10)); // with ties
    const labels = Array.from(someNumbers(200, 9), (value, i) => Number(value + values[i] / 20 > 0));
    let sum = 0;
    let pairs = 0;
    values.forEach((value, i) => {
      values.forEach((other, j) => {
        if (labels[i] === 1 && labels[j] === 0) {
          sum += value > other ? 1 : value === other ? 0.5 : 0;
          pairs++;
        }
      });
    });
    // Ranks are halves of integers: only the quotient rounds.
    expect(measure('auc', one(labels), values, 1, 7)).toBe(sum / pairs);
    expect(measure('auc', one([1, 1]), [0.3, 0.4])).toBeNaN();
  });

  it('of errors, over all elements, and of the variance explained', () => {
    const y = one([1, 2, 3, 4, 5, 12]); // (3, 2)
    const outputs = [2, 2, 3, 4, 2, 9];
    expect(measure('meanSquaredError', y, outputs, 2)).toBe((1 + 9 + 9) / 6);
    expect(measure('meanAbsoluteError', y, outputs, 2)).toBe((1 + 3 + 3) / 6);
    // Column means 3 and 6, spreads 8 and 56, errors 10 and 9.
    expect(Math.abs(measure('rSquared', y, outputs, 2) - (1 - 10 / 8 + 1 - 9 / 56) / 2)).toBeLessThan(6 * 2 ** -52);
    expect(measure('rSquared', one([3, 3]), [3, 3])).toBe(1);
    expect(measure('rSquared', one([3, 3]), [3, 4])).toBe(0);
  });

  it.each(Object.keys(metrics) as MetricName[])('%s of no rows is NaN', (name) => {
    expect(measure(name, one([]), [])).toBeNaN();
  });
});

describe.each(backends)('metrics on %s', (_, backend) => {
  it('are those of the outputs, in fit, its validation and evaluate', async () => {
    const network = createNetwork(backend, { inputs: 2, layers: [dense(1)], dtype: 'float64' });
    const data = { x: someNumbers(60), y: someNumbers(30, 7) };
    const names = ['meanAbsoluteError', 'meanSquaredError', 'rSquared', 'accuracy', 'auc'] as const;
    const outputs = Array.from(network.predictSync(data.x).data);
    const wanted = Object.fromEntries(names.map((name) => [name, measure(name, { y: data.y }, outputs, 1, 30)]));
    expect(await network.evaluate(data, { metrics: names })).toEqual(wanted);
    const still = { loss: 'squaredError', optimizer: { type: 'sgd', learningRate: 0 }, metrics: names } as const;
    const [report] = (await network.fit(data, { ...still, shuffle: false, validation: data })).epochs;
    expect(report).toMatchObject(wanted);
    expect(report.validation).toMatchObject(wanted);
  });
});
