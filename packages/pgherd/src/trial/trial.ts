import type { DriverConnection, DriverResult } from '../connection/port.ts';
import { messageOf } from '../model/errors.ts';
import { classifyError } from '../retry/classify.ts';
import type { Clock } from '../time/port.ts';
import { sleep, withLimit } from '../time/wait.ts';
import { type Backend, endText, lookText, MAX_ASKED, readBackends, readEnded } from './backend.ts';
import { verdictOn } from './verdict.ts';

/** Pause between the two looks at one backend, and shortest pause between two questions, milliseconds. */
const BETWEEN_LOOKS_MS = 200;
/** Longest pause until a connection whose backend did not wait for its client is looked at again, milliseconds. */
const LONGEST_PAUSE_MS = 5_000;
/** A statement that waits so long for its answer puts what is in use on trial, milliseconds: its connection alone may be lost. */
const LONG_MS = 3_000;
/** SQLSTATEs of a server that lacks or forbids what is asked. */
const FORBIDDEN: ReadonlySet<string> = new Set(['42501', '42883', '42P01', '42703', '0A000']);

/** Asks one session of the server. */
type Ask = (text: string) => Promise<DriverResult>;

/** A session as its trial sees it. */
export interface TriedSession {
  readonly connection: DriverConnection;
  /** When its connection was open, milliseconds of the cluster's clock. */
  readonly openedAt: number;
  /** What the server's clock showed then, microseconds since 1970; `undefined` if it was not asked. */
  readonly openedAtThere: string | undefined;
}

/** What was found out about a connection that is given up. */
export interface Condemned<S> {
  readonly session: S;
  readonly pid: number;
  /** What its backend was doing; `gone` if there was none. */
  readonly state: Backend['state'] | 'gone';
  /** For how long it had been doing so, milliseconds. */
  readonly waitedMs: number;
  /** Asks a session of the server that was open when the backend was ended; `undefined` if there was no backend. */
  readonly survivor: Ask | undefined;
}

/** What a trial needs from its node. */
export interface TrialPorts<S> {
  readonly clock: Clock;
  /** How long a question may stay unanswered, milliseconds. */
  readonly timeoutMs: number;
  /** Asks over a connection that is not on trial, while there is one. */
  readonly ask: Ask | undefined;
  /** Whether the node is the server that the session is connected to, as far as is known, without a pooler before it. */
  canBeTried(session: S): boolean;
  /** The sessions that are in use now. */
  inUse(): readonly S[];
  /** Gives the connection up: no answer can come on it. */
  condemned(condemned: Condemned<S>): void;
  /** The server lacks or forbids what is asked: there are no trials on this node. */
  impossible(reason: string): void;
}

interface Suspect {
  readonly pid: number;
  /** Bytes received when the trial began. */
  readonly received: number;
  /** When the server may be asked about it again. */
  dueAt: number;
  /** Pause before {@link dueAt}. */
  pauseMs: number;
}

/**
 * The trial of the connections of one node that may have been lost without a word: those in use when a probe, or a validation, stayed
 * unanswered although the server answers on another connection, or when a statement waits for long.
 *
 * A connection is on trial until a byte comes on it, or it is closed. While one of them waits for an answer, the server is asked, twice,
 * what its backend does. If that waits for its client, it is ended on the server, so that it holds no locks and nothing that is still
 * on its way can arrive, and then the connection is given up. Otherwise it is asked about again after a pause that grows.
 */
export class Trial<S extends TriedSession> {
  readonly #ports: TrialPorts<S>;
  readonly #suspects = new Map<S, Suspect>();
  readonly #stopped = new AbortController();
  #isRunning = false;
  #isPossible = true;

  constructor(ports: TrialPorts<S>) {
    this.#ports = ports;
  }

  /** What was sent on another connection stayed unanswered, although the server answers: what is in use now is on trial. */
  begin(): void {
    if (!this.#isPossible || this.#stopped.signal.aborted) return;
    for (const session of this.#ports.inUse()) this.#suspect(session);
    if (this.#isRunning || this.#suspects.size === 0) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** A statement has waited so long for its answer, milliseconds, while nothing speaks against the node. */
  waited(waitedMs: number): void {
    if (waitedMs >= LONG_MS) this.begin();
  }

  /** Ends all trials: no timer is left. */
  stop(): void {
    this.#stopped.abort();
    this.#suspects.clear();
  }

  #suspect(session: S): void {
    const { backendPid: pid, traffic } = session.connection;
    if (pid === undefined || traffic === undefined || !this.#ports.canBeTried(session)) return;
    if (this.#suspects.get(session)?.received === traffic.received) return;
    this.#suspects.set(session, { pid, received: traffic.received, dueAt: 0, pauseMs: BETWEEN_LOOKS_MS });
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#acquit();
      if (this.#suspects.size === 0) break;
      await this.#round().catch((error: unknown) => this.#failed(error));
      if (!(await this.#sleep(BETWEEN_LOOKS_MS))) break;
    }
    this.#isRunning = false;
  }

  /** Those that have shown life, or have ended otherwise. */
  #acquit(): void {
    for (const [session, { received }] of this.#suspects) {
      const { closed, traffic } = session.connection;
      if (closed || traffic?.received !== received || !this.#ports.canBeTried(session)) {
        this.#suspects.delete(session);
      }
    }
  }

  async #round(): Promise<void> {
    const waiting = this.#waiting();
    if (waiting.size === 0) return;
    const text = lookText([...waiting.keys()]);
    const first = readBackends((await this.#asked(text)).rows);
    if (!(await this.#sleep(BETWEEN_LOOKS_MS))) return;
    const second = readBackends((await this.#asked(text)).rows);
    // What the suspects received meanwhile may be unread in their sockets.
    if (!(await this.#sleep(0))) return;
    this.#acquit();
    await this.#judge(waiting, first, second);
  }

  /** Those that wait for the server and may be asked about now, by process ID. */
  #waiting(): Map<number, S> {
    const now = this.#ports.clock.now();
    const waiting = new Map<number, S>();
    for (const [session, suspect] of this.#suspects) {
      if (!session.connection.traffic?.awaitsServer) suspect.dueAt = now;
      else if (now >= suspect.dueAt && waiting.size < MAX_ASKED) waiting.set(suspect.pid, session);
    }
    return waiting;
  }

  async #judge(
    waiting: ReadonlyMap<number, S>,
    first: ReadonlyMap<number, Backend>,
    second: ReadonlyMap<number, Backend>,
  ): Promise<void> {
    const toEnd = new Map<Backend, S>();
    for (const [pid, session] of waiting) {
      const suspect = this.#suspects.get(session);
      if (suspect === undefined) continue;
      const now = this.#ports.clock.now();
      suspect.dueAt = now + suspect.pauseMs;
      suspect.pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * suspect.pauseMs);
      const { openedAt, openedAtThere } = session;
      const openForMs = now - openedAt;
      const backend = second.get(pid);
      const verdict = verdictOn({ first: first.get(pid), second: backend, openForMs, openedAtThere });
      if (verdict === 'gone')
        this.#condemn({ session, pid, state: 'gone', waitedMs: 0, survivor: undefined });
      if (verdict === 'end' && backend !== undefined) toEnd.set(backend, session);
    }
    const survivor = this.#ports.ask;
    if (toEnd.size === 0 || survivor === undefined) return;
    const ended = readEnded((await this.#answered(survivor, endText([...toEnd.keys()]))).rows);
    for (const [{ pid, state, unchangedMs }, session] of toEnd) {
      const waitedMs = Math.round(unchangedMs);
      if (ended.has(pid)) this.#condemn({ session, pid, state, waitedMs, survivor });
    }
  }

  #condemn(condemned: Condemned<S>): void {
    this.#suspects.delete(condemned.session);
    this.#ports.condemned(condemned);
  }

  #asked(text: string): Promise<DriverResult> {
    const { ask } = this.#ports;
    if (ask === undefined) return Promise.reject(new Error('there is no connection to ask over'));
    return this.#answered(ask, text);
  }

  #answered(ask: Ask, text: string): Promise<DriverResult> {
    const { clock, timeoutMs } = this.#ports;
    return withLimit(clock, timeoutMs, ask(text));
  }

  /** Without an answer the same is asked later, unless it never can be answered. */
  #failed(error: unknown): void {
    const { sqlState } = classifyError(error);
    if (sqlState === undefined || !FORBIDDEN.has(sqlState)) return;
    this.#isPossible = false;
    this.#suspects.clear();
    this.#ports.impossible(messageOf(error));
  }

  #sleep(ms: number): Promise<boolean> {
    return sleep(this.#ports.clock, ms, this.#stopped.signal, { ref: false });
  }
}
