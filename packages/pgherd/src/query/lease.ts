import { assertComment, type Call, type CallOptions, NO_OPTIONS } from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import { commented, joinedTags } from '../call/comment.ts';
import { unacknowledged, withNode } from '../call/failures.ts';
import { assertLimits } from '../call/limits.ts';
import type { Engine } from '../engine/engine.ts';
import { atCaller } from '../model/caller.ts';
import { PgHerdError } from '../model/errors.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import { endError } from '../recovery/failed-work.ts';
import { mayCancel } from '../retry/cancellable.ts';
import { classifyError } from '../retry/classify.ts';
import { callsUnknownFunction } from '../sql/functions.ts';
import { type Executor, taggedWork } from './executor.ts';
import { type ConnectionUse, type LongWork, startOnSession, type WorkKind } from './long-work.ts';
import { LazyQuerier, type Querier } from './querier.ts';
import { NOT_ATOMIC, runScript } from './script.ts';
import { assertNoOwnSettings } from './settings.ts';
import { watchedExecutor, watchedScript } from './watched.ts';

/** Exclusive use of one connection until it is released. */
export interface Lease extends Querier, AsyncDisposable {
  readonly node: string;
  /** Whether it still has the connection. */
  readonly isHeld: boolean;
  /**
   * Runs many statements in one text by the simple protocol. Its changes to the session last as long as the
   * lease: the connection is not used again afterwards. Returns the result of the last statement.
   * @throws PgHerdError as of {@link Querier.query}.
   */
  script(text: string, options?: CallOptions): Promise<QueryResult<Row>>;
  /** Releases the connection; harmless when called again. `destroy` closes it instead. */
  release(options?: { readonly destroy?: boolean | undefined }): void;
}

/**
 * Handles a write that was refused as read-only: the node is probed, and the connection is not used again.
 * The caller gets the error as it is, since other statements may have run on the lease.
 */
function noteRefusal(engine: Engine, session: Session, error: unknown): void {
  if (classifyError(error).kind !== 'read-only') return;
  session.retire('refused a write as read-only');
  engine.herd.nodes.get(session.node)?.monitor.hint();
}

/** A lease on a session that was acquired for `call`. */
export function leaseOf(engine: Engine, session: Session, call: Call): Lease {
  return new SessionLease(engine, session, call).publicView();
}

/** A session that one caller holds until it is released, once; from then on every verb fails. */
class SessionLease {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #call: Call;
  #released = false;
  /**
   * Whether the last statement is rolled back if the connection ends: it is inside a transaction and does not
   * end it.
   */
  #undone = false;

  constructor(engine: Engine, session: Session, call: Call) {
    this.#engine = engine;
    this.#session = session;
    this.#call = call;
  }

  publicView(): Lease {
    return new LeaseView(this);
  }

  get node(): string {
    return this.#session.node;
  }

  get isHeld(): boolean {
    return !this.#released;
  }

  get executor(): Executor {
    const executor: Executor = {
      driver: this.#engine.herd.settings.driver.name,
      tagged: (statement, options) => commented(statement, joinedTags(this.#call.comment, options.comment)),
      execute: (statement, options) => this.#execute(executor.tagged(statement, options), options),
      start: async (work, options) => this.#start(taggedWork(executor, work, options), options),
    };
    return watchedExecutor(executor, this.#engine.watch, { scope: 'lease', node: this.node });
  }

  async #execute(statement: Statement, options: CallOptions): Promise<QueryResult<Row>> {
    this.#assertHeld();
    const session = this.#session;
    if (callsUnknownFunction(statement.text)) session.noteUnknownFunction();
    this.#remember(statement.text);
    const call = this.#narrowed(options);
    try {
      const result = await this.#engine.send(session, statement, call);
      if (session.takeLocalCommit() && session.use === 'read-write') throw unacknowledged('statement');
      return answeredBy(result, session.node);
    } catch (error) {
      if (session.use === 'read-write')
        await this.#engine.recovery.refusedWrites.explain(error, session.node);
      throw atCaller(this.#errorFor(error, statement.text, call), statement.text);
    }
  }

  #start<T>(work: WorkKind<T>, options: CallOptions): Promise<LongWork<T>> {
    const { statement, texts = [statement.text] } = work;
    if (texts.some(callsUnknownFunction)) this.#session.noteUnknownFunction();
    return startOnSession(this.#use(statement.text, options), work);
  }

  #use(text: string, options: CallOptions): ConnectionUse {
    const engine = this.#engine;
    const session = this.#session;
    const own = this.#narrowed(options);
    this.#remember(text);
    return {
      session,
      call: own,
      clock: engine.herd.settings.clock,
      perform: (start, text) => engine.perform(session, start, own, text),
      errorFor: (error) => this.#errorFor(error, text, own),
      assertHeld: () => this.#assertHeld(),
      isReplaceable: false,
      release: () => undefined,
      abandon: (reason) => engine.discard(session, reason),
    };
  }

  async script(text: string, options?: CallOptions): Promise<QueryResult<Row>> {
    const place = { scope: 'lease', node: this.node } as const;
    const run = (given: CallOptions | undefined, sql: string) => this.#script(sql, given);
    return watchedScript(this.#engine.watch, place, text, options, run);
  }

  async #script(text: string, options: CallOptions = NO_OPTIONS): Promise<QueryResult<Row>> {
    this.#assertHeld();
    assertOptions('script', options, CALL_OPTIONS);
    this.#remember(text);
    const call = this.#narrowed(options);
    const errorFor = (error: unknown) => this.#errorFor(error, NOT_ATOMIC, call);
    return runScript({ engine: this.#engine, session: this.#session, call, errorFor }, text);
  }

  release(destroy = false): void {
    if (this.#released) return;
    this.#released = true;
    if (destroy) this.#engine.discard(this.#session, 'its lease asked for it');
    else this.#engine.release(this.#session);
  }

  /** Remembers what a lost answer to this statement would mean. */
  #remember(text: string): void {
    const inTransaction = this.#session.connection.status !== 'idle';
    this.#undone = inTransaction && mayCancel({ text, inTransaction, couldNotWrite: false }) === 'cancel';
  }

  #errorFor(error: unknown, text: string, call: Call): unknown {
    const { clock } = this.#engine.herd.settings;
    if (this.#session.use === 'read-write') noteRefusal(this.#engine, this.#session, error);
    if (this.#undone) return withNode(error, this.#session.node);
    return endError(error, { session: this.#session, call, text, clock });
  }

  /** Each call on a lease has its own limits; those of `acquire` were for acquiring it. */
  #narrowed(options: CallOptions): Call {
    assertLimits(options);
    assertComment(options.comment);
    assertNoOwnSettings(options);
    const { timeoutMs, signal } = options;
    const now = this.#engine.herd.settings.clock.now();
    const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + timeoutMs;
    return { ...this.#call, deadline, signal, startedAt: now };
  }

  #assertHeld(): void {
    if (!this.#released) return;
    throw new PgHerdError(
      'PGHERD_LEASE_RELEASED',
      'The lease was released: other calls use its connection now.',
    );
  }
}

const RELEASE_OPTIONS = optionNames<{ readonly destroy?: boolean | undefined }>({ destroy: true });

/** What the application gets of a lease. Its verbs need no object before the dot, as those of a cluster. */
class LeaseView extends LazyQuerier implements Lease {
  readonly #lease: SessionLease;

  constructor(lease: SessionLease) {
    super(lease.executor);
    this.#lease = lease;
  }

  get node(): string {
    return this.#lease.node;
  }

  get isHeld(): boolean {
    return this.#lease.isHeld;
  }

  toJSON(): object {
    return { node: this.node, isHeld: this.isHeld };
  }

  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    return look('Lease', this.toJSON(), options, inspect);
  }

  get script(): Lease['script'] {
    return (text, options) => this.#lease.script(text, options);
  }

  get release(): Lease['release'] {
    return (options) => {
      assertOptions('release', options, RELEASE_OPTIONS);
      this.#lease.release(options?.destroy);
    };
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    return async () => this.#lease.release();
  }
}
