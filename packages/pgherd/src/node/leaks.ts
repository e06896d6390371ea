import type { Clock, Timer } from '../time/port.ts';

/** Verbs that give somebody a connection to hold. */
export type HoldingVerb = 'acquire' | 'use' | 'begin' | 'transaction';

/** Who took a connection, as it was told when it was taken. */
export interface Trace {
  readonly verb: HoldingVerb;
  readonly error: Error;
}

/** What the watch needs to know of a connection. */
export interface Watched {
  /** Which verb took it and from where; forgotten when it is given back. */
  readonly trace: Trace | undefined;
  noteTaken(trace: Trace): void;
}

/** A connection that was not given back in time. */
export interface Leak<S> {
  readonly session: S;
  readonly verb: HoldingVerb;
  readonly heldMs: number;
  /** Where in the user's program it was taken; one line per function. */
  readonly stack: string;
}

interface Record<S> {
  readonly session: S;
  readonly trace: Trace;
  readonly since: number;
}

/** Lines of the stack that are ours and say nothing to whoever looks for a leak. */
const OWN_FOLDER = new URL('../', import.meta.url).pathname;
/** How many of our own functions may stand above the user's. */
const OWN_DEPTH = 10;

/**
 * Watches for connections that are held for too long, and tells who took them. One timer serves all; each connection is told
 * of once. Without `leakAfterMs` nothing is done and no stack is looked at.
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

  /** Remembers who asks; to be called before the first `await`, since later nobody can tell. `undefined` while it is off. */
  trace(verb: HoldingVerb): Trace | undefined {
    if (this.#leakAfterMs === 0) return undefined;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = limit + OWN_DEPTH;
    try {
      return { verb, error: new Error(verb) };
    } finally {
      Error.stackTraceLimit = limit;
    }
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
      // Given back meanwhile, perhaps to be taken by somebody else.
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

/** The stack without its heading and without our own lines. */
function usersStack({ stack = '' }: Error): string {
  const lines = stack.split('\n').slice(1);
  const theirs = lines.filter((line) => !line.includes(OWN_FOLDER) && !line.includes('node:internal'));
  return theirs.map((line) => line.trim()).join('\n');
}
