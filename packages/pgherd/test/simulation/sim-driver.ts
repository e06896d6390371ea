import type {
  ConnectionListener,
  ConnectRequest,
  Driver,
  DriverConnection,
  DriverResult,
  PipelinedStatement,
  Traffic,
  TransactionStatus,
} from '../../src/connection/port.ts';
import { PgHerdError } from '../../src/model/errors.ts';
import type { Statement } from '../../src/model/statement.ts';
import type { Backend, SentStatement } from './backend.ts';
import { type ServerSays, SimServerError } from './messages.ts';
import type { Wire } from './network.ts';
import type { Server } from './server.ts';
import { type Parsed, parse } from './sql.ts';

/** Told of what passes between the client and its connections. */
export interface Watcher {
  /** A statement is handed to a connection. */
  sending(connection: SimConnection, statement: SentStatement): void;
  /** A statement was answered, and the promise of it settles next. */
  answered(connection: SimConnection, statement: SentStatement, outcome: DriverResult | Error): void;
  /** ParameterStatus arrived. */
  parameter(connection: SimConnection, name: string, value: string): void;
  /** A connection attempt begins. */
  dialling(connection: SimConnection): void;
  opened(connection: SimConnection): void;
  /** Its socket is no more, or the attempt failed. */
  gone(connection: SimConnection): void;
}

interface Job extends SentStatement {
  readonly resolve: (result: DriverResult) => void;
  readonly reject: (error: unknown) => void;
  readonly askedAt: number;
}

/** What a monitor says. */
const MONITORS_OWN: ReadonlySet<Parsed['kind']> = new Set([
  'probe',
  'long-poll',
  'set-name',
  'slots',
  'standby-waits',
  'read-only-setting',
  'own-pid',
  'look',
  'end-backends',
  'lock-wait',
]);
/** After this time Linux repeats an unanswered SYN for the first time. */
const SYN_AGAIN_MS = 1_000;
const STATEMENT_CHANGES_SESSION = /^\s*(SET|RESET|DISCARD|LISTEN|PREPARE|CREATE TEMP)\b/i;

/** A connection of the client, which says and hears over the simulated network what a driver would over a socket. */
export class SimConnection implements DriverConnection {
  readonly server: Server;
  readonly wire: Wire;
  readonly parameters = new Map<string, string>();
  readonly isMonitor: boolean;
  /** Whether it is known to be the pool's: the monitor opens its first connection as the pool does, which may take it over. */
  isPools = false;
  /** `host:port`, as the client calls it. */
  readonly node: string;
  /** Life of the server that it was opened in; `undefined` before. */
  life: number | undefined;
  status: TransactionStatus = 'unknown';
  dirty = false;
  closed = false;
  /** When the statement that is on its way was sent. */
  askedAt = 0;
  /** Whether the client is done with it. */
  leaving = false;
  readonly #listener: ConnectionListener;
  readonly #watcher: Watcher;
  readonly #now: () => number;
  readonly #showsTraffic: boolean;
  #received = 0;
  #backend: Backend | undefined;
  #active: Job | undefined;
  #queue: Job[] = [];
  /** Statements that were sent without waiting for those before. */
  #pipelined: Job[] = [];
  #opened: { readonly done: () => void; readonly failed: (error: unknown) => void } | undefined;
  #wasOpen = false;
  #onEnd: (() => void)[] = [];

  constructor(
    server: Server,
    request: ConnectRequest,
    listener: ConnectionListener,
    watcher: Watcher,
    now: () => number,
    showsTraffic = false,
  ) {
    this.#showsTraffic = showsTraffic;
    this.server = server;
    this.wire = server.link.wire();
    this.node = `${request.address.host}:${request.address.port}`;
    this.isMonitor = request.applicationName?.endsWith('monitor') === true;
    this.#listener = listener;
    this.#watcher = watcher;
    this.#now = now;
  }

  get backendPid(): number | undefined {
    return this.#showsTraffic ? this.#backend?.pid : undefined;
  }

  get traffic(): Traffic | undefined {
    if (!this.#showsTraffic) return undefined;
    const awaitsServer = this.#active !== undefined || this.#pipelined.length > 0;
    return { awaitsServer: awaitsServer && !this.closed, received: this.#received };
  }

  open(request: ConnectRequest, signal: AbortSignal): Promise<this> {
    const startup = {
      user: request.user,
      applicationName: request.applicationName ?? '',
      readOnly: request.startup['default_transaction_read_only'] === 'on',
    };
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#opened = undefined;
        this.#die();
        reject(signal.reason);
      };
      const end = () => {
        this.#opened = undefined;
        signal.removeEventListener('abort', onAbort);
      };
      this.#opened = {
        done: () => {
          end();
          resolve(this);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else this.#knock(startup);
    });
  }

  #knock(startup: Parameters<Server['accept']>[1]): void {
    const { server } = this;
    const knock = (round: number) => {
      if (!this.wire.clientOpen) return;
      server.link.toServer(this.wire, () => {
        const made = (backend: Backend) => {
          this.#backend = backend;
          backend.hear = (says) => this.hear(says);
        };
        // Nobody is there who could refuse: the kernel asks again, each time after twice as long.
        if (!server.accept(this.wire, startup, made))
          server.repeat(SYN_AGAIN_MS * 2 ** round, () => knock(round + 1));
      });
    };
    knock(0);
  }

  /** The server's words reach the client. */
  hear(says: ServerSays): void {
    this.#received++;
    switch (says.kind) {
      case 'ready':
        this.#tell(says.parameters);
        this.status = 'idle';
        this.#wasOpen = true;
        this.life = this.server.life;
        this.#watcher.opened(this);
        this.#opened?.done();
        return;
      case 'reply':
        this.#onReply(says);
        return;
      case 'message':
        this.#listener.message(says.message);
        return;
      case 'closed':
        this.#onClosed(says.error);
        return;
      default:
        says satisfies never;
    }
  }

  #tell(parameters: readonly (readonly [string, string])[]): void {
    for (const [name, value] of parameters) {
      this.parameters.set(name, value);
      this.#watcher.parameter(this, name, value);
      this.#listener.parameter(name, value);
    }
  }

  #onReply(says: Extract<ServerSays, { kind: 'reply' }>): void {
    const job = this.#active ?? this.#pipelined.shift();
    this.#active = undefined;
    this.#tell(says.parameters);
    this.status = says.status;
    const { outcome } = says;
    if (job !== undefined) {
      this.#watcher.answered(this, job, outcome);
      if (outcome instanceof SimServerError) job.reject(outcome);
      else job.resolve(outcome);
    }
    this.#sendNext();
  }

  #onClosed(error: Error | undefined): void {
    if (this.closed) return;
    const opened = this.#opened;
    this.wire.clientOpen = false;
    if (opened !== undefined) {
      this.closed = true;
      this.#watcher.gone(this);
      opened.failed(error ?? new Error('Connection terminated unexpectedly'));
      return;
    }
    const idle = this.#active === undefined && this.#pipelined.length === 0;
    if (idle && error instanceof SimServerError) {
      const { severity, code, message } = error;
      this.#listener.message({ severity, sqlState: code, message, routine: undefined });
    }
    this.#end(error ?? new Error('Connection terminated unexpectedly'));
  }

  /** Closed: what runs fails with the reason, what was not sent is told so, and then the listener hears of it. */
  #end(reason: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.status = 'unknown';
    this.#watcher.gone(this);
    this.#active?.reject(reason);
    this.#active = undefined;
    const fatal = reason instanceof SimServerError;
    for (const [index, job] of this.#pipelined.splice(0).entries())
      job.reject(fatal && index > 0 ? behindFatal(reason) : reason);
    for (const job of this.#queue.splice(0)) job.reject(lostBefore(reason));
    for (const ended of this.#onEnd.splice(0)) ended();
    if (this.#wasOpen) this.#listener.closed(reason);
  }

  query(statement: Statement): Promise<DriverResult> {
    if (STATEMENT_CHANGES_SESSION.test(statement.text)) this.dirty = true;
    return this.#submit(statement.text, statement.values ?? []);
  }

  readonly pipeline = (one: PipelinedStatement): void => {
    const { text, values } = one.statement;
    if (this.closed || !this.wire.clientOpen) {
      one.failed(lostBefore(undefined));
      return;
    }
    const job: Job = {
      text,
      values: values ?? [],
      askedAt: this.#now(),
      resolve: ({ rows, rowCount, fields, command }) => one.answered(rows, rowCount, fields, command),
      reject: (error) => one.failed(error),
    };
    if (this.#pipelined.length === 0) this.askedAt = job.askedAt;
    this.#pipelined.push(job);
    this.#hand(job);
  };

  simple(text: string): Promise<DriverResult> {
    return this.#submit(text, []);
  }

  script(text: string): Promise<DriverResult> {
    return this.#submit(text, []);
  }

  async reset(): Promise<void> {
    await this.simple('DISCARD ALL');
    this.dirty = false;
  }

  setRef(): void {
    // There is no process to keep alive: the loop counts timers whatever they are.
  }

  end(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.leaving = true;
    return new Promise((resolve) => {
      this.#onEnd.push(resolve);
      const backend = this.#backend;
      this.server.link.toServer(this.wire, () => backend?.leave());
    });
  }

  /** The socket is gone at once; who waits hears of it a moment later, as with a real one. */
  destroy(): void {
    if (this.closed || !this.wire.clientOpen) return;
    this.#die();
    queueMicrotask(() => this.#end(new Error('Connection terminated')));
  }

  #die(): void {
    this.leaving = true;
    this.wire.clientOpen = false;
    this.server.link.toServer(this.wire, () => this.#backend?.leave());
    if (this.#wasOpen) return;
    this.closed = true;
    this.#watcher.gone(this);
  }

  #submit(text: string, values: readonly unknown[]): Promise<DriverResult> {
    if (this.closed || !this.wire.clientOpen) return Promise.reject(lostBefore(undefined));
    return new Promise((resolve, reject) => {
      this.#queue.push({ text, values, resolve, reject, askedAt: this.#now() });
      this.#sendNext();
    });
  }

  /** What needs the connection to itself waits until it is idle, as with a real one. */
  #sendNext(): void {
    if (this.#active !== undefined || this.#pipelined.length > 0) return;
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#active = job;
    this.askedAt = this.#now();
    this.#hand(job);
  }

  #hand(job: Job): void {
    if (!MONITORS_OWN.has(parse(job.text).kind)) this.isPools = !this.isMonitor;
    this.#watcher.sending(this, job);
    const backend = this.#backend;
    this.server.link.toServer(this.wire, () => backend?.receive(job));
  }
}

function lostBefore(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    'the connection was closed before the statement was sent',
    { cause, details: { phase: 'not-handed' } },
  );
}

function behindFatal(cause: unknown): PgHerdError {
  return new PgHerdError('PGHERD_CONNECTION_LOST', 'the server ended before it came to the statement', {
    cause,
    details: { phase: 'behind-fatal' },
  });
}

/**
 * The driver over the simulated network: it opens connections to the servers by host name. With `showsTraffic` those can be found out
 * that the network has lost.
 */
export function simDriver(
  serverOf: (host: string) => Server,
  watcher: Watcher,
  now: () => number,
  showsTraffic = false,
): Driver {
  return {
    name: 'simulated',
    capabilities: { parameterStatus: true, transactionStatus: true, pipelining: true },
    connect(request, listener, signal) {
      const server = serverOf(request.address.host);
      const connection = new SimConnection(server, request, listener, watcher, now, showsTraffic);
      watcher.dialling(connection);
      return connection.open(request, signal);
    },
  };
}
