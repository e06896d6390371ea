import type { Clock, Timer } from '../time/port.ts';

/** Verbs by which a caller gets a connection to hold. */
export type HoldingVerb = 'acquire' | 'use' | 'begin' | 'transaction';

/** Where a connection was taken: the verb, and an error with the stack. */
export interface Trace {
  readonly verb: HoldingVerb;
  readonly error: Error;
}

/** What the watch needs to know about a connection. */
export interface Watched {
  /** Verb and stack at which it was taken; cleared when it is given back. */
  readonly trace: Trace | undefined;
  noteTaken(trace: Trace): void;
}

/** A connection that was not given back in time. */
export interface Leak<S> {
  readonly session: S;
  readonly verb: HoldingVerb;
  readonly heldMs: number;
  /** Stack at which the program took it, one line per function. */
  readonly stack: string;
}

interface Record<S> {
  readonly session: S;
  readonly trace: Trace;
  readonly since: number;
}

/**
 * Reports connections that are held for too long, with the place where they were taken; each once. One timer
 * serves all. If `leakAfterMs` is 0 nothing is done and no stack is captured.
 */
export class LeakWatch<S extends Watched> {
  readonly #clock: Clock;
  readonly #leakAfterMs: number;
  readonly #report: (leak: Leak<S>) => void;
  /** In the order in which they were taken. */
  readonly #records = new Map<S, Record<S>>();
  #timer: Timer | undefined;

  constructor(clock: Clock, leakAfterMs: number, report: (leak: Leak<S>) => void) {
    this.#clock = clock;
    this.#leakAfterMs = leakAfterMs;
    this.#report = report;
  }

  /**
   * Captures the caller's stack, which is lost after the first `await`: the functions that called `own`, the program's entry to the
   * verb. `undefined` while the watch is off.
   */
  trace(verb: HoldingVerb, own: (...args: never) => unknown): Trace | undefined {
    if (this.#leakAfterMs === 0) return undefined;
    const error = new Error(verb);
    Error.captureStackTrace(error, own);
    return { verb, error };
  }

  /** Begins to watch a connection that was just taken. */
  watch(session: S, trace: Trace | undefined): void {
    if (trace === undefined) return;
    session.noteTaken(trace);
    this.#records.delete(session);
    this.#records.set(session, { session, trace, since: this.#clock.now() });
    this.#timer ??= this.#arm(this.#leakAfterMs);
  }

  /** Ends the watch. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#records.clear();
  }

  #arm(ms: number): Timer {
    return this.#clock.schedule(ms, () => this.#look(), { ref: false });
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const [session, { trace, since }] of this.#records) {
      if (now - since < this.#leakAfterMs) {
        this.#timer = this.#arm(since + this.#leakAfterMs - now);
        return;
      }
      this.#records.delete(session);
      // Returned meanwhile, and perhaps taken by another caller.
      if (session.trace !== trace) continue;
      this.#report({
        session,
        verb: trace.verb,
        heldMs: Math.round(now - since),
        stack: usersStack(trace.error),
      });
    }
  }
}

/** The stack without its heading and without Node.js' own lines. */
function usersStack({ stack = '' }: Error): string {
  const lines = stack.split('\n').slice(1);
  const theirs = lines.filter((line) => !line.includes('node:internal'));
  return theirs.map((line) => line.trim()).join('\n');
}
