import { Turns } from './turns.ts';

/**
 * Runs one piece of asynchronous work at a time, in the order of the calls; at once if none is running. A
 * piece that fails does not affect those behind it.
 */
export class Serial {
  readonly #turns = new Turns();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.enter();
    return turn === undefined ? this.#start(work) : turn.granted.then(() => this.#start(work));
  }

  async #start<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await begun(work);
    } finally {
      this.#turns.leave();
    }
  }
}

/** Work that throws at once rejects, so that a long queue of such work does not grow the stack. */
async function begun<T>(work: () => Promise<T>): Promise<T> {
  return work();
}
