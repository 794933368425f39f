import { ChainruleError } from '../../errors.js';

/** How long the event loop may wait, in milliseconds. */
const turnTime = 10;

/** What is left to do of a job: yields where it may pause, and is told there whether to end. */
export type Work<Report> = Generator<void, Report, boolean>;

/** Runs one job at a time, on the calling thread either way. */
export class JobRunner {
  readonly #free: () => void;
  #running = false;
  #cancelled = false;
  #disposed = false;
  /** When the event loop last turned, as far as is known; kept between jobs, as a fit may be many short ones. */
  #lastTurn = 0;

  /** `free` is called once after `dispose`, as soon as no job runs. */
  constructor(free: () => void) {
    this.#free = free;
  }

  /** Throws `DISPOSED` or `BUSY`. */
  checkIdle(): void {
    if (this.#disposed) throw new ChainruleError('DISPOSED', 'expected a trainer in use, got one that was disposed of');
    if (this.#running) throw new ChainruleError('BUSY', 'expected a trainer at rest, got one with a job running');
  }

  runSync<Report>(start: () => Work<Report>): Report {
    this.#begin();
    try {
      const work = start();
      let step = work.next(false);
      while (!step.done) step = work.next(false);
      return step.value;
    } finally {
      this.#end();
    }
  }

  /** The same, letting the event loop turn about every `turnTime`. */
  async run<Report>(start: () => Work<Report>): Promise<Report> {
    this.#begin();
    try {
      const work = start();
      let step = work.next(this.#cancelled);
      while (!step.done) {
        if (performance.now() - this.#lastTurn >= turnTime) {
          await new Promise((resolve) => setImmediate(resolve));
          this.#lastTurn = performance.now();
        }
        step = work.next(this.#cancelled);
      }
      return step.value;
    } finally {
      this.#end();
    }
  }

  cancel(): void {
    this.#cancelled = this.#running;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.cancel();
    if (!this.#running) this.#free();
  }

  #begin(): void {
    this.checkIdle();
    this.#running = true;
    this.#cancelled = false;
  }

  #end(): void {
    this.#running = false;
    if (this.#disposed) this.#free();
  }
}
