import { RandomGenerator } from './random.js';
import type { Steps } from './steps.js';

/** First number of the random streams of the epochs' order. */
const orderStream = 2;

/** Swaps between two turns of the event loop: under a millisecond. */
const stepSwaps = 2 ** 14;

/** Rows 0 … rows − 1 of `epochs` epochs one behind the other, each shuffled by its own stream: (epochs · rows). */
export function* epochOrders(
  seed: number,
  firstEpoch: number,
  epochs: number,
  rows: number,
  shuffle: boolean,
): Steps<Uint32Array> {
  const order = new Uint32Array(epochs * rows);
  const random = new RandomGenerator(seed);
  let untilStep = stepSwaps;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const from = epoch * rows;
    for (let row = 0; row < rows; row++) order[from + row] = row;
    if (!shuffle) continue;
    random.restart(orderStream, firstEpoch + epoch);
    for (let left = rows; left > 1; ) {
      const until = Math.max(1, left - untilStep);
      random.shuffle(order, from, left, until);
      untilStep -= left - until;
      left = until;
      if (untilStep > 0) continue;
      untilStep = stepSwaps;
      yield;
    }
  }
  return order;
}

/** from, from + 1, …: (count). */
export function sequence(from: number, count: number): Uint32Array {
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = from + i;
  return numbers;
}

/**
 * Epochs in one call at most: even a network that trains on one in 0.4 µs then works for over ten milliseconds, against which
 * the crossing vanishes. The first calls have fewer, because nothing is trained before the first order is there.
 */
const chunkEpochs = { first: 2 ** 9, most: 2 ** 15 };

/** What one call of the trainer trains on: several whole epochs, or rows `from` to `to` of one epoch's order. */
export interface Chunk {
  readonly firstEpoch: number;
  readonly epochs: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Splits epochs into chunks of about `chunkRows` rows: parts of whole batches where an epoch is longer, and several
 * epochs at once where it is shorter and they need not be told apart.
 */
export function* chunks(
  firstEpoch: number,
  epochs: number,
  rows: number,
  batchSize: number,
  chunkRows: number,
  together: boolean,
): Generator<Chunk, undefined> {
  const partRows = Math.max(1, Math.floor(chunkRows / batchSize)) * batchSize;
  const most = together ? Math.min(chunkEpochs.most, Math.max(1, Math.floor(chunkRows / rows))) : 1;
  let atOnce = Math.min(chunkEpochs.first, most);
  for (let done = 0; done < epochs; ) {
    const count = Math.min(atOnce, epochs - done);
    if (count > 1) yield { firstEpoch: firstEpoch + done, epochs: count, from: 0, to: count * rows };
    else {
      for (let from = 0; from < rows; from += partRows) {
        yield { firstEpoch: firstEpoch + done, epochs: 1, from, to: Math.min(from + partRows, rows) };
      }
    }
    done += count;
    atOnce = Math.min(2 * atOnce, most);
  }
}
