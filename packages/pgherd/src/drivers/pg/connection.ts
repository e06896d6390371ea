import type { Client } from 'pg';
import type {
  ConnectionListener,
  ConnectRequest,
  DriverConnection,
  DriverCopyIn,
  DriverCopyOut,
  DriverCursor,
  DriverResult,
  PipelinedStatement,
  TransactionStatus,
} from '../../connection/port.ts';
import type { PgHerdError } from '../../model/errors.ts';
import type { Statement } from '../../model/statement.ts';
import { readStatement, tagChangesSession } from '../../sql/statement.ts';
import { AuthenticationCheck } from '../../wire/authentication.ts';
import { type CancelTarget, requestCancel } from '../../wire/cancel.ts';
import type { OpeningConnection, ShareParameters } from '../../wire/connect.ts';
import { isServerError, lostBefore } from '../../wire/failures.ts';
import type { LaneResources, WireLane } from '../../wire/lane/lane.ts';
import type { TlsAttempt } from '../../wire/tls.ts';
import { watchAuthentication } from './authentication.ts';
import { runBatch } from './batch.ts';
import { startCopyIn, startCopyOut } from './copy.ts';
import { PgCursor } from './cursor.ts';
import { isNotQueryable, type PgInside, refused, toResult } from './inside.ts';
import { type LaneParts, laneOf } from './lane-inside.ts';
import { submitReading } from './reading.ts';
import { gateOf, type PgGate } from './task.ts';
import { PgTurns } from './turns.ts';

/** One connection of `pg`: `open` until the socket is gone, then `closed`, and never open again. */
export class PgConnection implements DriverConnection<Client>, OpeningConnection {
  readonly client: Client;
  readonly #inside: PgInside;
  /** Replaced and never changed once it is shared. */
  #parameters = new Map<string, string>();
  readonly #listener: ConnectionListener;
  #status: TransactionStatus = 'unknown';
  #dirty = false;
  /** Whether the statement that runs is the library's own, which knows what it does to the session. */
  #own = false;
  #opened = false;
  #closed = false;
  #closeReason: unknown;
  #remoteAddress: string | undefined;
  /** How it was opened, so that a request to cancel can go the same way. */
  #way: Pick<CancelTarget, 'request' | 'attempt'> | undefined;
  /** Statements that share the connection; `undefined` where this copy of `pg` does not let them. */
  readonly #lane: WireLane | undefined;
  /** What is handed to `pg`. */
  readonly #turns = new PgTurns();
  readonly pipeline: ((one: PipelinedStatement) => void) | undefined;
  /** Resolved by the next ReadyForQuery or the end. */
  #onReady: (() => void)[] = [];

  constructor(client: Client, listener: ConnectionListener, module: LaneParts, resources: LaneResources) {
    this.client = client;
    this.#inside = client as unknown as PgInside;
    this.#listener = listener;
    const wire = this.#inside.connection;
    this.#lane = laneOf(module, this.#inside, this, resources);
    const lane = this.#lane;
    if (lane !== undefined) this.pipeline = (one) => this.#board(lane, one);
    wire.on('parameterStatus', ({ parameterName, parameterValue }) => {
      this.#setParameter(parameterName, parameterValue);
      this.#listener.parameter(parameterName, parameterValue);
    });
    wire.on('readyForQuery', ({ status }) => this.#onReadyForQuery(status));
    wire.on('commandComplete', ({ text }) => this.#onTag(text));
    client.on('notice', (notice) => {
      const { severity, code, message, routine } = notice;
      this.#listener.message({
        severity: severity ?? 'NOTICE',
        sqlState: code ?? '00000',
        message: message ?? '',
        routine,
      });
    });
    client.on('notification', ({ channel, payload = '', processId }) =>
      this.#listener.notification?.({ channel, payload, processId }),
    );
    client.on('error', (error) => this.ended(error));
    client.on('end', () => this.#onEnd(undefined));
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#parameters;
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get remoteAddress(): string | undefined {
    return this.#remoteAddress;
  }

  get backendPid(): number | undefined {
    return this.#inside.processID ?? undefined;
  }

  /** Holds the server to the authentication that was asked for; called before connecting. */
  guard(request: ConnectRequest, attempt: TlsAttempt, refuse: (error: PgHerdError) => void): void {
    // The traffic of a Unix socket does not leave the machine.
    const safe = attempt === 'tls' || request.address.transport === 'unix';
    this.#way = { request, attempt };
    watchAuthentication(this.#inside.connection, new AuthenticationCheck(request, safe, refuse));
  }

  open(): Promise<unknown> {
    return this.client.connect();
  }

  /**
   * From now on the end of the connection is news. The parameters of a server are the same on nearly every
   * connection.
   */
  opened(share: ShareParameters): void {
    this.#opened = true;
    this.#parameters = share(this.#parameters);
    // A socket forgets its peer when it is destroyed.
    this.#remoteAddress = this.#inside.connection.stream.remoteAddress;
  }

  query(statement: Statement): Promise<DriverResult> {
    return this.#submit(statement);
  }

  simple(text: string): Promise<DriverResult> {
    return this.#submit(text);
  }

  async cancel(signal: AbortSignal): Promise<void> {
    const { processID, secretKey } = this.#inside;
    if (this.#way === undefined || processID == null || secretKey == null)
      throw new Error('the server gave no key');
    const target = { ...this.#way, remoteAddress: this.#remoteAddress, processId: processID, secretKey };
    await requestCancel(target, signal);
  }

  batch(statements: readonly Statement[]): Promise<DriverResult[]> {
    return runBatch(this.#gate(), statements);
  }

  cursor(statement: Statement): DriverCursor {
    return new PgCursor(this.#gate(), statement);
  }

  copyIn(text: string): Promise<DriverCopyIn> {
    return startCopyIn(this.#gate(), text);
  }

  copyOut(text: string): Promise<DriverCopyOut> {
    return startCopyOut(this.#gate(), text);
  }

  async reset(): Promise<void> {
    await this.simple('DISCARD ALL');
    this.#inside.connection.parsedStatements = {};
    this.#lane?.forgetNames();
    this.#dirty = false;
  }

  markClean(): void {
    this.#dirty = false;
  }

  setRef(ref: boolean): void {
    const { stream } = this.#inside.connection;
    if (ref) stream.ref?.();
    else stream.unref?.();
  }

  async end(): Promise<void> {
    try {
      await this.client.end();
    } catch {
      this.destroy();
    }
  }

  destroy(): void {
    this.#inside.connection.stream.destroy();
  }

  #setParameter(name: string, value: string): void {
    if (this.#opened) this.#parameters = new Map(this.#parameters);
    this.#parameters.set(name, value);
  }

  #board(lane: WireLane, one: PipelinedStatement): void {
    if (this.#closed) one.failed(lostBefore(this.#closeReason));
    else lane.send(one);
  }

  /** What stands in the queue of `pg` in a statement's place works through this. */
  #gate(): PgGate {
    return gateOf(this.client, {
      inTransaction: () => this.#status === 'in-transaction' || this.#status === 'failed',
      closed: () => (this.#closed ? lostBefore(this.#closeReason) : undefined),
      begins: (text) => this.#begins(text),
      inTurn: (turn) => this.#turns.take(turn),
      fail: (error, reject) => this.#fail(error, reject),
    });
  }

  #submit(work: Statement | string): Promise<DriverResult> {
    if (this.#closed) return Promise.reject(lostBefore(this.#closeReason));
    return new Promise((resolve, reject) => {
      const run = () => {
        // Text of the library's own comes by the simple protocol.
        if (typeof work === 'string') this.#own = true;
        else this.#begins(work.text);
        submitReading(this.#inside, work, ({ error, result, unread }) => {
          if (error) this.#fail(error, reject);
          else if (unread === undefined) resolve(toResult(result));
          else reject(unread);
        });
      };
      this.#turns.take({ run, lost: reject });
    });
  }

  #begins(text: string): void {
    this.#own = false;
    if (readStatement(text).changesSession) this.#dirty = true;
  }

  /**
   * `pg` reports an ERROR before the ReadyForQuery behind it; the transaction status is known only then. An
   * error of its own, while the connection is well, means that it did not send the statement: nothing follows
   * that one could wait for.
   */
  #fail(error: unknown, reject: (error: unknown) => void): void {
    const broken = this.#inside._queryable === false || this.#closed;
    if (broken) this.destroy();
    if (isNotQueryable(error)) this.#whenReady(() => reject(lostBefore(this.#closeReason ?? error)));
    else if (broken || isServerError(error)) this.#whenReady(() => reject(error));
    else {
      reject(refused(error));
      this.#turns.ended();
    }
  }

  #whenReady(fn: () => void): void {
    if (this.#closed) fn();
    else this.#onReady.push(fn);
  }

  #onReadyForQuery(status: string | undefined): void {
    if (status === 'I') this.#status = 'idle';
    else if (status === 'T') this.#status = 'in-transaction';
    else if (status === 'E') this.#status = 'failed';
    else this.#status = 'unknown';
    this.#flushReady();
    this.#turns.ended();
  }

  #flushReady(): void {
    if (this.#onReady.length === 0) return;
    for (const fn of this.#onReady.splice(0)) fn();
  }

  #onTag(tag: string): void {
    if (!this.#own && tagChangesSession(tag)) this.#dirty = true;
  }

  /**
   * With no statement running this is a FATAL of the server, else the socket's error. `end` follows only
   * after a while, in which `pg` takes no statement any more: the connection counts as closed from now on.
   */
  ended(error: Error): void {
    this.#closeReason ??= error;
    const { severity, code } = error as { severity?: unknown; code?: unknown };
    if (!this.#opened) return;
    if (typeof severity === 'string' && typeof code === 'string') {
      this.#listener.message({ severity, sqlState: code, message: error.message, routine: undefined });
    }
    this.#onEnd(error);
    this.destroy();
  }

  #onEnd(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#status = 'unknown';
    const reason = this.#closeReason ?? error ?? new Error('Connection terminated unexpectedly');
    this.#flushReady();
    this.#turns.lost(() => lostBefore(reason));
    this.#lane?.lost(reason);
    if (this.#opened) this.#listener.closed(reason);
  }
}
