import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TcpProxy } from '@pgherd/testing';
import { killTree } from '@pgherd/testing/internal';
import { HOST, logOf, run, type Site } from './site.ts';

/** Seconds after which the lock of a lost leader lapses: `loop_wait` + 2 × `retry_timeout` at least. */
const TTL_S = 7;

/** A member in the answer to `GET /cluster`. */
export interface PatroniMember {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly port: number;
}

/** Tags of a member, as Patroni's configuration has them. */
export type PatroniTags = Readonly<Record<string, string | boolean>>;

/** One PostgreSQL server with the Patroni that runs it. */
export class PatroniNode {
  readonly host = HOST;
  readonly port: number;
  readonly restPort: number;
  /** What Patroni calls it. */
  readonly member: string;
  /** What pgherd calls it. */
  readonly name: string;
  readonly tags: PatroniTags;
  /** What lies between its Patroni and etcd; `undefined` if nothing does. */
  store: TcpProxy | undefined;
  readonly #site: Site;
  #patroni: ChildProcess | undefined;

  constructor(site: Site, index: number, tags: PatroniTags) {
    const [port, restPort] = site.ports.ports.slice(2 + 2 * index);
    if (port === undefined || restPort === undefined)
      throw new Error(`no ports are reserved for node ${index + 1}`);
    this.port = port;
    this.restPort = restPort;
    this.member = `node${index + 1}`;
    this.name = `${HOST}:${port}`;
    this.tags = tags;
    this.#site = site;
  }

  /** Address of its REST API. */
  get endpoint(): string {
    return `http://${HOST}:${this.restPort}`;
  }

  /** The members as its own Patroni tells. */
  async members(): Promise<readonly PatroniMember[]> {
    const response = await fetch(`${this.endpoint}/cluster`, { signal: AbortSignal.timeout(2_000) });
    const { members } = (await response.json()) as { members: PatroniMember[] };
    return members;
  }

  /** Starts Patroni, which makes the data directory if there is none. */
  async start(): Promise<void> {
    const name = `${this.member}-patroni`;
    const file = path.join(this.#site.directory, `${this.member}.json`);
    await writeFile(file, JSON.stringify(this.#settings(), undefined, 2));
    this.#patroni = await run(this.#site, name, this.#site.programs.patroni, [file]);
  }

  /** Kills Patroni alone: the server runs on, but is no member any more once its membership has lapsed. */
  async killPatroni(): Promise<void> {
    const patroni = this.#patroni;
    this.#patroni = undefined;
    if (patroni === undefined || patroni.exitCode !== null || patroni.signalCode !== null) return;
    const gone = once(patroni, 'exit');
    patroni.kill('SIGKILL');
    await gone;
  }

  /** Kills Patroni and the server in one moment, as when the machine is lost. */
  async kill(): Promise<void> {
    const patroni = this.#patroni;
    this.#patroni = undefined;
    const [postmaster] = (await readFile(path.join(this.#dataDirectory, 'postmaster.pid'), 'utf8')).split(
      '\n',
    );
    await Promise.all(
      [Number(postmaster), patroni?.pid].map((pid) => (pid === undefined ? undefined : killTree(pid))),
    );
  }

  /** The end of Patroni's log and the server's, for an error. */
  async logTail(): Promise<string> {
    const text = await readFile(logOf(this.#site, `${this.member}-patroni`), 'utf8').catch(() => '');
    return text.split('\n').slice(-15).join('\n');
  }

  /** Directly below the cluster's directory, where the supervisor looks for pid files. */
  get #dataDirectory(): string {
    return path.join(this.#site.directory, this.member);
  }

  /** Patroni reads YAML, of which JSON is a part. */
  #settings(): object {
    const trusted = ['all postgres', 'replication replicator', 'all replicator'];
    return {
      scope: 'herd',
      name: this.member,
      tags: this.tags,
      log: { level: 'INFO' },
      restapi: { listen: `${HOST}:${this.restPort}`, connect_address: `${HOST}:${this.restPort}` },
      // Else Patroni would ask etcd where it is, and pass by what lies in between.
      etcd3: {
        hosts: [`${HOST}:${this.store?.port ?? this.#site.etcdPort}`],
        use_proxies: this.store !== undefined,
      },
      bootstrap: {
        dcs: {
          ttl: TTL_S,
          loop_wait: 1,
          retry_timeout: 3,
          maximum_lag_on_failover: 1_048_576,
          synchronous_mode: true,
          postgresql: { use_pg_rewind: false, parameters: SERVER_SETTINGS },
        },
        initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'no-sync'],
      },
      postgresql: {
        listen: this.name,
        connect_address: this.name,
        data_dir: this.#dataDirectory,
        bin_dir: this.#site.programs.postgres,
        pgpass: path.join(this.#site.directory, `${this.member}-patroni`, 'pgpass'),
        authentication: { superuser: { username: 'postgres' }, replication: { username: 'replicator' } },
        basebackup: [{ checkpoint: 'fast' }, 'no-sync'],
        pg_hba: [
          ...trusted.map((who) => `host ${who} ${HOST}/32 trust`),
          'local all all trust',
          `host all all ${HOST}/32 scram-sha-256`,
        ],
        parameters: { unix_socket_directories: path.join(this.#site.directory, `${this.member}-patroni`) },
      },
    };
  }
}

/** Only processes die in these tests, never the machine: the kernel keeps what was written. */
const SERVER_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: 100,
  shared_buffers: '16MB',
  wal_keep_size: '256MB',
  wal_receiver_status_interval: '1s',
  wal_retrieve_retry_interval: '100ms',
  dynamic_shared_memory_type: 'mmap',
  password_encryption: 'scram-sha-256',
  log_line_prefix: '%m [%p] ',
  lc_messages: 'C',
};
