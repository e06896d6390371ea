import type { Clock } from '../time/port.ts';
import { sleep, withLimit } from '../time/wait.ts';
import { endText, lookText, MAX_ASKED, readBackends } from './backend.ts';
import type { TrialPorts, TriedSession } from './trial.ts';
import { verdictOn } from './verdict.ts';

/** Pause between the two looks at one backend, milliseconds. */
const BETWEEN_LOOKS_MS = 200;
/** Pause until the next attempt if the server could not be asked, milliseconds. */
const RETRY_MS = 1_000;
/** So often is it tried. */
const ATTEMPTS = 5;
/** More than any pool closes at a time; what is beyond is left to the server's own keepalive. */
const MOST = 1_000;

/** What was known of a connection whose goodbye the server has not answered. */
export interface Abandoned extends Pick<TriedSession, 'openedAt' | 'openedAtThere'> {
  readonly pid: number;
  /** Whether the node is still the server that it was connected to, as far as is known. */
  isThere(): boolean;
}

/** What {@link LeftBehind} needs from its node. */
export interface LeftBehindPorts extends Pick<TrialPorts<never>, 'timeoutMs' | 'ask'> {
  readonly clock: Clock;
}

/**
 * Ends the backends of connections that were closed here, and that the server does not know to be closed since the network has lost them:
 * they would take up its slots until its keepalive finds out, after two hours by default. Each is ended only if it waits for its client, twice
 * in the same state, and is as old as the connection was.
 */
export class LeftBehind {
  readonly #ports: LeftBehindPorts;
  readonly #stopped = new AbortController();
  #left: Abandoned[] = [];
  #isRunning = false;

  constructor(ports: LeftBehindPorts) {
    this.#ports = ports;
  }

  /** The connection is closed, and the server has not said so. */
  add(one: Abandoned): void {
    if (this.#stopped.signal.aborted || this.#left.length >= MOST) return;
    this.#left.push(one);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  /** Nothing is asked any more: no timer is left. */
  stop(): void {
    this.#stopped.abort();
    this.#left = [];
  }

  async #run(): Promise<void> {
    let failures = 0;
    // Others are closed at the same time, as a rule.
    while (this.#left.length > 0 && (await this.#sleep(failures === 0 ? BETWEEN_LOOKS_MS : RETRY_MS))) {
      this.#left = this.#left.filter((one) => one.isThere());
      const some = this.#left.slice(0, MAX_ASKED);
      const done = some.length === 0 || (await this.#endAll(some).catch(() => false));
      failures = done ? 0 : failures + 1;
      if (done || failures >= ATTEMPTS) this.#left = this.#left.filter((one) => !some.includes(one));
      if (failures >= ATTEMPTS) failures = 0;
    }
  }

  /** Whether the server could be asked. */
  async #endAll(some: readonly Abandoned[]): Promise<boolean> {
    const text = lookText(some.map(({ pid }) => pid));
    const first = readBackends((await this.#asked(text)).rows);
    if (first.size === 0) return true;
    if (!(await this.#sleep(BETWEEN_LOOKS_MS))) return false;
    const second = readBackends((await this.#asked(text)).rows);
    const now = this.#ports.clock.now();
    const lost = some.flatMap(({ isThere, openedAt, openedAtThere, pid }) => {
      const backend = second.get(pid);
      const looks = { first: first.get(pid), second: backend, openForMs: now - openedAt, openedAtThere };
      return backend !== undefined && verdictOn(looks) === 'end' && isThere() ? [backend] : [];
    });
    if (lost.length > 0) await this.#asked(endText(lost));
    return true;
  }

  async #asked(text: string) {
    const { ask, clock, timeoutMs } = this.#ports;
    if (ask === undefined) throw new Error('there is no connection to ask over');
    return withLimit(clock, timeoutMs, ask(text));
  }

  #sleep(ms: number): Promise<boolean> {
    return sleep(this.#ports.clock, ms, this.#stopped.signal, { ref: false });
  }
}
