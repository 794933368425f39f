import { RowShuffler } from './shuffler.js';
import type { Steps } from './steps.js';

/** First number of the random streams of the epochs' order. */
const orderStream = 2;

/** Rows put in order between two turns of the event loop: under a millisecond. */
const stepRows = 2 ** 15;

/**
 * The rows of each epoch in the order in which they are trained on, shuffled by a stream of its own. The front of a shuffled
 * order is final before the rest is, so that training can begin on it.
 */
export class EpochOrders {
  readonly #rows: number;
  readonly #shuffler: RowShuffler | undefined;
  #order: Uint32Array = new Uint32Array(0);

  constructor(seed: number, rows: number, shuffle: boolean) {
    this.#rows = rows;
    this.#shuffler = shuffle ? new RowShuffler(seed) : undefined;
  }

  /** A chunk's rows, of several epochs one behind the other: (to − from). An epoch's chunks have to be taken in turn. */
  *take({ firstEpoch, epochs, from, to }: Chunk): Steps<Uint32Array> {
    if (from === 0) this.#order = yield* this.#inSequence(epochs);
    if (this.#shuffler) yield* this.#shuffle(this.#shuffler, firstEpoch, from, to);
    return this.#order.subarray(from, to);
  }

  *#inSequence(epochs: number): Steps<Uint32Array> {
    const order = new Uint32Array(epochs * this.#rows);
    for (let from = 0; from < order.length; from += stepRows) {
      const to = Math.min(from + stepRows, order.length);
      fillSequence(order, from, to, this.#rows);
      if (to < order.length) yield;
    }
    return order;
  }

  *#shuffle(shuffler: RowShuffler, firstEpoch: number, from: number, to: number): Steps<void> {
    const rows = this.#rows;
    let epoch = Math.floor(from / rows);
    for (let begin = from, done = 0; begin < to; ) {
      const first = epoch * rows;
      if (begin === first) shuffler.restart(orderStream, firstEpoch + epoch);
      const end = Math.min(to, first + rows, begin + stepRows - done);
      shuffler.shuffle(this.#order, first, rows, begin - first, end - first);
      done += end - begin;
      begin = end;
      if (end === first + rows) epoch++;
      if (done < stepRows) continue;
      done = 0;
      yield;
    }
  }
}

/** Elements `from` to `to` of 0, 1, … `rows` − 1, 0, 1, …. */
function fillSequence(order: Uint32Array, from: number, to: number, rows: number): void {
  let row = from % rows;
  for (let i = from; i < to; i++) {
    order[i] = row;
    if (++row === rows) row = 0;
  }
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
