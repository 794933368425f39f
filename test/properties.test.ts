import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adam,
  type dense,
  dropout,
  type EpochReport,
  type FitOptions,
  type Gradients,
  type Network,
  sgd,
  squaredError,
} from '../src/index.js';
import { allParameters, backends, createNetwork } from './support/api.js';
import { floats, randomValues } from './support/arrays.js';
import { itRunsOnEverythingThereIs } from './support/backends.js';
import { roundingBound, type Sample, samples } from './support/random_networks.js';

const loss = squaredError({ half: true });
const runs = { numRuns: 60 };

function expectNear(actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(actual[i] - wanted[i])).toBeLessThanOrEqual(tolerance);
}

function expectNearGradients(actual: Gradients, wanted: Gradients, tolerance: number): void {
  expectNear([actual.loss], [wanted.loss], tolerance);
  wanted.layers.forEach(({ weights, bias }, l) => {
    expectNear(actual.layers[l].weights!, weights!, tolerance);
    expectNear(actual.layers[l].bias!, bias!, tolerance);
  });
}

/** The rows one behind the other, so many times each. */
function repeat(values: Sample['x'], rows: number, counts: readonly number[]): Sample['x'] {
  const width = values.length / rows;
  const repeated = counts.flatMap((count, i) =>
    Array.from({ length: count }, () => [...values.subarray(i * width, (i + 1) * width)]).flat(),
  );
  return (values.constructor as Float64ArrayConstructor).from(repeated);
}

itRunsOnEverythingThereIs();

describe.each(backends)('for any network, on %s', (_, backend) => {
  const reference = backends.find(([, { name }]) => name === 'typescript')![1];
  const make = (sample: Sample): Network => createNetwork(backend, sample.options);

  it('outputs and gradients are those of TypeScript', () => {
    fc.assert(
      fc.property(samples({ min: 1, max: 40 }), (sample) => {
        const { x, y } = sample;
        const [network, other] = [make(sample), createNetwork(reference, sample.options)];
        expect(allParameters(network)).toEqual(allParameters(other));
        const tolerance = 2 * roundingBound(sample, network.parameters());
        expectNear(network.predictSync(x).data, other.predictSync(x).data, tolerance);
        const [actual, wanted] = [network, other].map((one) => one.gradients({ x, y }, { loss }));
        expectNearGradients(actual, wanted, tolerance);
        expectNear(actual.inputs.data, wanted.inputs.data, tolerance);
      }),
      runs,
    );
  });

  it('accumulate: 4, batchSize: 8 is batchSize: 32', async () => {
    const weighted = fc.tuple(samples({ min: 1, max: 70 }), fc.boolean());
    await fc.assert(
      fc.asyncProperty(weighted, async ([sample, withWeights]) => {
        const { x, y, rows } = sample;
        const weight = withWeights ? randomValues(rows, 5, 0.25, 2) : undefined;
        const η = 2 ** -6;
        const fit = async (options: Partial<FitOptions>) => {
          const network = make(sample);
          const history = await network.fit(
            { x, y, weight },
            { loss, optimizer: sgd({ learningRate: η }), ...options },
          );
          return { network, loss: history.epochs[0].loss };
        };
        const small = await fit({ batchSize: 8, accumulate: 4 });
        const large = await fit({ batchSize: 32 });
        // Up to three updates, each by η times gradients that differ by rounding; steps so small leave no more than twice
        // the difference that came before. Weights up to 2 and from ¼ on stretch a row's share of the mean eightfold.
        const updates = Math.ceil(rows / 32);
        const rounding = 8 * 2 * roundingBound(sample, make(sample).parameters());
        expectNear(allParameters(small.network), allParameters(large.network), 2 ** updates * rounding);
        expectNear([small.loss], [large.loss], 2 ** updates * rounding);
      }),
      runs,
    );
  });

  it('a weight of 2 is the row twice, and of 0 none', () => {
    const counted = samples({ min: 1, max: 12 }).chain((sample) =>
      fc.record({
        sample: fc.constant(sample),
        counts: fc
          .array(fc.nat(3), { minLength: sample.rows, maxLength: sample.rows })
          .filter((counts) => counts.some((count) => count > 0)),
      }),
    );
    fc.assert(
      fc.property(counted, ({ sample, counts }) => {
        const { x, y, rows } = sample;
        const network = make(sample);
        const repeated = { x: repeat(x, rows, counts), y: repeat(y, rows, counts) };
        // As many rows as three times each may be.
        const tolerance = 2 * roundingBound({ ...sample, rows: 3 * rows }, network.parameters());
        for (const reduction of ['mean', 'sum'] as const) {
          const options = { loss: squaredError({ half: true, reduction }) };
          const scale = reduction === 'mean' ? 1 : 3 * rows;
          expectNearGradients(
            network.gradients({ x, y, weight: counts }, options),
            network.gradients(repeated, options),
            scale * tolerance,
          );
        }
      }),
      runs,
    );
  });

  it('two fits, one after the other, are one longer fit, to the bit', async () => {
    const split = fc.record({
      sample: samples({ min: 1, max: 40 }),
      first: fc.integer({ min: 1, max: 3 }),
      second: fc.integer({ min: 1, max: 3 }),
      batchSize: fc.integer({ min: 1, max: 16 }),
      optimizer: fc.constantFrom(sgd({ learningRate: 0.01, momentum: 0.9 }), adam(), 'rmsprop' as const),
      rate: fc.constantFrom(0, 0.5),
    });
    await fc.assert(
      fc.asyncProperty(split, async ({ sample, first, second, batchSize, optimizer, rate }) => {
        const { x, y, options } = sample;
        const layers = [options.layers[0], dropout(rate), ...options.layers.slice(1)];
        const [once, twice] = [0, 1].map(() => createNetwork(backend, { ...options, layers }));
        const fit = (network: Network, epochs: number) =>
          network.fit({ x, y }, { loss, optimizer, batchSize, epochs }).then((history) => history.epochs);
        const longer = await fit(once, first + second);
        const parts = [...(await fit(twice, first)), ...(await fit(twice, second))];
        const figures = (epochs: readonly EpochReport[]) => epochs.map(({ seconds: _, ...figures }) => figures);
        expect(figures(parts)).toEqual(figures(longer));
        expect(allParameters(twice)).toEqual(allParameters(once));
      }),
      runs,
    );
  });

  it('permuting hidden units permutes the gradients', () => {
    const permuted = samples({ min: 1, max: 20 }).chain((sample) => {
      const units = [...Array((sample.options.layers[0] as ReturnType<typeof dense>).units).keys()];
      const order = fc.shuffledSubarray(units, { minLength: units.length });
      return fc.record({ sample: fc.constant(sample), order });
    });
    fc.assert(
      fc.property(permuted, ({ sample, order }) => {
        const { x, y, options } = sample;
        const network = make(sample);
        const units = order.length;
        const before = network.parameters();
        const tolerance = 2 * roundingBound(sample, before);
        const wanted = network.gradients({ x, y }, { loss });
        /** Columns of the first layer, and the rows of the second, in the new order. */
        const permute = (layers: typeof before) => {
          const [{ weights: first, bias }, { weights: second }] = layers;
          const width = second!.length / units;
          return [
            {
              weights: floats(
                options.dtype,
                first!.map((_, i) => first![i - (i % units) + order[i % units]]),
              ),
              bias: floats(
                options.dtype,
                bias!.map((_, j) => bias![order[j]]),
              ),
            },
            {
              ...layers[1],
              weights: floats(
                options.dtype,
                second!.map((_, i) => second![order[Math.floor(i / width)] * width + (i % width)]),
              ),
            },
            ...layers.slice(2),
          ];
        };
        network.setParameters(permute(before));
        const actual = network.gradients({ x, y }, { loss });
        expectNearGradients(actual, { ...wanted, layers: permute(wanted.layers) }, tolerance);
        expectNear(actual.inputs.data, wanted.inputs.data, tolerance);
      }),
      runs,
    );
  });
});
