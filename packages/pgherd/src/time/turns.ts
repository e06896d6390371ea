import { Fifo } from '../model/fifo.ts';

/** A place in a queue. */
export interface Turn {
  /** Resolves when its turn has come, which must then be left. */
  readonly granted: Promise<void>;
  /** Takes it out of the queue; if its turn has come already, leaves it to the next one. */
  withdraw(): void;
}

/** One has its turn at a time, in the order of the calls. Those that wait can withdraw. */
export class Turns {
  #taken = false;
  readonly #waiting = new Fifo<() => void>();
  readonly #untilRest = new Fifo<() => void>();

  /** Takes the turn if it is free and returns `undefined`; otherwise returns a place in the queue. */
  enter(): Turn | undefined {
    if (!this.#taken) {
      this.#taken = true;
      return undefined;
    }
    let grant: () => void = noop;
    let hasCome = false;
    const granted = new Promise<void>((resolve) => {
      grant = () => {
        hasCome = true;
        resolve();
      };
    });
    this.#waiting.push(grant);
    const withdraw = () => {
      if (hasCome) this.leave();
      else this.#waiting.remove(grant);
    };
    return { granted, withdraw };
  }

  /** Takes the turn although it may be another one's, who then does not leave it. */
  seize(): void {
    this.#taken = true;
  }

  /** Gives the turn to the next one. */
  leave(): void {
    const next = this.#waiting.first;
    if (next !== undefined) {
      this.#waiting.shift();
      next();
      return;
    }
    this.#taken = false;
    for (const rested of this.#untilRest.takeAll()) rested();
  }

  /** Whether no one has its turn. */
  get isFree(): boolean {
    return !this.#taken;
  }

  /** Resolves when no one has its turn or waits; `undefined` if that is so now. */
  rest(): Promise<void> | undefined {
    if (!this.#taken) return undefined;
    return new Promise((resolve) => this.#untilRest.push(resolve));
  }
}

function noop(): void {}
