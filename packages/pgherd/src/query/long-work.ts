import type { Call } from '../call/call.ts';
import { abortedError, busy, timedOut, unacknowledged } from '../call/failures.ts';
import type { DriverConnection } from '../connection/port.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { endError } from '../recovery/failed-work.ts';
import { untilLetGo } from '../recovery/within.ts';
import type { Clock, Timer } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';

/** How long the end of what was left early may take before its connection is destroyed, milliseconds. */
const STOP_MS = 1_000;

/** Something that keeps a connection for longer than one answer: a batch, a cursor, a COPY. */
export interface WorkKind<T> {
  /** What it runs; of several statements the one that says most about running them again. */
  readonly statement: Statement;
  /** Hands it to a connection; done once more, on another one, where it is run again. */
  begin(connection: DriverConnection): Promise<T>;
  /** Whether nothing else can run on the connection until it ends. */
  occupies(connection: DriverConnection): boolean;
  /** Ends it early, so that the connection is ready for other work. Never rejects. Absent where there is nothing to end. */
  stop?(value: T): Promise<void>;
  /** Whether ending it may take longer than opening another connection. Default `false`. */
  readonly endsSlowly?: boolean | undefined;
}

/** Where something was started, and how its end and its errors are told. */
export interface ConnectionUse {
  readonly session: Session;
  readonly call: Call;
  readonly clock: Clock;
  /** Waits for an answer of the session, as `Engine.perform` does. */
  perform<U>(answer: Promise<U>, text: string): Promise<U>;
  /** What the caller is told of an error. */
  errorFor(error: unknown): unknown;
  /** Throws where the connection is the caller's no more: its transaction is over, its lease released. */
  assertHeld(): void;
  /** Whether nobody but this work needs the very connection. */
  readonly isReplaceable: boolean;
  /** Gives the connection back, where it is given back. */
  release(): void;
  /** The connection is in the middle of something and nobody will end it. */
  abandon(reason: string): void;
}

/** Work that was started, until it is finished or given up. Its call's limits count all the while, also while nobody waits. */
export class LongWork<T> {
  readonly value: T;
  readonly #use: ConnectionUse;
  readonly #work: WorkKind<T>;
  #timer: Timer | undefined;
  #forgetAbort: () => void = noop;
  #answersAwaited = 0;
  #over = false;
  #failure: { readonly error: unknown } | undefined;
  #onFailure: ((error: unknown) => void) | undefined;

  constructor(use: ConnectionUse, work: WorkKind<T>, value: T) {
    this.#use = use;
    this.#work = work;
    this.value = value;
    this.#watch();
  }

  get node(): string {
    return this.#use.session.node;
  }

  /** Asks the server something more. Rejects with what the caller is told; the work is over then. */
  async ask<U>(question: (value: T) => Promise<U>): Promise<U> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#use.assertHeld();
    this.#answersAwaited++;
    try {
      return await this.#use.perform(question(this.value), this.#work.statement.text);
    } catch (error) {
      const told = this.#use.errorFor(error);
      this.#failure ??= { error: told };
      // What the server ended with an error is as good as over; a caller whose time is over waits for nothing.
      if (stoppedWaiting(error)) void this.stop();
      else await this.#endBy(true);
      throw told;
    } finally {
      this.#answersAwaited--;
    }
  }

  /** Waits for something that is not the server's, such as the caller's data, as long as the work goes on. */
  guard<U>(step: PromiseLike<U> | U): Promise<U> {
    return new Promise<U>((resolve, reject) => {
      this.#onFailure = reject;
      if (this.#failure !== undefined) reject(this.#failure.error);
      Promise.resolve(step).then(resolve, reject);
    });
  }

  /** The work failed while nobody waited for it. */
  fail(error: unknown): void {
    this.#failure ??= { error: this.#use.errorFor(error) };
    this.#onFailure?.(this.#failure.error);
  }

  /**
   * It has come to its end: the connection is ready for other work.
   * @throws OutcomeUnknownError `PGHERD_OUTCOME_UNKNOWN` where no synchronous standby confirmed what was written.
   */
  finish(): void {
    if (!this.#ends()) return;
    const { session, call } = this.#use;
    const { committedLocallyOnly, connection } = session;
    if (connection.status === 'idle') session.takeLocalCommit();
    this.#release();
    const local = committedLocallyOnly && connection.status === 'idle' && call.access === 'read-write';
    if (local) throw unacknowledged('statement');
  }

  /** Ends it early; the connection is destroyed where it does not become ready soon. */
  stop(): Promise<void> {
    return this.#endBy(this.#work.endsSlowly !== true || !this.#use.isReplaceable);
  }

  async #endBy(waiting: boolean): Promise<void> {
    if (!this.#ends() || !this.#isHeld()) return;
    if (waiting && (await this.#stopped())) {
      this.#release();
      return;
    }
    // What occupies the connection stays there: nobody may use it again.
    this.#use.abandon('was left in the middle of something');
    this.#use.release();
  }

  /** Whether it came to an end in time. */
  async #stopped(): Promise<boolean> {
    const stopped = this.#work.stop?.(this.value);
    if (stopped === undefined) return true;
    // No watchdog: what is to be thrown away may keep the event loop busy for as long as it comes.
    return new Promise((resolve) => {
      const timer = this.#use.clock.schedule(STOP_MS, () => resolve(false));
      void stopped.finally(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  /** Whether it ends now, and had not before. */
  #ends(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#timer?.cancel();
    this.#forgetAbort();
    return true;
  }

  /** What was given back ended with whatever gave it back. */
  #isHeld(): boolean {
    try {
      this.#use.assertHeld();
      return true;
    } catch {
      return false;
    }
  }

  #release(): void {
    this.#use.session.vacate();
    this.#use.release();
  }

  #watch(): void {
    const { call, clock } = this.#use;
    if (Number.isFinite(call.deadline)) {
      this.#timer = clock.schedule(call.deadline - clock.now(), () =>
        this.#expire(timedOut(this.node, call, clock.now())),
      );
    }
    this.#forgetAbort = onAbort(call.signal, () => this.#expire(abortedError(call.signal)));
  }

  /** Whoever waits for an answer is told by that; else nothing runs there that one could wait for. */
  #expire(error: PgHerdError): void {
    if (this.#answersAwaited > 0 || this.#over) return;
    this.#failure ??= { error };
    this.#onFailure?.(error);
    void this.stop();
  }
}

async function begin<T>(use: ConnectionUse, work: WorkKind<T>): Promise<LongWork<T>> {
  const { session } = use;
  await untilLetGo(session, use.call, use.clock);
  if (work.occupies(session.connection)) session.occupy();
  try {
    const value = await use.perform(work.begin(session.connection), work.statement.text);
    return new LongWork(use, work, value);
  } catch (error) {
    session.vacate();
    throw error;
  }
}

function noop(): void {}

function stoppedWaiting(error: unknown): boolean {
  return error instanceof PgHerdError && (error.code === 'PGHERD_TIMEOUT' || error.code === 'PGHERD_ABORTED');
}

/** Starts work outside a transaction, on any node that suits, and again if nothing was executed. */
export function startOnCluster<C, T>(engine: Engine<C>, call: Call, work: WorkKind<T>): Promise<LongWork<T>> {
  const { text } = work.statement;
  return engine.attempts(call, text, (session, routed) => {
    session.allowMove();
    return begin(useOnCluster(engine, session, routed, text), work);
  });
}

function useOnCluster<C>(engine: Engine<C>, session: Session<C>, call: Call, text: string): ConnectionUse {
  return {
    session,
    call,
    clock: engine.herd.settings.clock,
    perform: (answer, text) => engine.perform(session, answer, call, text),
    errorFor: (error) => endError(error, session, call, text),
    assertHeld: () => undefined,
    isReplaceable: true,
    release: () => engine.release(session),
    abandon: (reason) => engine.discard(session, reason),
  };
}

/** Starts work on a session that the caller holds. */
export async function startOnSession<T>(use: ConnectionUse, work: WorkKind<T>): Promise<LongWork<T>> {
  use.assertHeld();
  if (use.session.occupied) throw busy(use.session.node);
  try {
    return await begin(use, work);
  } catch (error) {
    throw use.errorFor(error);
  }
}
