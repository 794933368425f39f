import type { Samples, TrainingJob } from './backend/backend.js';
import type { EpochReport } from './history.js';
import { type Accumulators, type ResolvedMetrics, results } from './metrics.js';

/** Sums over the epoch that is being trained on. */
export class EpochSums {
  rows = 0;
  batches = 0;
  seconds = 0;
  #accumulators: Accumulators = {};
  readonly #reduction: 'mean' | 'sum';
  readonly #metrics: ResolvedMetrics;
  readonly #samples: Samples;
  #loss = 0;
  #penalty = 0;
  #weight = 0;
  #learningRate = Number.NaN;
  #norms: Float64Array | undefined;

  constructor(reduction: 'mean' | 'sum', metrics: ResolvedMetrics, samples: Samples) {
    this.#reduction = reduction;
    this.#metrics = metrics;
    this.#samples = samples;
    this.restart();
  }

  get accumulators(): Accumulators {
    return this.#accumulators;
  }

  /** Begins an epoch. */
  restart(): void {
    this.rows = 0;
    this.batches = 0;
    this.seconds = 0;
    if (this.#metrics.names.length > 0) this.#accumulators = this.#metrics.start(this.#samples);
    this.#loss = 0;
    this.#penalty = 0;
    this.#weight = 0;
    this.#norms?.fill(0);
  }

  /** Enters batch `batch` of a job: so many rows, weighing so much. */
  add(job: TrainingJob, batch: number, rows: number, weight: number): void {
    this.#loss += job.losses[batch] * (this.#reduction === 'mean' ? weight : 1);
    this.#penalty += (job.penalties?.[batch] ?? 0) * weight;
    this.#weight += weight;
    this.#learningRate = job.learningRates[job.learningRates.length === 1 ? 0 : batch];
    this.rows += rows;
    this.batches++;
    if (!job.gradientNorms) return;
    const layers = job.gradientNorms.length / job.losses.length;
    this.#norms ??= new Float64Array(layers);
    for (let layer = 0; layer < layers; layer++) this.#norms[layer] += job.gradientNorms[batch * layers + layer];
  }

  /** Of the whole epoch, penalty included. */
  get loss(): number {
    const loss = this.#reduction === 'mean' ? this.#loss / this.#weight : this.#loss;
    return loss + this.#penalty / this.#weight;
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  /** More is to be reported than loss, learning rate and seconds. */
  get hasDetails(): boolean {
    return this.#metrics.names.length > 0 || this.#norms !== undefined;
  }

  /** Of the whole epoch; norms for so many layers, of which the last may be part of the one before. */
  report(epoch: number, layers: number, validation?: EpochReport['validation']): EpochReport {
    const norms = this.#norms;
    return {
      epoch,
      loss: this.loss,
      learningRate: this.#learningRate,
      seconds: this.seconds,
      ...results(this.#accumulators),
      ...(validation && { validation }),
      ...(norms && { gradientNorms: Array.from({ length: layers }, (_, i) => (norms[i] ?? 0) / this.batches) }),
    };
  }
}
