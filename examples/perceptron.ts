/**
 * The perceptron against logistic regression: a single unit in both, which the perceptron rule and gradient descent on the cross
 * entropy teach. Where a line parts the classes the perceptron finds one and stops; where none does it never stops, and
 * logistic regression gives probabilities all the same.
 *
 *     npm run build && npx tsx examples/perceptron.ts
 */
import { dense, Network, sgd } from 'chainrule';
import { blobs, standardize } from 'chainrule/data';

const epochs = 200;

for (const [name, standardDeviation] of [
  ['apart', 1],
  ['overlapping', 6],
] as const) {
  const points = blobs({ rows: 200, classes: 2, standardDeviation, seed: 3 });
  const x = standardize(points.x);
  console.log(`two classes, ${name}:`);

  const perceptron = new Network({ inputs: 2, layers: [dense(1, { activation: 'step' })] });
  const { epochs: reports } = await perceptron.fit(
    // The rule's labels are ±1.
    { x, y: points.y.map((label) => 2 * label - 1) },
    { loss: 'perceptron', optimizer: sgd({ learningRate: 1 }), batchSize: 1, epochs, metrics: ['zeroOne'] },
  );
  const converged = reports.findIndex(({ zeroOne }) => zeroOne === 0);
  const state = converged < 0 ? `not converged after ${epochs} epochs` : `converged in epoch ${converged + 1}`;
  // It changes with every mistake, and so does its accuracy: what counts is the mean.
  const last = reports.slice(-100);
  const accuracyOfRule = 1 - last.reduce((sum, { zeroOne = 0 }) => sum + zeroOne, 0) / last.length;
  console.log(`  perceptron: ${state}, accuracy ${accuracyOfRule.toFixed(3)} over the last ${last.length}`);

  const logistic = new Network({ inputs: 2, layers: [dense(1, { activation: 'sigmoid' })] });
  const data = { x, y: points.y };
  await logistic.fit(data, {
    loss: 'binaryCrossEntropy',
    optimizer: sgd({ learningRate: 1 }),
    batchSize: 'full',
    epochs,
  });
  const { loss, accuracy } = await logistic.evaluate(data, { loss: 'binaryCrossEntropy', metrics: ['accuracy'] });
  console.log(`  logistic regression: cross entropy ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`);
  perceptron.dispose();
  logistic.dispose();
}
