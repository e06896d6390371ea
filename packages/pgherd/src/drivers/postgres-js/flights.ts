import { lostBefore, neverExecuted } from '../../wire/failures.ts';
import type { Ending } from './result.ts';

/** A statement that was handed to postgres.js and is not settled yet. */
export interface Flight extends Ending {
  /** Whether its text is the library's, which knows what it does to the session. */
  readonly own: boolean;
}

interface Entry extends Flight {
  tag: string | undefined;
  hadRows: boolean | undefined;
  /** Whether its ReadyForQuery has come. */
  answered: boolean;
  /**
   * Bytes that had been written when it was handed over: when there are no more at the end, it was not sent.
   */
  readonly writtenBefore: number;
  /** What it failed with before its ReadyForQuery. */
  failure: { readonly error: unknown } | undefined;
  /** What a parser of the application said of a row. */
  unread: Error | undefined;
  /** What the server said against it. */
  refusal: (() => Error) | undefined;
  readonly reject: (error: unknown) => void;
}

/**
 * The statements in flight on one connection, oldest first. postgres.js settles its promises; what it does
 * not tell stands here: which of them a message of the server belongs to, and which were executed when the
 * connection ended.
 */
export class Flights {
  readonly #bytesWritten: () => number;
  #entries: Entry[] = [];
  #sawRows = false;

  constructor(bytesWritten: () => number) {
    this.#bytesWritten = bytesWritten;
  }

  /** Whether any is not settled. */
  get some(): boolean {
    return this.#entries.length > 0;
  }

  /** Whether any waits for its ReadyForQuery. */
  get waiting(): boolean {
    return this.#head() !== undefined;
  }

  begin(own: boolean, reject: (error: unknown) => void): Flight {
    const entry: Entry = {
      own,
      tag: undefined,
      hadRows: undefined,
      answered: false,
      writtenBefore: this.#bytesWritten(),
      failure: undefined,
      unread: undefined,
      refusal: undefined,
      reject,
    };
    this.#entries.push(entry);
    return entry;
  }

  /** Rows of the command that runs follow. */
  rows(): void {
    this.#sawRows = true;
  }

  /** A command is complete; the answer is the statement that it belongs to. */
  complete(tag: string): Flight | undefined {
    const head = this.#head();
    if (head !== undefined) {
      head.tag = tag;
      // Only what the library runs has several commands; what is prepared tells its columns once.
      if (head.own) head.hadRows = this.#sawRows;
    }
    this.#sawRows = false;
    return head;
  }

  /** ReadyForQuery. */
  ready(): void {
    this.#sawRows = false;
    const head = this.#head();
    if (head === undefined) return;
    head.answered = true;
    if (head.failure !== undefined) this.#reject(head, head.failure.error);
    else if (head.unread !== undefined) this.#reject(head, head.refusal?.() ?? head.unread);
  }

  /** The server refuses the command that runs. */
  refused(error: () => Error): void {
    const head = this.#head();
    if (head !== undefined) head.refusal = error;
  }

  /** A row could not be read: how the statement ends, the server has yet to say, or has said. */
  unread(flight: Flight, error: Error): void {
    const entry = this.#entries.find((one) => one === flight);
    if (entry === undefined) return;
    if (entry.answered) this.#reject(entry, entry.refusal?.() ?? error);
    else entry.unread = error;
  }

  /** Takes a statement out because it succeeded; `false` where it is settled already. */
  succeed(flight: Flight): boolean {
    const at = this.#entries.indexOf(flight as Entry);
    if (at !== -1) this.#entries.splice(at, 1);
    return at !== -1;
  }

  /**
   * Rejects a statement once its ReadyForQuery has come: the status of the transaction is known only then.
   */
  fail(flight: Flight, error: unknown): void {
    const entry = this.#entries.find((one) => one === flight);
    if (entry === undefined) return;
    if (entry.answered) this.#reject(entry, error);
    else entry.failure = { error };
  }

  /** Rejects a statement at once. */
  refuse(flight: Flight, error: unknown): void {
    if (this.succeed(flight)) (flight as Entry).reject(error);
  }

  /**
   * The connection is gone. With a FATAL the server ended it: that is the answer of the first, and nothing
   * behind it was executed. Else nothing is known of what was sent.
   */
  lost(reason: unknown, fatal: unknown): void {
    const head = this.#head();
    const written = this.#bytesWritten();
    for (const entry of this.#entries.splice(0)) {
      if (entry.failure !== undefined) entry.reject(entry.failure.error);
      else if (entry.writtenBefore === written) entry.reject(lostBefore(reason));
      else if (fatal === undefined || entry.answered) entry.reject(reason);
      else entry.reject(entry === head ? fatal : neverExecuted(fatal));
    }
  }

  #head(): Entry | undefined {
    return this.#entries.find((entry) => !entry.answered);
  }

  #reject(entry: Entry, error: unknown): void {
    this.succeed(entry);
    entry.reject(error);
  }
}
