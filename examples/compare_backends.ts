import { adam, type BackendChoice, type Network } from 'chainrule';
import type { Images } from './mnist_data.js';

/** A fifth of an epoch. */
const images = 12_000;
const batchSize = 64;

/**
 * Trains the same network, from the same weights, on the same images in the same order on both backends; prints the
 * samples per second of each and their ratio. Throws if the mean losses of the two trainings differ by more than rounding
 * explains.
 */
export async function compareBackends(
  createNetwork: (backend: BackendChoice) => Network,
  { x, y }: Images,
): Promise<void> {
  console.log(`\nthe same ${images} images on both backends, batches of ${batchSize}:`);
  const share = { x: x.subarray(0, images * 784), y: y.subarray(0, images) };
  const native = await train('native');
  const typescript = await train('typescript');
  console.log(`native is ${(native.speed / typescript.speed).toFixed(1)} times as fast as TypeScript`);

  const difference = Math.abs(native.loss - typescript.loss);
  const tolerance = typescript.tolerance * typescript.loss;
  const figures = `${difference.toExponential(1)}; rounding explains ${tolerance.toExponential(1)}`;
  console.log(`mean losses of the two differ by ${figures}`);
  if (!(difference <= tolerance))
    throw new Error(`expected equal losses on both backends, got a difference of ${figures}`);

  async function train(backend: BackendChoice) {
    const network = createNetwork(backend);
    const options = { loss: 'crossEntropy', optimizer: adam({ learningRate: 1e-3 }), batchSize } as const;
    const { epochs, samplesPerSecond } = await network.fit(share, options);
    const { loss } = epochs[0];
    const { name, isa, threads } = network.backend;
    const on = name === 'native' ? ` (${isa}, ${threads} threads)` : '';
    const speed = Math.round(samplesPerSecond).toLocaleString('en-US');
    console.log(`${name.padEnd(10)} ${speed.padStart(9)} samples/s, loss ${loss.toFixed(6)}${on}`);
    network.dispose();
    return { loss, speed: samplesPerSecond, tolerance: lossTolerance(network) };
  }
}

/**
 * Relative difference of two float32 losses that is rounding: u·√n, u = 2⁻²⁴ being the unit roundoff and n the number of
 * operations in the longest chain from the first weights to the last loss, since rounding errors add up like a random
 * walk (Higham and Mary 2019). For each update that is forward and back through every layer, and over the batch.
 */
function lossTolerance({ layers, inputs }: Network): number {
  let width = inputs;
  let chain = batchSize;
  for (const layer of layers) {
    if (layer.type !== 'dense') continue;
    chain += width + layer.units;
    width = layer.units;
  }
  return 2 ** -24 * Math.sqrt(chain * Math.ceil(images / batchSize));
}
