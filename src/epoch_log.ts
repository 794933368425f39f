import type { EpochReport } from './history.js';

/** Kept of each epoch: loss, learningRate and seconds. */
const figures = 3;

/** Epochs whose figures lie in one array: 96 KB, which is made and filled with zeros in microseconds. */
const blockEpochs = 2 ** 12;

/**
 * The epochs of a fit: their reports or, where nobody listens, the figures to make them from. A tiny network is trained for
 * millions of epochs a second, and to collect the garbage of an object for each would take up to as long again.
 */
export class EpochLog {
  readonly #firstEpoch: number;
  readonly #mostEpochs: number;
  readonly #reports: EpochReport[] = [];
  #blocks: Float64Array[] = [];
  #length = 0;
  #least = Number.NaN;
  #bestAt = 0;
  #best: EpochReport | undefined;

  /** Of epochs numbered from `firstEpoch`, at most so many; either all are added as reports or all as figures. */
  constructor(firstEpoch: number, mostEpochs: number) {
    this.#firstEpoch = firstEpoch;
    this.#mostEpochs = mostEpochs;
  }

  /** Epochs whose reports are still to be made. */
  get unreported(): number {
    return this.#length - this.#reports.length;
  }

  /** The first epoch of the lowest validation loss, or loss without validation; the same object as in `reports()`. */
  get best(): EpochReport | undefined {
    if (this.#length > 0) this.#best ??= this.#reports[this.#bestAt] ?? this.#make(this.#bestAt);
    return this.#best;
  }

  add(report: EpochReport): void {
    this.#judge(report.validation?.loss ?? report.loss);
    this.#reports.push(report);
  }

  addFigures(loss: number, learningRate: number, seconds: number): void {
    const at = this.#length % blockEpochs;
    if (at === 0) {
      this.#blocks.push(new Float64Array(figures * Math.min(blockEpochs, this.#mostEpochs - this.#length)));
    }
    const block = this.#blocks[this.#blocks.length - 1];
    block[figures * at] = loss;
    block[figures * at + 1] = learningRate;
    block[figures * at + 2] = seconds;
    this.#judge(loss);
  }

  /** Of all epochs, always the same; call it when the fit has ended. */
  reports(): readonly EpochReport[] {
    for (let i = this.#reports.length; i < this.#length; i++) {
      this.#reports.push(i === this.#bestAt && this.#best ? this.#best : this.#make(i));
    }
    this.#blocks = [];
    return this.#reports;
  }

  #judge(loss: number): void {
    // The first is the best so far, since no number is ≤ NaN.
    if (!(this.#least <= loss)) {
      this.#least = loss;
      this.#bestAt = this.#length;
    }
    this.#length++;
  }

  #make(i: number): EpochReport {
    const block = this.#blocks[Math.floor(i / blockEpochs)];
    const at = figures * (i % blockEpochs);
    return {
      epoch: this.#firstEpoch + i,
      loss: block[at],
      learningRate: block[at + 1],
      seconds: block[at + 2],
    };
  }
}
