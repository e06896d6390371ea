/**
 * Runs one piece of asynchronous work at a time, in the order of the calls; at once if none is running. A
 * piece that fails does not affect those behind it.
 */
export class Serial {
  #isRunning = false;
  readonly #waiting: (() => void)[] = [];

  run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isRunning) return this.#start(work);
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => void this.#start(work).then(resolve, reject));
    });
  }

  async #start<T>(work: () => Promise<T>): Promise<T> {
    this.#isRunning = true;
    try {
      return await begun(work);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#isRunning = false;
      else next();
    }
  }
}

/** Work that throws at once rejects, so that a long queue of such work does not grow the stack. */
async function begun<T>(work: () => Promise<T>): Promise<T> {
  return work();
}
