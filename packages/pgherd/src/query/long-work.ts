import type { Call } from '../call/call.ts';
import { abortedError, busy, timedOut, unacknowledged } from '../call/failures.ts';
import type { DriverConnection } from '../connection/port.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { endError } from '../recovery/failed-work.ts';
import type { Clock, Timer } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';

/** How long ending work early may take before its connection is destroyed, milliseconds. */
const STOP_MS = 1_000;

/** A kind of work that keeps a connection for longer than one answer: a batch, a cursor, a COPY. */
export interface WorkKind<T> {
  /** The verb that starts it. */
  readonly verb: 'batch' | 'stream' | 'copyFrom' | 'copyTo';
  /** The statement it runs; of several, the one that decides whether they may be run again. */
  readonly statement: Statement;
  /** Starts it on a connection, with {@link statement}. Called again, on another one, for each retry. */
  begin(connection: DriverConnection, statement: Statement): Promise<T>;
  /** Whether nothing else can run on the connection until it ends. */
  occupies(connection: DriverConnection): boolean;
  /**
   * Ends it early, so that the connection is ready for other work. Never rejects. Absent if there is nothing
   * to end.
   */
  stop?(value: T): Promise<void>;
  /** SQL of all its statements. Default: that of {@link statement}. */
  readonly texts?: readonly string[] | undefined;
  /** Whether it applies the settings of its call. Default `false`. */
  readonly appliesSettings?: boolean | undefined;
  /** Whether ending it may take longer than opening another connection. Default `false`. */
  readonly endsSlowly?: boolean | undefined;
  /** It has ended after it had started: `failure` says of what, if it did not succeed. */
  ended?(failure: unknown): void;
}

/** How work uses a connection: its session, its call, and how it ends. */
export interface ConnectionUse {
  readonly session: Session;
  readonly call: Call;
  readonly clock: Clock;
  /** Starts something when its turn has come and waits for the answer, as `Engine.perform` does. */
  perform<U>(start: () => Promise<U>, text: string): Promise<U>;
  /** The error that the caller gets. */
  errorFor(error: unknown): unknown;
  /**
   * Throws if the connection is no longer the caller's: its transaction has ended or its lease was released.
   */
  assertHeld(): void;
  /** Whether the work may continue on another connection. */
  readonly isReplaceable: boolean;
  /** Releases the connection, unless the caller holds it. */
  release(): void;
  /** The connection is in the middle of work that will not be ended: it is destroyed. */
  abandon(reason: string): void;
}

/**
 * Work that was started, until it is finished or stopped. The limits of its call apply throughout, also while
 * no answer is awaited.
 */
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

  /** Sends a further request to the server. Rejects with the caller's error; the work has ended then. */
  async ask<U>(question: (value: T) => Promise<U>): Promise<U> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#use.assertHeld();
    this.#answersAwaited++;
    try {
      return await this.#use.perform(() => question(this.value), this.#work.statement.text);
    } catch (error) {
      const failure = this.#use.errorFor(error);
      this.#failure ??= { error: failure };
      // After an error of the server, ending the work is quick; a caller that stopped waiting does not wait
      // for it.
      if (stoppedWaiting(error)) void this.stop();
      else await this.#endBy(true);
      throw failure;
    } finally {
      this.#answersAwaited--;
    }
  }

  /** Waits for something other than the server, such as the caller's data, as long as the work continues. */
  guard<U>(step: PromiseLike<U> | U): Promise<U> {
    return new Promise<U>((resolve, reject) => {
      this.#onFailure = reject;
      if (this.#failure !== undefined) reject(this.#failure.error);
      Promise.resolve(step).then(resolve, reject);
    });
  }

  /** The work failed while no answer was awaited. */
  fail(error: unknown): void {
    this.#failure ??= { error: this.#use.errorFor(error) };
    this.#onFailure?.(this.#failure.error);
  }

  /**
   * The work has ended: the connection is ready for other work.
   * @throws OutcomeUnknownError `PGHERD_OUTCOME_UNKNOWN` if no synchronous standby confirmed what was
   * written.
   */
  finish(): void {
    if (!this.#ends()) return;
    const { session } = this.#use;
    const { committedLocallyOnly, connection, use } = session;
    if (connection.status === 'idle') session.takeLocalCommit();
    this.#release();
    const local = committedLocallyOnly && connection.status === 'idle' && use === 'read-write';
    if (local) throw unacknowledged('statement');
  }

  /** Ends it early; the connection is destroyed unless it becomes ready soon. */
  stop(): Promise<void> {
    return this.#endBy(this.#work.endsSlowly !== true || !this.#use.isReplaceable);
  }

  async #endBy(waiting: boolean): Promise<void> {
    if (!this.#ends() || !this.#isHeld()) return;
    if (waiting && (await this.#stopped())) {
      this.#release();
      return;
    }
    // The connection stays occupied, so that it is never used again.
    this.#use.abandon('was left in the middle of something');
    this.#use.release();
  }

  /** Whether it ended in time. */
  async #stopped(): Promise<boolean> {
    const stopped = this.#work.stop?.(this.value);
    if (stopped === undefined) return true;
    // No watchdog: data that is thrown away may keep the event loop busy for as long as it arrives.
    return new Promise((resolve) => {
      const timer = this.#use.clock.schedule(STOP_MS, () => resolve(false));
      void stopped.finally(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  /** Ends it; returns whether it had not ended before. */
  #ends(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#work.ended?.(this.#failure?.error);
    this.#timer?.cancel();
    this.#forgetAbort();
    return true;
  }

  /** Whether the caller still has the connection; otherwise the work ended with its transaction or lease. */
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

  /** A limit of the call was reached. If an answer is awaited, waiting for that answer fails by itself. */
  #expire(error: PgHerdError): void {
    if (this.#answersAwaited > 0 || this.#over) return;
    this.#failure ??= { error };
    this.#onFailure?.(error);
    void this.stop();
  }
}

async function begin<T>(use: ConnectionUse, work: WorkKind<T>): Promise<LongWork<T>> {
  const { session } = use;
  if (work.occupies(session.connection)) session.occupy();
  try {
    const value = await use.perform(
      () => work.begin(session.connection, work.statement),
      work.statement.text,
    );
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
export function startOnCluster<T>(engine: Engine, call: Call, work: WorkKind<T>): Promise<LongWork<T>> {
  const { text } = work.statement;
  return engine.attempts(call, text, (session, routed) => {
    session.allowMove();
    return begin(useOnCluster(engine, session, routed, text), work);
  });
}

function useOnCluster(engine: Engine, session: Session, call: Call, text: string): ConnectionUse {
  const { clock } = engine.herd.settings;
  return {
    session,
    call,
    clock,
    perform: (start, text) => engine.perform(session, start, call, text),
    errorFor: (error) => endError(error, { session, call, text, clock }),
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
