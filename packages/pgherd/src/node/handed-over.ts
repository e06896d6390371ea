import { Fifo } from '../model/fifo.ts';

/** A place in the queue of a connection. */
export interface Turn {
  /** Resolves when its turn has come. It must then be used, or left. */
  readonly granted: Promise<void>;
  /** Takes it out of the queue; if its turn has come already, leaves it to the next one. */
  withdraw(): void;
}

/**
 * What is handed to one connection: one statement at a time, in the order of the calls. The others wait here,
 * not in the connection, so that one whose caller has gone is never sent. A statement that is abandoned keeps
 * its turn until it has ended on the server: a request to cancel must not hit the next one.
 */
export class HandedOver {
  #taken = false;
  readonly #waiting = new Fifo<() => void>();
  readonly #untilRest = new Fifo<() => void>();
  #answer: Promise<unknown> | undefined;
  #text: string | undefined;
  #abandoning: Promise<void> | undefined;

  /** Settles with the answer to the statement that runs; `undefined` if none does. */
  get answer(): Promise<unknown> | undefined {
    return this.#answer;
  }

  /** Its SQL; `undefined` if it has none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Settles when what was abandoned has ended; `undefined` unless something is being ended. */
  get abandoning(): Promise<void> | undefined {
    return this.#abandoning;
  }

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
      if (hasCome) this.leave(undefined);
      else this.#waiting.remove(grant);
    };
    return { granted, withdraw };
  }

  /** The statement whose turn it is was handed to the connection. */
  handed(answer: Promise<unknown>, text: string | undefined): void {
    this.#answer = answer;
    this.#text = text;
  }

  /**
   * The turn of the statement with this `answer` is over; `undefined` if nothing was handed over. If it was
   * abandoned, the turn is over when that has ended, and only then.
   */
  leave(answer: Promise<unknown> | undefined): void {
    if (this.#abandoning === undefined && this.#answer === answer) this.#next();
  }

  #next(): void {
    // A result must not stay in memory for as long as the connection is idle.
    this.#answer = undefined;
    this.#text = undefined;
    const next = this.#waiting.first;
    if (next !== undefined) {
      this.#waiting.shift();
      next();
      return;
    }
    this.#taken = false;
    for (const rested of this.#untilRest.takeAll()) rested();
  }

  /** Resolves when nothing runs and nothing waits; `undefined` if that is so now. */
  rest(): Promise<void> | undefined {
    if (!this.#taken) return undefined;
    return new Promise((resolve) => this.#untilRest.push(resolve));
  }

  /** The caller stopped waiting: what runs is being ended, until `settled`. */
  beginAbandoning(settled: Promise<void>): void {
    // Statements that share the connection have no turn of their own.
    this.#taken = true;
    this.#abandoning = settled;
  }

  /** Nothing of what was abandoned runs any more. */
  endAbandoning(): void {
    this.#abandoning = undefined;
    this.#next();
  }
}

function noop(): void {}
