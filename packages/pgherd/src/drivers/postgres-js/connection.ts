import type { Socket } from 'node:net';
import type { Sql } from 'postgres';
import type {
  ConnectionListener,
  ConnectRequest,
  DriverConnection,
  DriverResult,
  PipelinedStatement,
  TransactionStatus,
} from '../../connection/port.ts';
import { messageOf, PgHerdError } from '../../model/errors.ts';
import type { Statement } from '../../model/statement.ts';
import { readStatement, tagChangesSession } from '../../sql/statement.ts';
import type { Report } from '../../wire/backend-reader.ts';
import { type CancelTarget, requestCancel } from '../../wire/cancel.ts';
import type { OpeningConnection } from '../../wire/connect.ts';
import { isServerError, lostBefore, notProtocol, unreadable } from '../../wire/failures.ts';
import { isFatal } from '../../wire/lane/errors.ts';
import { openSocket } from '../../wire/socket.ts';
import type { TlsAttempt } from '../../wire/tls.ts';
import { type AuthenticationWatch, watchAuthentication } from './authentication.ts';
import { type Flight, Flights } from './flights.ts';
import {
  isEnded,
  isGone,
  type PostgresJsInside,
  type PostgresJsModule,
  type PostgresJsQuery,
  type PostgresJsResult,
  serverError,
} from './inside.ts';
import { isParserError, makeClient, type PostgresJsTypes } from './options.ts';
import { PreparedTexts } from './prepared.ts';
import { driverResult, parsedRows } from './result.ts';
import { furtherSocket, Gate, type GateObserver, type SocketLike } from './socket.ts';
import { parametersOf } from './values.ts';

/**
 * What `DISCARD ALL` does, but for the statements that postgres.js has prepared: it would go on using their
 * names, and inside a transaction there is no trying again.
 */
const RESET = `CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all();
DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES;
DO $pgherd$ DECLARE prepared text; BEGIN
FOR prepared IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql LOOP
EXECUTE pg_catalog.format('DEALLOCATE %I', prepared); END LOOP; END $pgherd$`;

/** What all connections of one driver have in common. */
export interface PostgresJsParts {
  readonly module: PostgresJsModule;
  readonly types: PostgresJsTypes;
  /** Whether statements may be prepared at all. */
  readonly prepare: boolean;
}

/**
 * One connection of postgres.js: `open` until the socket is gone, then `closed`, and never open again.
 * postgres.js has one socket, behind a gate; what it would do to go on without that socket ends in an error.
 */
export class PostgresJsConnection implements DriverConnection<Sql>, OpeningConnection {
  readonly client: Sql;
  readonly parameters = new Map<string, string>();
  readonly pipeline: (one: PipelinedStatement) => void;
  readonly #inside: PostgresJsInside;
  readonly #parts: PostgresJsParts;
  readonly #request: ConnectRequest;
  readonly #listener: ConnectionListener;
  readonly #gate: Gate;
  readonly #flights: Flights;
  readonly #prepared: PreparedTexts;
  #attempt: TlsAttempt = 'plain';
  #authenticate: AuthenticationWatch = () => true;
  #status: TransactionStatus = 'unknown';
  #dirty = false;
  #opened = false;
  #writtenWhenReady = 0;
  #reason: unknown;
  /** By which the server ended the connection. */
  #fatal: Error | undefined;
  #remoteAddress: string | undefined;
  #backendPid: number | undefined;
  #secretKey = 0;
  #onEnd: (reason: unknown) => void = () => undefined;
  readonly #ended: Promise<unknown>;

  constructor(parts: PostgresJsParts, request: ConnectRequest, socket: Socket, listener: ConnectionListener) {
    const prepare = parts.prepare && request.behindPooler !== true;
    this.#parts = parts;
    this.#request = request;
    this.#listener = listener;
    this.#ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
    this.#gate = new Gate(socket, this.#observer());
    this.#flights = new Flights(() => this.#gate.bytesWritten);
    this.#prepared = new PreparedTexts(prepare);
    this.#inside = makeClient(parts.module, request, prepare, parts.types, () => this.#socket());
    this.client = this.#inside as unknown as Sql;
    this.pipeline = (one) => this.#pipeline(one);
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  get closed(): boolean {
    return this.#gate.isShut;
  }

  get remoteAddress(): string | undefined {
    return this.#remoteAddress;
  }

  get backendPid(): number | undefined {
    return this.#backendPid;
  }

  /** Holds the server to the authentication that was asked for; called before {@link open}. */
  guard(_request: ConnectRequest, attempt: TlsAttempt, refuse: (error: PgHerdError) => void): void {
    this.#attempt = attempt;
    // The traffic of a Unix socket does not leave the machine.
    const safe = attempt === 'tls' || this.#request.address.transport === 'unix';
    this.#authenticate = watchAuthentication(this.#request, safe, refuse);
  }

  /** Sends the startup packet; resolves when the session is open. From then on its end is news. */
  async open(): Promise<void> {
    const ended = this.#ended.then((reason) => Promise.reject(reason));
    const begun = this.#inside.unsafe('', [], { prepare: false, simple: true }).then(() => {
      this.#opened = true;
      // A socket forgets its peer when it is destroyed.
      this.#remoteAddress = this.#gate.socket.remoteAddress;
    });
    // What postgres.js says of an end is less than what the socket said.
    const waited = begun.then(undefined, (error: unknown) =>
      isServerError(error) ? Promise.reject(error) : ended,
    );
    await Promise.race([ended, waited]);
  }

  async query(statement: Statement): Promise<DriverResult> {
    const values = parametersOf(statement.values);
    const prepare = this.#prepared.wants(statement, this.#status);
    return this.#send(statement, values, prepare);
  }

  simple(text: string): Promise<DriverResult> {
    return this.#run(() => this.#inside.unsafe(text, [], { prepare: false, simple: true }), true);
  }

  async cancel(signal: AbortSignal): Promise<void> {
    if (this.closed) throw lostBefore(this.#reason);
    if (this.#backendPid === undefined) throw new Error('the server gave no key');
    const target: CancelTarget = {
      request: this.#request,
      attempt: this.#attempt,
      remoteAddress: this.#remoteAddress,
      processId: this.#backendPid,
      secretKey: this.#secretKey,
    };
    await requestCancel(target, signal);
  }

  async reset(): Promise<void> {
    await this.simple(RESET);
    this.#prepared.forgetNames();
    this.#dirty = false;
  }

  markClean(): void {
    this.#dirty = false;
  }

  setRef(ref: boolean): void {
    if (ref) this.#gate.socket.ref();
    else this.#gate.socket.unref();
  }

  async end(): Promise<void> {
    // Who waits for an answer is not waited for: it may never come.
    if (this.#flights.some) this.destroy();
    else if (!this.closed) this.#inside.end({ timeout: 0 }).catch(() => undefined);
    await this.#ended;
  }

  destroy(): void {
    this.#gate.destroy();
  }

  /** Parameters are the connection's own: they may change while others are shared. */
  opened(): void {}

  #pipeline(one: PipelinedStatement): void {
    const { statement } = one;
    const values = parametersOf(statement.values);
    const prepare = one.prepare && this.#prepared.prepare(statement.text);
    this.#send(statement, values, prepare).then(
      ({ rows, rowCount, fields, command }) => one.answered(rows, rowCount, fields, command),
      (error: unknown) => one.failed(error),
    );
  }

  async #send(statement: Statement, values: readonly unknown[], prepare: boolean): Promise<DriverResult> {
    const { text, types, rowMode } = statement;
    if (readStatement(text).changesSession) this.#dirty = true;
    const result = await this.#run(() => {
      const query = this.#inside.unsafe(text, values, { prepare, simple: false });
      if (types !== undefined) return query.raw();
      return rowMode === 'array' ? query.values() : query;
    }, false);
    return types === undefined ? result : parsedRows(result, statement);
  }

  #run(make: () => PostgresJsQuery, own: boolean): Promise<DriverResult> {
    if (this.closed) return Promise.reject(lostBefore(this.#reason));
    return new Promise((resolve, reject) => {
      const flight = this.#flights.begin(own, reject);
      make().then(
        (given) => {
          if (Array.isArray(given) && this.#flights.succeed(flight))
            resolve(driverResult(given as PostgresJsResult, flight));
        },
        (error: unknown) => this.#onFailure(flight, error),
      );
    });
  }

  /**
   * An ERROR comes with ReadyForQuery, a parser's error before it; what else postgres.js says comes with the
   * end, or leads to it.
   */
  #onFailure(flight: Flight, error: unknown): void {
    if (this.closed) return;
    if (isParserError(error)) this.#flights.unread(flight, unreadable(error));
    else if (isServerError(error)) this.#flights.fail(flight, error);
    else if (isEnded(error)) this.#flights.refuse(flight, lostBefore(error));
    else this.#gate.destroy(isGone(error) ? error : notProtocol(messageOf(error)));
  }

  /** What postgres.js gets when it asks for a socket. */
  #socket(): SocketLike {
    const refusal = () => (this.closed ? lostBefore(this.#reason) : undefined);
    return this.#gate.take() ?? furtherSocket({ refusal, open: () => this.#sibling() });
  }

  /** A socket to the very server that this one leads to. */
  #sibling(): Promise<Socket> {
    const { address } = this.#request;
    const request = {
      ...this.#request,
      address: { ...address, hostaddr: this.#remoteAddress ?? address.hostaddr },
    };
    return openSocket(request, this.#attempt, new AbortController().signal);
  }

  #observer(): GateObserver {
    return {
      authentication: (kind, body) => this.#authenticate(kind, body),
      key: (pid, secret) => {
        this.#backendPid = pid;
        this.#secretKey = secret.readUInt32BE(0);
      },
      parameter: (name, value) => {
        this.parameters.set(name, value);
        this.#listener.parameter(name, value);
      },
      rows: () => this.#flights.rows(),
      complete: (tag) => {
        const own = this.#flights.complete(tag)?.own === true;
        if (!own && tagChangesSession(tag)) this.#dirty = true;
      },
      ready: (letter) => {
        this.#status = statusOf(letter);
        this.#writtenWhenReady = this.#gate.bytesWritten;
        this.#flights.ready();
      },
      error: (report) => this.#onError(report),
      notice: ({ severity, sqlState, message, routine }) =>
        this.#listener.message({ severity, sqlState, message, routine }),
      copy: () => this.#mayCopy(),
      notification: (channel, payload, processId) =>
        this.#listener.notification?.({ channel, payload, processId }),
      closed: (reason) => this.#onClosed(reason),
    };
  }

  /**
   * A COPY whose stream is not used would end the process with its first error: only tags of the client may
   * begin one.
   */
  #mayCopy(): boolean {
    if (this.#opened && !this.#flights.waiting && this.#gate.bytesWritten > this.#writtenWhenReady)
      return true;
    this.#gate.destroy(this.#flights.waiting ? copyInQuery() : notProtocol('a COPY that was not requested'));
    return false;
  }

  /** A FATAL ends the connection, as does any error before the session is open. */
  #onError(report: Report): void {
    const { severity, sqlState, message, routine } = report;
    if (this.#opened && !isFatal(severity)) {
      this.#flights.refused(() => serverError(this.#parts.module, report));
      return;
    }
    this.#fatal = serverError(this.#parts.module, report);
    if (this.#opened && !this.#flights.waiting)
      this.#listener.message({ severity, sqlState, message, routine });
    this.#gate.destroy(this.#fatal);
  }

  #onClosed(reason: unknown): void {
    this.#status = 'unknown';
    this.#reason = reason;
    this.#flights.lost(reason, this.#fatal);
    this.#onEnd(reason);
    if (this.#opened) this.#listener.closed(reason);
  }
}

function statusOf(letter: string): TransactionStatus {
  if (letter === 'I') return 'idle';
  if (letter === 'T') return 'in-transaction';
  return letter === 'E' ? 'failed' : 'unknown';
}

function copyInQuery(): PgHerdError {
  return new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'COPY takes or gives a stream: use copyFrom or copyTo. The connection was closed.',
  );
}
