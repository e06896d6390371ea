import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chown, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { type TestNode, waitUntil } from '@pgherd/testing';
import { type PortReservation, reservePorts } from '@pgherd/testing/internal';

/** Where distributions put the program; `sbin` is often not on the path. */
const PLACES = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'];

/** Where PgBouncer is installed, or `undefined`. */
export const pgbouncerPath: string | undefined = PLACES.find((place) => {
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** Settings of `[pgbouncer]`, over those below. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>;

const DEFAULTS: PgBouncerSettings = {
  pool_mode: 'transaction',
  default_pool_size: 30,
  max_client_conn: 500,
  // As docs/poolers.md advises: a server that came back is tried at once.
  server_login_retry: 1,
  server_connect_timeout: 2,
  query_wait_timeout: 5,
};

/** One PgBouncer before one server, on a free port of 127.0.0.1. */
export class PgBouncer implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  /** `host:port`, as pgherd calls it. */
  readonly name: string;
  /** URL of the database `app` for the role `app`. */
  readonly url: string;
  readonly #directory: string;
  readonly #reservation: PortReservation;
  #child: ChildProcess | undefined;

  /** @internal */
  constructor(directory: string, reservation: PortReservation) {
    const [port] = reservation.ports;
    if (port === undefined) throw new Error('no port was reserved');
    this.port = port;
    this.name = `${this.host}:${port}`;
    this.url = `postgresql://app:app@${this.name}/app`;
    this.#directory = directory;
    this.#reservation = reservation;
  }

  /** Starts the program; resolves when it takes connections. */
  async start(): Promise<void> {
    if (pgbouncerPath === undefined) throw new Error(`PgBouncer is not installed in ${PLACES.join(', ')}`);
    const { uid, gid } = await stat(this.#directory);
    const child = spawn(pgbouncerPath, ['-q', 'pgbouncer.ini'], {
      cwd: this.#directory,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'] },
      // It refuses to run as root; the servers' own user has the directory.
      ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    });
    this.#child = child;
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    await waitUntil(() => ended || takesConnections(this.port), { what: `PgBouncer on ${this.port}` });
    if (ended) throw new Error(`PgBouncer ended at once:\n${await this.log()}`);
  }

  /** What it has logged. */
  async log(): Promise<string> {
    return readFile(path.join(this.#directory, 'pgbouncer.log'), 'utf8').catch(() => '');
  }

  /** SIGKILL: its clients' connections and those to the server end without a word. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it. Its files go with the cluster's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#reservation.release();
  }
}

/**
 * Starts a PgBouncer before a node of a test cluster. Its files lie in the cluster's own directory, so that the kit's supervisor
 * ends it and removes them, also when the test process dies.
 */
export async function startPgBouncer(node: TestNode, settings: PgBouncerSettings = {}): Promise<PgBouncer> {
  const parent = path.dirname(node.dataDirectory);
  const { uid, gid } = await stat(node.dataDirectory);
  const directory = await mkdtemp(path.join(parent, 'pgbouncer-'));
  const reservation = await reservePorts(1);
  const bouncer = new PgBouncer(directory, reservation);
  try {
    const all = { listen_addr: bouncer.host, listen_port: bouncer.port, ...DEFAULTS, ...settings };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
    const files = {
      'pgbouncer.ini':
        `[databases]\n* = host=${node.host} port=${node.directPort}\n[pgbouncer]\n${lines.join('')}` +
        'unix_socket_dir =\nauth_type = trust\nauth_file = users.txt\nlogfile = pgbouncer.log\n',
      'users.txt': '"app" "app"\n',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);
    for (const place of [directory, ...Object.keys(files).map((name) => path.join(directory, name))]) {
      if (process.getuid?.() === 0) await chown(place, uid, gid);
    }
    await bouncer.start();
    return bouncer;
  } catch (error) {
    await bouncer[Symbol.asyncDispose]();
    throw error;
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const settle = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });
}
