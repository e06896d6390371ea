import type { Clock } from 'pgherd';
import type { ConnectionListener, ConnectRequest, Driver, DriverConnection } from 'pgherd/connection';

/** What a client can do to a server that costs it something. */
export type Cost = 'probe' | 'slots' | 'long-poll' | 'monitor-connect' | 'pool-connect' | 'validation';

/** One thing that a client did, and when. */
export interface Charge {
  readonly at: number;
  readonly node: string;
  readonly cost: Cost;
}

/** Servers that exist only as far as a monitor asks them, and that count what they are asked. */
export interface CountedNodes {
  readonly driver: Driver;
  readonly charges: readonly Charge[];
  /** The server ends, with all its connections; fresh ones are refused. */
  kill(node: string): void;
  /** The standby leaves recovery, on the next timeline. */
  promote(node: string): void;
  /** The server is there again, as a standby, or with the role that is given. */
  rejoin(node: string, role?: 'primary' | 'standby'): void;
  /** Logins are refused with this SQLSTATE, and the open connections end; `undefined`: they are accepted again. */
  refuse(node: string, sqlState: string | undefined): void;
}

interface Server {
  role: 'primary' | 'standby' | 'down';
  timeline: number;
  startedAt: number;
  /** SQLSTATE by which logins are refused. */
  refusal: string | undefined;
  readonly connections: Set<Connection>;
  /** Long polls that wait for the promotion. */
  readonly polls: Set<() => void>;
}

/** Round trip of a statement, and time of a handshake with its authentication, ms. */
const ROUND_TRIP_MS = 1;
const HANDSHAKE_MS = 5;
const SYSTEM = '7300000000000000001';

/** Servers `names`, the first of them primary, each of which lets so many clients in. */
export function countedNodes(names: readonly string[], clock: Clock, maxConnections = 1_000): CountedNodes {
  const charges: Charge[] = [];
  const servers = new Map<string, Server>(
    names.map((name, index) => [
      name,
      {
        role: index === 0 ? 'primary' : 'standby',
        timeline: 1,
        startedAt: index + 1,
        refusal: undefined,
        connections: new Set(),
        polls: new Set(),
      },
    ]),
  );
  const server = (name: string): Server => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(`no server is called ${name}`);
    return found;
  };
  const charge = (node: string, cost: Cost) => charges.push({ at: clock.now(), node, cost });

  async function connect(request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) {
    const { host } = request.address;
    charge(host, request.applicationName?.endsWith(' monitor') === true ? 'monitor-connect' : 'pool-connect');
    await later(clock, server(host).role === 'down' ? ROUND_TRIP_MS : HANDSHAKE_MS);
    if (signal.aborted) throw signal.reason;
    if (server(host).role === 'down') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const { refusal } = server(host);
    if (refusal !== undefined) {
      throw Object.assign(new Error('refused by the server'), { code: refusal, severity: 'FATAL' });
    }
    const connection = new Connection(server(host), listener, clock, maxConnections, (cost) =>
      charge(host, cost),
    );
    server(host).connections.add(connection);
    return connection;
  }

  return {
    charges,
    driver: { name: 'counted', capabilities: { parameterStatus: true, transactionStatus: true }, connect },
    kill(node) {
      server(node).role = 'down';
      for (const connection of [...server(node).connections]) connection.lose();
    },
    promote(node) {
      server(node).role = 'primary';
      server(node).timeline++;
      for (const notice of [...server(node).polls]) notice();
    },
    rejoin(node, role = 'standby') {
      server(node).role = role;
      server(node).startedAt += names.length;
    },
    refuse(node, sqlState) {
      server(node).refusal = sqlState;
      if (sqlState === undefined) return;
      for (const connection of [...server(node).connections]) connection.lose();
    },
  };
}

class Connection implements DriverConnection {
  readonly status = 'idle';
  readonly dirty = false;
  readonly parameters: ReadonlyMap<string, string>;
  closed = false;
  readonly #server: Server;
  readonly #listener: ConnectionListener;
  readonly #clock: Clock;
  readonly #charge: (cost: Cost) => void;
  readonly #maxConnections: number;
  readonly #open = new Set<(error: Error) => void>();

  constructor(
    server: Server,
    listener: ConnectionListener,
    clock: Clock,
    maxConnections: number,
    charge: (cost: Cost) => void,
  ) {
    this.#server = server;
    this.#maxConnections = maxConnections;
    this.#listener = listener;
    this.#clock = clock;
    this.#charge = charge;
    this.parameters = new Map([
      ['server_version', '18.4'],
      ['in_hot_standby', server.role === 'standby' ? 'on' : 'off'],
      ['default_transaction_read_only', 'off'],
    ]);
  }

  query(): Promise<Answer> {
    return this.#answered(later(this.#clock, ROUND_TRIP_MS), {});
  }

  script(text: string): Promise<Answer> {
    return this.simple(text);
  }

  simple(text: string): Promise<Answer> {
    const bound = /^DO .*?interval '(\d+) milliseconds'.*?step float8 := ([0-9.]+)/s.exec(text);
    if (bound !== null) return this.#longPoll(Number(bound[1]), Number(bound[2]) * 1_000);
    if (text === 'SELECT 1') this.#charge('validation');
    if (!text.startsWith('select ')) return this.#answered(later(this.#clock, ROUND_TRIP_MS), {});
    this.#charge(text.includes('numbackends') ? 'slots' : 'probe');
    return this.#answered(later(this.#clock, ROUND_TRIP_MS), facts(this.#server, this.#maxConnections));
  }

  /** Answers at the first look after the promotion, or at the bound. */
  async #longPoll(boundMs: number, stepMs: number): Promise<Answer> {
    this.#charge('long-poll');
    const startedAt = this.#clock.now();
    const { polls } = this.#server;
    let notice: () => void = () => undefined;
    const promoted = new Promise<void>((resolve) => {
      notice = resolve;
      polls.add(notice);
    });
    const bound = later(this.#clock, this.#server.role === 'standby' ? boundMs : ROUND_TRIP_MS);
    const look = async () => later(this.#clock, stepMs - ((this.#clock.now() - startedAt) % stepMs));
    const result = await this.#answered(Promise.race([bound, promoted.then(look)]), {});
    polls.delete(notice);
    if (this.#server.role === 'primary') this.#listener.parameter('in_hot_standby', 'off');
    return result;
  }

  #answered(wait: Promise<void>, row: Readonly<Record<string, unknown>>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#open.add(reject);
      void wait.then(() => {
        this.#open.delete(reject);
        resolve({ rows: [row], rowCount: 1, fields: [], command: 'SELECT' });
      });
    });
  }

  /** The server ended. */
  lose(): void {
    if (this.closed) return;
    this.destroy();
    const error = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    this.#listener.closed(error);
    for (const reject of this.#open) reject(error);
  }

  async reset(): Promise<void> {}

  setRef(): void {}

  async end(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    this.closed = true;
    this.#server.connections.delete(this);
  }
}

type Answer = Awaited<ReturnType<DriverConnection['simple']>>;

/** The row of a full probe. */
function facts(server: Server, maxConnections: number): Readonly<Record<string, string | null>> {
  const standby = server.role === 'standby';
  return {
    in_recovery: String(standby),
    read_only: 'off',
    version: '180004',
    max_connections: String(maxConnections),
    started: String(server.startedAt),
    timeline: standby ? null : server.timeline.toString(16).padStart(8, '0').toUpperCase(),
    lsn: '0/2000000',
    received: standby ? '0/2000000' : null,
    replay_age: null,
    system_identifier: SYSTEM,
    checkpoint_timeline: String(server.timeline),
  };
}

function later(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(ms, resolve);
  });
}
