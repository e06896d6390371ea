import { type Turn, Turns } from '../time/turns.ts';

/**
 * What is handed to one connection: one statement at a time, in the order of the calls. The others wait here,
 * not in the connection, so that one whose caller has gone is never sent. A statement that is abandoned keeps
 * its turn until it has ended on the server: a request to cancel must not hit the next one.
 */
export class HandedOver {
  readonly #turns = new Turns();
  #answer: Promise<unknown> | undefined;
  #text: string | undefined;
  #inTransaction = false;
  #abandoning: Promise<void> | undefined;

  /** Settles with the answer to the statement that runs; `undefined` if none does. */
  get answer(): Promise<unknown> | undefined {
    return this.#answer;
  }

  /** Its SQL; `undefined` if it has none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Whether it runs inside a transaction. */
  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Settles when what was abandoned has ended; `undefined` unless something is being ended. */
  get abandoning(): Promise<void> | undefined {
    return this.#abandoning;
  }

  /** Takes the turn if it is free and returns `undefined`; otherwise returns a place in the queue. */
  enter(): Turn | undefined {
    return this.#turns.enter();
  }

  /** The statement whose turn it is was handed to the connection. */
  handed(answer: Promise<unknown>, text: string | undefined, inTransaction: boolean): void {
    this.#answer = answer;
    this.#text = text;
    this.#inTransaction = inTransaction;
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
    this.#turns.leave();
  }

  /** Resolves when nothing runs and nothing waits; `undefined` if that is so now. */
  rest(): Promise<void> | undefined {
    return this.#turns.rest();
  }

  /** The caller stopped waiting: what runs is being ended, until `settled`. */
  beginAbandoning(settled: Promise<void>): void {
    // Statements that share the connection have no turn of their own.
    this.#turns.seize();
    this.#abandoning = settled;
  }

  /** Nothing of what was abandoned runs any more. */
  endAbandoning(): void {
    this.#abandoning = undefined;
    this.#next();
  }
}
