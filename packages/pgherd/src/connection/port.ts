import type { Access } from '../model/names.ts';
import type { Secret } from '../model/secret.ts';
import type { Field, QueryResult, Row, Statement } from '../model/statement.ts';
import type { NodeAddress } from '../model/topology.ts';

/** What a driver can do beyond running one statement at a time. */
export interface DriverCapabilities {
  /** Reports ParameterStatus messages as they come. */
  readonly parameterStatus: boolean;
  /** Reports the transaction status of ReadyForQuery. */
  readonly transactionStatus: boolean;
  /** Asks the server to cancel what runs on a connection: its connections have `cancel`. Default `false`. */
  readonly cancel?: boolean | undefined;
  /**
   * Its connections may have `pipeline`: statements are sent without waiting for earlier ones. Default
   * `false`.
   */
  readonly pipelining?: boolean | undefined;
  /** Runs several statements in one round trip: its connections have `batch`. Default `false`. */
  readonly batch?: boolean | undefined;
  /** Delivers a result in parts: its connections have `cursor`. Default `false`. */
  readonly cursor?: boolean | undefined;
  /** Streams COPY in both directions: its connections have `copyIn` and `copyOut`. Default `false`. */
  readonly copy?: boolean | undefined;
  /** Reports notifications: it calls the listener's `notification`. Default `false`. */
  readonly notifications?: boolean | undefined;
}

/** TLS with the meaning of libpq's `ssl…` parameters. The driver reads the files when it connects. */
export interface TlsRequest {
  readonly mode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full' | 'no-verify';
  /** What is checked of the server's certificate: nothing, its authority, or its authority and its name. */
  readonly verify: 'none' | 'ca' | 'full';
  /** Path of the file with trusted authorities, or `system`. */
  readonly rootCert?: string | undefined;
  readonly cert?: string | undefined;
  /** Path of the private key, or the key itself in PEM form. */
  readonly key?: string | Secret | undefined;
  readonly keyPassword?: Secret | undefined;
  /** Path of the file with revoked certificates. */
  readonly crl?: string | undefined;
  /** Whether the host name is sent in the TLS handshake. */
  readonly sni: boolean;
  readonly negotiation: 'postgres' | 'direct';
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  /** Whether the client certificate is sent if the server asks for one. */
  readonly certMode: 'disable' | 'allow';
}

/** Everything a driver needs to open one connection. */
export interface ConnectRequest {
  readonly address: NodeAddress;
  /** IP addresses of the host, of which the first that accepts the connection is used; `undefined` if the driver looks them up. */
  readonly addresses?: readonly string[] | undefined;
  readonly user: string;
  readonly database: string;
  readonly password?: Secret | undefined;
  readonly tls: TlsRequest;
  /** Authentication methods that the server may ask for; `undefined` for any. `none`: it need not ask. */
  readonly requireAuth?: readonly string[] | undefined;
  /** Why these methods, for the error; the list follows. Default: `require_auth` allows them. */
  readonly requireAuthRule?: string | undefined;
  /** Whether the authentication must be bound to the TLS channel. */
  readonly channelBinding?: 'disable' | 'prefer' | 'require' | undefined;
  readonly applicationName?: string | undefined;
  /** Startup parameters by name. */
  readonly startup: Readonly<Record<string, string>>;
  /** TCP keepalives begin after this many milliseconds of silence; `undefined` turns them off. */
  readonly keepAliveMs: number | undefined;
  /**
   * Whether there is a pooler before the server: the next statement may run in a session that lacks what this
   * one left.
   */
  readonly behindPooler?: boolean | undefined;
}

/** A message that answers no statement: NOTICE, WARNING, or a FATAL while nothing runs. */
export interface ServerMessage {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  /** Function in the server's source that reported it; `undefined` if the server does not name it. */
  readonly routine: string | undefined;
}

/**
 * What a connection reports while it is open. The methods are called synchronously, in the order of the
 * messages.
 */
export interface ConnectionListener {
  /** A ParameterStatus message; those before the first ReadyForQuery included. */
  parameter(name: string, value: string): void;
  /** A message that answers no statement. */
  message(message: ServerMessage): void;
  /** The connection was closed, by either side. Called once, and only if the connection had been opened. */
  closed(error: unknown): void;
  /** A NOTIFY on a channel that this session listens to. */
  notification?(notification: Notification): void;
}

/** One notification. */
export interface Notification {
  readonly channel: string;
  /** Empty if NOTIFY had no payload. */
  readonly payload: string;
  /** Process ID of the session that sent it. */
  readonly processId: number;
}

/** A result that is delivered in parts. */
export interface DriverCursor {
  /** Whether nothing else can run on the connection until the cursor ends; `false` inside a transaction. */
  readonly exclusive: boolean;
  /** The columns, known once the first part was read. */
  readonly fields: DriverResult['fields'];
  /** The next rows, at most `count`; `done` with the last ones. Rejects as {@link DriverConnection.query}. */
  read(count: number): Promise<{ readonly rows: Row[]; readonly done: boolean }>;
  /**
   * Ends it early if it has not ended. Resolves when the connection is ready for other work, or closed. Never
   * rejects.
   */
  close(): Promise<void>;
}

/** A COPY to the server. */
export interface DriverCopyIn {
  /** Settles when the COPY ends; rejects as soon as the server refuses a row. */
  readonly result: Promise<DriverResult>;
  /**
   * Sends a chunk. Returns a promise if the caller should wait before the next one. Does nothing once the
   * COPY has ended.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Completes the COPY after the last chunk. */
  end(): Promise<DriverResult>;
  /**
   * Cancels the COPY: no row is kept. Resolves when the connection is ready for other work, or closed. Never
   * rejects.
   */
  fail(reason: string): Promise<void>;
}

/** A COPY from the server. */
export interface DriverCopyOut {
  /** The next chunk, `undefined` at the end. Until it is read the server waits. Rejects if the COPY fails. */
  read(): Promise<Uint8Array | undefined>;
  /** The result of the COPY, after the last chunk. */
  readonly result: Promise<DriverResult>;
  /** Discards the rest. Resolves when the connection is ready for other work, or closed. Never rejects. */
  drain(): Promise<void>;
}

/** Outside a transaction, inside one, inside one that has failed, or not known. */
export type TransactionStatus = 'idle' | 'in-transaction' | 'failed' | 'unknown';

/** The result of a statement, before the cluster adds the node. */
export type DriverResult = Omit<QueryResult, 'node'>;

/**
 * A statement that shares a connection with others. Exactly one of `answered` and `failed` is called, once.
 */
export interface PipelinedStatement {
  readonly statement: Statement;
  /** Whether this SQL is executed often enough to be worth a prepared statement. */
  readonly prepare: boolean;
  /** Called at its ReadyForQuery: what it wrote is committed. */
  answered(rows: Row[], rowCount: number | null, fields: readonly Field[], command: string): void;
  /**
   * Called at its ReadyForQuery, or when the connection is closed. Errors as of
   * {@link DriverConnection.query}.
   */
  failed(error: unknown): void;
}

/** What is under way on a connection, as far as it tells a lost one from a slow one. */
export interface Traffic {
  /**
   * Whether an answer is awaited and it is the server's turn: all that was asked was given to the network, and reading is not held up.
   */
  readonly awaitsServer: boolean;
  /** Bytes received so far. */
  readonly received: number;
}

/** What a connection offers if each of its transactions may run in another session of the server. */
export interface PerTransaction {
  /** Sets whether the transactions that begin from now on may write. */
  useFor(access: Access): void;
  /** Whether the transaction that was sent last cannot have written. */
  readonly couldNotWrite: boolean;
}

/** One open connection. */
export interface DriverConnection {
  /** Values of the ParameterStatus messages, by name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Transaction status of the last ReadyForQuery. */
  readonly status: TransactionStatus;
  /**
   * Whether the session was changed (SET, LISTEN, PREPARE, temporary tables …) since it was opened or reset.
   */
  readonly dirty: boolean;
  readonly closed: boolean;
  /** IP address of the server; `undefined` for a Unix socket, or if the driver does not know it. */
  readonly remoteAddress?: string | undefined;
  /** Process ID of BackendKeyData, which a pooler invents; `undefined` if the driver does not know it. */
  readonly backendPid?: number | undefined;
  /**
   * What is under way; asked for seldom. Without it a connection that the network has lost while it was in use is not found out.
   */
  readonly traffic?: Traffic | undefined;
  /**
   * Present if each transaction may run in another session of the server, as behind a pooler: a session keeps
   * nothing then. Drivers leave it out. pgherd adds it to connections that lead to a pooler.
   */
  readonly perTransaction?: PerTransaction | undefined;
  /**
   * Runs one statement. Rejects with the driver's own error; if the driver did not send it, with a
   * `PgHerdError`: `PGHERD_CONNECTION_LOST` with `details: { phase: 'not-handed' }` if the connection was
   * already closed, `PGHERD_INVALID_ARGUMENT` if the statement cannot be sent. `PGHERD_CONNECTION_LOST`
   * without a phase means that the statement was sent: a write is then not run again, since it may have been
   * executed. `prepare`: this SQL is executed often enough to be worth a prepared statement, and the
   * transaction in which it runs can be run again if that statement turns out to be of an old schema.
   */
  query(statement: Statement, prepare?: boolean): Promise<DriverResult>;
  /**
   * Sends a statement behind those that are in flight, as a transaction of its own. Statements that the
   * server did not execute because it ended the connection with a FATAL before them fail with
   * `PGHERD_CONNECTION_LOST` and `details: { phase: 'behind-fatal' }`. Nothing else may run on the connection
   * meanwhile.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a statement that cannot be sent; its methods are not
   *   called then.
   */
  readonly pipeline?: ((one: PipelinedStatement) => void) | undefined;
  /**
   * Runs SQL of pgherd's own with the simple protocol; resolves to the last statement's result. Its values are text, whatever their
   * type: parsers of the application have no part in it. Never makes the session dirty.
   */
  simple(text: string): Promise<DriverResult>;
  /**
   * Runs SQL of the application's with the simple protocol; resolves to the last statement's result, with values as of {@link query}.
   * Nothing else of the application's is run on the connection afterwards.
   */
  script(text: string): Promise<DriverResult>;
  /**
   * Runs statements in one round trip and, outside a transaction, atomically. Rejects as {@link query}; an
   * error of the server has the property `index`, the position of the statement that failed. Names of
   * statements are ignored. `prepare` as of {@link query}, for all of them.
   */
  readonly batch?:
    | ((statements: readonly Statement[], prepare?: boolean) => Promise<DriverResult[]>)
    | undefined;
  /** Opens a cursor. Nothing is sent before the first `read`. */
  readonly cursor?: ((statement: Statement) => DriverCursor) | undefined;
  /** Starts `COPY … FROM STDIN`; resolves when the server accepts data. Rejects as {@link query}. */
  readonly copyIn?: ((text: string) => Promise<DriverCopyIn>) | undefined;
  /** Starts `COPY … TO STDOUT`; resolves when the server sends data. Rejects as {@link query}. */
  readonly copyOut?: ((text: string) => Promise<DriverCopyOut>) | undefined;
  /**
   * Asks the server to cancel what runs on this connection, over another one to the same address with the
   * same protection. Resolves once the server has delivered the request, so that it cannot hit a statement
   * sent afterwards; whether anything was cancelled is not known. Rejects if the request could not be
   * delivered, and on abort, after which it may or may not have been.
   */
  cancel?(signal: AbortSignal): Promise<void>;
  /** Resets the session (`DISCARD ALL`). */
  reset(): Promise<void>;
  /**
   * The present state of the session counts as clean: {@link dirty} becomes `false`. Absent if the driver
   * does not track changes.
   */
  markClean?(): void;
  /** Sets whether this connection keeps the process alive. */
  setRef(ref: boolean): void;
  /** Sends Terminate and closes the connection. Never rejects. */
  end(): Promise<void>;
  /** Destroys the socket at once. No answer is delivered any more, also none that has been read already. */
  destroy(): void;
}

/** A driver as pgherd sees it: it opens connections, and nothing else. */
export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /**
   * The IP addresses of a host name, in the order in which they are to be tried. Rejects with the system's error. Without it the driver
   * looks them up by itself when it connects, and a name is one node, however many addresses it has.
   */
  lookUp?(host: string): Promise<readonly string[]>;
  /**
   * Opens a connection and authenticates. Rejects with the driver's or the system's own error. If the signal
   * aborts, it destroys the socket at once and rejects with the signal's reason.
   */
  connect(
    request: ConnectRequest,
    listener: ConnectionListener,
    signal: AbortSignal,
  ): Promise<DriverConnection>;
}
