import type { CausalScope } from '../call/causal-scope.ts';
import type { ConnectionListener, DriverConnection, ServerMessage } from '../connection/port.ts';
import type { Access } from '../model/names.ts';
import { PooledConnection } from '../pooler/pooler-connection.ts';
import type { Trace } from './leaks.ts';

/** The server gave up waiting for its synchronous standby: what was just committed is committed here only. */
const LOCAL_COMMIT_ROUTINE = 'SyncRepWaitForLSN';

/** One connection of a node's pool, with what the cluster knows about it. */
export class Session<C = unknown> {
  readonly node: string;
  /** Generation of the node when the connection was opened. */
  readonly generation: number;
  readonly connection: DriverConnection<C>;
  /** The same connection where it leads to a pooler: then no setting of the session says whether it may write. */
  readonly #pooled: PooledConnection<C> | undefined;
  /** Access that a reset of the session brings back. */
  readonly #initialAccess: Access;
  access: Access;
  /** What it is leased for now. */
  use: Access = 'read-write';
  /** When it was last handed to a call, milliseconds of the cluster's clock. */
  handedAt = 0;
  /** Whether what runs on it can be run again elsewhere; what the caller holds cannot. */
  movable = false;
  /** Set when a commit was not acknowledged by a synchronous standby although the server said that it is done. */
  committedLocallyOnly = false;
  /** When it was made ready for the first write after a promotion; `undefined` once that was made use of. */
  preparedAt: number | undefined;
  /** Why it is not used again, whatever state it is in; `undefined` while it may be. */
  retired: string | undefined;
  /** Whether a stream or a COPY is under way on it, so that nothing else can be. */
  occupied = false;
  /** Scope whose reads have to see what is written on it; asked for its position when it is given back. */
  scope: CausalScope | undefined;
  /** Who holds it, where that is watched. */
  trace: Trace | undefined;
  /** The transaction's call while it is in one: when its time is over, so is that of all its statements. */
  owner: object | undefined;
  /** Brings back after a reset what belongs to every session; `undefined` where the startup packet has it all. */
  restore: (() => Promise<void>) | undefined;
  /** Set when we ourselves end the connection: its end is no news then. */
  leaving = false;
  /** Statements that were handed over and not answered. */
  inHand = 0;
  /** What was handed over last, with its text where it has one. */
  answer: Promise<unknown> | undefined;
  text: string | undefined;
  /** Settles when it is known what became of it after its caller gave up what runs on it; `undefined` where nobody did. */
  lettingGo: Promise<void> | undefined;

  constructor(node: string, generation: number, connection: DriverConnection<C>, access: Access) {
    this.node = node;
    this.generation = generation;
    this.connection = connection;
    this.#pooled = connection instanceof PooledConnection ? connection : undefined;
    this.#initialAccess = access;
    this.access = access;
  }

  /** One of what was handed over was answered. */
  landed(): void {
    if (this.inHand > 0) this.inHand--;
    // A result must not stay in memory for as long as the connection is idle.
    if (this.inHand === 0) this.forgetHanded();
  }

  /** Nothing runs on it any more. */
  forgetHanded(): void {
    this.inHand = 0;
    this.answer = undefined;
    this.text = undefined;
  }

  /** Takes note of what the server says by itself. */
  noteMessage(message: ServerMessage): void {
    if (message.routine === LOCAL_COMMIT_ROUTINE) this.committedLocallyOnly = true;
  }

  /** Whether it can be used so without a round trip. */
  suits(access: Access): boolean {
    return this.#pooled !== undefined || this.access === access;
  }

  /** What it is leased for, from now on. */
  useFor(access: Access): void {
    this.use = access;
    if (this.#pooled === undefined) return;
    this.access = access;
    this.#pooled.readOnly = access === 'read-only';
  }

  /** Whether what it ran last cannot have written, so that running it again does no harm. */
  get couldNotWrite(): boolean {
    return this.use === 'read-only' && (this.#pooled?.couldNotWrite ?? true);
  }

  /** Switches between reading and writing: a round trip, needed only where a node serves both. */
  async setAccess(access: Access): Promise<void> {
    this.useFor(access);
    if (this.access === access) return;
    const value = access === 'read-only' ? 'on' : 'off';
    await this.connection.simple(`SET default_transaction_read_only = ${value}`);
    this.access = access;
  }

  /** Whether the connection can be handed to the next caller as it is. */
  get isClean(): boolean {
    const { connection } = this;
    return !connection.closed && connection.status === 'idle' && !connection.dirty && !this.occupied;
  }

  /** Rolls back what is open and resets what was changed. */
  async cleanUp(): Promise<void> {
    const { connection } = this;
    if (connection.status !== 'idle') await connection.simple('ROLLBACK');
    if (!connection.dirty) return;
    await connection.reset();
    await this.restore?.();
    this.access = this.#initialAccess;
  }
}

/** What the listeners of a node's sessions report to; a session is missing as long as it is being prepared. */
export interface SessionObserver<C> {
  parameter(generation: number, session: Session<C> | undefined, name: string, value: string): void;
  message(session: Session<C> | undefined, message: ServerMessage): void;
  /** Not called for a session that was never ready. */
  closed(session: Session<C>, error: unknown): void;
}

/**
 * A listener that can be made before its session exists. It lives as long as the connection, and keeps nothing else of
 * what opening it took.
 */
export class SessionListener<C> implements ConnectionListener {
  readonly #observer: SessionObserver<C>;
  readonly #generation: number;
  /** Set once it is ready. */
  session: Session<C> | undefined;

  constructor(observer: SessionObserver<C>, generation: number) {
    this.#observer = observer;
    this.#generation = generation;
  }

  parameter(name: string, value: string): void {
    this.#observer.parameter(this.#generation, this.session, name, value);
  }

  message(message: ServerMessage): void {
    this.#observer.message(this.session, message);
  }

  closed(error: unknown): void {
    if (this.session !== undefined) this.#observer.closed(this.session, error);
  }
}
