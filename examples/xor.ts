/**
 * XOR, which no single unit can tell, learned by one hidden layer in two ways: online, an update after every example, and
 * batch, one update by the mean over all examples.
 *
 *     npm run build && npx tsx examples/xor.ts
 */
import { dense, Network, sgd, squaredError } from 'chainrule';
import { xor } from 'chainrule/data';

const data = xor();

for (const [name, batchSize, learningRate] of [
  ['online', 1, 0.5],
  ['batch', 'full', 2],
] as const) {
  const network = new Network({
    inputs: 2,
    layers: [dense(4, { activation: 'tanh' }), dense(1, { activation: 'sigmoid' })],
    seed: 1,
  });
  const history = await network.fit(data, {
    loss: squaredError({ half: true }),
    optimizer: sgd({ learningRate }),
    batchSize,
    epochs: 2000,
    metrics: ['accuracy'],
  });
  const last = history.epochs.findLastIndex(({ accuracy }) => accuracy !== 1);
  console.log(`${name} learning: all four right from epoch ${last + 2} on`);
  const outputs = await network.predict(data.x);
  data.x.toArray().forEach(([a, b], i) => {
    console.log(`  ${a} xor ${b} = ${outputs.data[i].toFixed(3)}`);
  });
  network.dispose();
}
