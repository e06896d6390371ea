import type { Access } from '../model/names.ts';
import type { Secret } from '../model/secret.ts';
import type { Field, QueryResult, Row, Statement } from '../model/statement.ts';
import type { NodeAddress } from '../model/topology.ts';

/** What a driver can do beyond running one statement at a time. */
export interface DriverCapabilities {
  /** Reports ParameterStatus messages as they come. */
  readonly parameterStatus: boolean;
  /** Tells the transaction status of ReadyForQuery. */
  readonly transactionStatus: boolean;
  /** Asks the server to cancel what runs on a connection: its connections have `cancel`. Default `false`. */
  readonly cancel?: boolean | undefined;
  /** Its connections may have {@link DriverConnection.pipeline}: statements are sent without waiting for those before. */
  readonly pipelining?: boolean | undefined;
  /** Runs several statements in one round trip: its connections have `batch`. Default `false`. */
  readonly batch?: boolean | undefined;
  /** Hands out a result in parts: its connections have `cursor`. Default `false`. */
  readonly cursor?: boolean | undefined;
  /** Streams COPY both ways: its connections have `copyIn` and `copyOut`. Default `false`. */
  readonly copy?: boolean | undefined;
  /** Tells of notifications: it calls the listener's `notification`. Default `false`. */
  readonly notifications?: boolean | undefined;
}

/** TLS as libpq's `sslmode` family means it. Paths are read by the driver when it connects. */
export interface TlsRequest {
  readonly mode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full' | 'no-verify';
  /** What of the server's certificate is checked: nothing, its authority, or its name as well. */
  readonly verify: 'none' | 'ca' | 'full';
  /** Path of the file with trusted authorities, or `system`. */
  readonly rootCert?: string | undefined;
  readonly cert?: string | undefined;
  /** Path of the private key's file, or the key itself in PEM form. */
  readonly key?: string | Secret | undefined;
  readonly keyPassword?: Secret | undefined;
  /** Path of the file with revoked certificates. */
  readonly crl?: string | undefined;
  /** Whether the host name is sent in the TLS handshake. */
  readonly sni: boolean;
  readonly negotiation: 'postgres' | 'direct';
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  /** Whether a client certificate is shown when the server asks for one. */
  readonly certMode: 'disable' | 'allow';
}

/** Everything a driver needs to open one connection. */
export interface ConnectRequest {
  readonly address: NodeAddress;
  readonly user: string;
  readonly database: string;
  readonly password?: Secret | undefined;
  readonly tls: TlsRequest;
  /** Methods by which the server may ask for a proof of identity; `undefined` for any. `none`: it need not ask. */
  readonly requireAuth?: readonly string[] | undefined;
  /** The same for a connection that TLS does not protect; `undefined` for no difference. */
  readonly requireAuthInClear?: readonly string[] | undefined;
  /** Whether the authentication must be bound to the TLS channel. */
  readonly channelBinding?: 'disable' | 'prefer' | 'require' | undefined;
  readonly applicationName?: string | undefined;
  /** Startup parameters by name. */
  readonly startup: Readonly<Record<string, string>>;
  /** First keepalive after this many milliseconds of silence; `undefined` turns keepalives off. */
  readonly keepAliveMs: number | undefined;
  /** Whether a pooler stands in between: what a statement leaves in its session, a prepared one included, the next may not find. */
  readonly behindPooler?: boolean | undefined;
}

/** A message that the server sent by itself: NOTICE, WARNING, or a FATAL outside a statement. */
export interface ServerMessage {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  /** Function of the server's source that said it, where the server tells. */
  readonly routine: string | undefined;
}

/** What a connection tells while it lives. Calls come synchronously, in the order of the wire. */
export interface ConnectionListener {
  /** ParameterStatus, also those before the first ReadyForQuery. */
  parameter(name: string, value: string): void;
  /** Something the server said by itself. */
  message(message: ServerMessage): void;
  /** The connection is gone, by whichever side; called once, never for a connection that was never opened. */
  closed(error: unknown): void;
  /** What came by NOTIFY for a channel that this session listens to. */
  notification?(notification: Notification): void;
}

/** One message of NOTIFY. */
export interface Notification {
  readonly channel: string;
  /** The empty text where NOTIFY gave none. */
  readonly payload: string;
  /** Process number of the session that sent it. */
  readonly processId: number;
}

/** A result that is handed out in parts. */
export interface DriverCursor {
  /** Whether nothing else can run on the connection until the end; `false` inside a transaction. */
  readonly exclusive: boolean;
  /** The columns, once the first part is there. */
  readonly fields: DriverResult['fields'];
  /** The next rows, `count` at most; none more follow once `done`. Rejects as {@link DriverConnection.query}. */
  read(count: number): Promise<{ readonly rows: Row[]; readonly done: boolean }>;
  /** Ends it early, or does nothing: resolves when the connection is ready for other work or gone. Never rejects. */
  close(): Promise<void>;
}

/** A COPY that takes data. */
export interface DriverCopyIn {
  /** Settles with the COPY: rejects at once when the server refuses a row. */
  readonly result: Promise<DriverResult>;
  /** Hands over a piece; a promise where the connection has enough for now. Does nothing once the COPY has ended. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** All was handed over. */
  end(): Promise<DriverResult>;
  /** Gives up: nothing of it is kept. Resolves when the connection is ready for other work or gone. Never rejects. */
  fail(reason: string): Promise<void>;
}

/** A COPY that gives data. */
export interface DriverCopyOut {
  /** The next piece, `undefined` at the end. Pieces that are not read hold the server up. Rejects as the COPY does. */
  read(): Promise<Uint8Array | undefined>;
  /** What the COPY gave, after the last piece. */
  readonly result: Promise<DriverResult>;
  /** Throws away what is left. Resolves when the connection is ready for other work or gone. Never rejects. */
  drain(): Promise<void>;
}

/** `idle`, inside a transaction, inside a failed one, or not known. */
export type TransactionStatus = 'idle' | 'in-transaction' | 'failed' | 'unknown';

/** What a statement gave, before the cluster adds the node. */
export type DriverResult = Omit<QueryResult, 'node'>;

/** A statement that shares a connection with others, and who is told what became of it: exactly one of the two, once. */
export interface PipelinedStatement {
  readonly statement: Statement;
  /** Whether the text comes often enough to be worth a prepared statement. */
  readonly prepare: boolean;
  /** At ReadyForQuery: what was written is committed. */
  answered(rows: Row[], rowCount: number | null, fields: readonly Field[], command: string): void;
  /** At ReadyForQuery, or when the connection is gone. Errors as of {@link DriverConnection.query}. */
  failed(error: unknown): void;
}

/** What a connection knows if each of its transactions may run in another session of the server. */
export interface PerTransaction {
  /** Says what the transactions that begin from now on may do. */
  useFor(access: Access): void;
  /** Whether what was sent last cannot have written. */
  readonly couldNotWrite: boolean;
}

/** One open connection. */
export interface DriverConnection<C = unknown> {
  /** The driver's own object. */
  readonly client: C;
  /** Parameters the server reported, by name. */
  readonly parameters: ReadonlyMap<string, string>;
  /** As of the last ReadyForQuery. */
  readonly status: TransactionStatus;
  /** Whether the session was changed (SET, LISTEN, PREPARE, temporary tables …) since it was opened or reset. */
  readonly dirty: boolean;
  readonly closed: boolean;
  /** IP address of the other side; `undefined` for a Unix socket, or where the driver cannot tell. */
  readonly remoteAddress?: string | undefined;
  /** Process number by which the server says it can be cancelled; a pooler makes one up. `undefined` where not told. */
  readonly backendPid?: number | undefined;
  /**
   * Present if each transaction may run in another session of the server, as behind a pooler: nothing is kept in a session then.
   * A driver leaves it out: the library adds it to the connections that lead to a pooler.
   */
  readonly perTransaction?: PerTransaction | undefined;
  /**
   * Runs one statement. Rejects with the driver's own error; if the driver did not send it, with a `PgHerdError`:
   * `PGHERD_CONNECTION_LOST` with `details: { phase: 'not-handed' }` because the connection was gone already,
   * `PGHERD_INVALID_ARGUMENT` because of the statement. `PGHERD_CONNECTION_LOST` without a phase says that the statement was sent: a
   * write is then not run again, since it may have been executed.
   */
  query(statement: Statement): Promise<DriverResult>;
  /**
   * Sends a statement behind those that are in flight, as a transaction of its own. Statements that the server never came to
   * because it ended the connection with a FATAL fail with `PGHERD_CONNECTION_LOST` and `details: { phase: 'behind-fatal' }`.
   * Nothing else may run on the connection meanwhile.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a statement that cannot be sent; it is then told nothing.
   */
  readonly pipeline?: ((one: PipelinedStatement) => void) | undefined;
  /** Runs text of the library by the simple protocol; gives the result of its last statement. Never makes the session dirty. */
  simple(text: string): Promise<DriverResult>;
  /**
   * Runs statements in one round trip and, outside a transaction, as one: all or nothing. Rejects as {@link query}; an error
   * of the server has as `index` the place of the statement that failed. Names of statements are ignored.
   */
  readonly batch?: ((statements: readonly Statement[]) => Promise<DriverResult[]>) | undefined;
  /** A result in parts. Nothing is sent before the first `read`. */
  readonly cursor?: ((statement: Statement) => DriverCursor) | undefined;
  /** Starts `COPY … FROM STDIN`; resolves when the server takes data. Rejects as {@link query}. */
  readonly copyIn?: ((text: string) => Promise<DriverCopyIn>) | undefined;
  /** Starts `COPY … TO STDOUT`; resolves when the server gives data. Rejects as {@link query}. */
  readonly copyOut?: ((text: string) => Promise<DriverCopyOut>) | undefined;
  /**
   * Asks the server to cancel what runs on this connection, over another one to the very same address and as well protected.
   * Resolves once the server has passed it on, so that nothing that is handed over afterwards can be hit; it is not told whether
   * anything was cancelled. Rejects where it could not be asked. An abort gives up, and then nobody knows.
   */
  cancel?(signal: AbortSignal): Promise<void>;
  /** Makes the session as new (`DISCARD ALL`). */
  reset(): Promise<void>;
  /** What the session is now counts as new: it is not {@link dirty}. Absent where the driver cannot tell what changes a session. */
  markClean?(): void;
  /** Whether this connection keeps the process alive. */
  setRef(ref: boolean): void;
  /** Says goodbye and closes. Never rejects. */
  end(): Promise<void>;
  /** Destroys the socket at once. */
  destroy(): void;
}

/** A driver seen from pgherd: it opens connections, and nothing else. One adapter is one file under `drivers/`. */
export interface Driver<C = unknown> {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /**
   * Opens a connection and authenticates. Rejects with the driver's or the system's own error.
   * An abort destroys the socket at once and rejects with the signal's reason.
   */
  connect(
    request: ConnectRequest,
    listener: ConnectionListener,
    signal: AbortSignal,
  ): Promise<DriverConnection<C>>;
}
