/** Runs asynchronous jobs one after the other, in the sequence in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #unfinished = 0;

  get busy(): boolean {
    return this.#unfinished > 0;
  }

  async run<T>(job: () => Promise<T>): Promise<T> {
    this.#unfinished++;
    const result = this.#last.then(job).finally(() => {
      this.#unfinished--;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends when every job is done, those included that come meanwhile. */
  async idle(): Promise<void> {
    while (this.busy) await this.#last;
  }
}
