import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { waitUntil } from '@pgherd/testing';
import {
  canReach,
  findRunUser,
  killTree,
  type PortReservation,
  type RunUser,
  reservePorts,
  theSupervisor,
} from '@pgherd/testing/internal';
import pg from 'pg';
import { findPrograms, type Programs } from './patroni-programs.ts';

const HOST = '127.0.0.1';
/** How long anything of Patroni may take on a busy machine, milliseconds. */
const PATIENCE_MS = 100_000;
/** Seconds after which the lock of a lost leader lapses: `loop_wait` + 2 × `retry_timeout` at least. */
const TTL_S = 7;

/** Tags of a member, as Patroni's configuration has them. */
export type PatroniTags = Readonly<Record<string, string | boolean>>;

/** A member in the answer to `GET /cluster`. */
export interface PatroniMember {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly port: number;
}

/** What all nodes of a cluster share. */
interface Site {
  readonly programs: Programs;
  readonly user: RunUser;
  readonly directory: string;
  readonly ports: PortReservation;
  readonly etcdPort: number;
}

/** A program of the site, with its output in a file of the directory. */
async function run(
  site: Site,
  name: string,
  program: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const cwd = path.join(site.directory, name);
  await mkdir(cwd, { recursive: true });
  await chown(cwd, site.user.uid, site.user.gid);
  const log = openSync(logOf(site, name), 'a');
  try {
    const child = spawn(program, args, {
      // The working directory is how the supervisor knows whom to end when the test process dies.
      cwd,
      ...site.user.spawnAs,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC', ETCD_UNSUPPORTED_ARCH: process.arch },
    });
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

function logOf(site: Site, name: string): string {
  return path.join(site.directory, `${name}.log`);
}

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
      etcd3: { hosts: [`${HOST}:${this.#site.etcdPort}`] },
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

/** Nodes under Patroni, with one etcd, all on 127.0.0.1 and in one directory. */
export class PatroniCluster implements AsyncDisposable {
  /** Those that run or ran. */
  readonly nodes: PatroniNode[] = [];
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
  }

  /** URL of the database `app` for the role `app`, naming this one host only. */
  urlOf(node: PatroniNode): string {
    return `postgresql://app:app@${node.name}/app`;
  }

  /** Starts another node, and waits until Patroni has it as a member that runs. */
  async add(tags: PatroniTags = {}): Promise<PatroniNode> {
    const node = new PatroniNode(this.#site, this.nodes.length, tags);
    this.nodes.push(node);
    await node.start();
    await this.#until(`${node.member} to run`, async () => {
      const member = (await this.members()).find((one) => one.name === node.member);
      return member !== undefined && ['running', 'streaming'].includes(member.state);
    });
    return node;
  }

  /** The members as any node tells. */
  async members(): Promise<readonly PatroniMember[]> {
    const errors: unknown[] = [];
    for (const node of this.nodes) {
      try {
        const response = await fetch(`${node.endpoint}/cluster`, { signal: AbortSignal.timeout(2_000) });
        const { members } = (await response.json()) as { members: PatroniMember[] };
        return members;
      } catch (error) {
        errors.push(error);
      }
    }
    throw new AggregateError(errors, 'no node of the cluster tells its members');
  }

  /** The node that leads, by Patroni's word. */
  async leader(): Promise<PatroniNode> {
    return this.#inRole('leader');
  }

  /** The node that has every acknowledged write besides the leader. */
  async synchronous(): Promise<PatroniNode> {
    return this.#inRole('sync_standby');
  }

  /** Asks Patroni for a planned change; resolves when the candidate leads. */
  async switchover(to: PatroniNode): Promise<void> {
    const from = await this.leader();
    const response = await fetch(`${from.endpoint}/switchover`, {
      method: 'POST',
      body: JSON.stringify({ leader: from.member, candidate: to.member }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`Patroni refused the switchover: ${answer}`);
  }

  /** Runs a statement on a node as the superuser. */
  async sql(
    node: PatroniNode,
    text: string,
    values: unknown[] = [],
    database = 'app',
  ): Promise<pg.QueryResultRow[]> {
    const client = new pg.Client({ host: node.host, port: node.port, user: 'postgres', database });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends every process and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await theSupervisor().remove(this.#site.directory);
    this.#site.ports.release();
  }

  async #inRole(role: string): Promise<PatroniNode> {
    return this.#until(`a node to be ${role}`, async () => {
      const member = (await this.members()).find((one) => one.role === role && one.state === 'running');
      const node = this.nodes.find((one) => one.member === member?.name);
      if (node === undefined) throw new Error('nobody is');
      return node;
    });
  }

  async #until<T>(what: string, fn: () => Promise<T>): Promise<T> {
    try {
      return await waitUntil(fn, { what, timeoutMs: PATIENCE_MS, everyMs: 50 });
    } catch (cause) {
      const tails = await Promise.all(
        this.nodes.map(async (node) => `${node.member}:\n${await node.logTail()}`),
      );
      throw new Error(`Patroni: ${String(cause)}\n${tails.join('\n')}`, { cause });
    }
  }
}

/** How {@link startPatroni} starts. */
export interface PatroniClusterOptions {
  /** Tags of each node to begin with. The first is the one that leads. */
  readonly nodes: readonly PatroniTags[];
  /** How many may be added later. Default 0. */
  readonly spare?: number | undefined;
}

/**
 * Starts etcd and the nodes, with synchronous replication kept by Patroni; resolves when all of them run and one standby is
 * synchronous. There are the role `app` (password `app`) and its database.
 */
export async function startPatroni(options: PatroniClusterOptions): Promise<PatroniCluster> {
  const programs = findPrograms();
  if (typeof programs === 'string') throw new Error(programs);
  const user = await findRunUser();
  const directory = await makeDirectory(user);
  theSupervisor().watch(directory);
  const ports = await reservePorts(2 + 2 * (options.nodes.length + (options.spare ?? 0)));
  const [etcdPort = 0, peerPort = 0] = ports.ports;
  const site: Site = { programs, user, directory, ports, etcdPort };
  const cluster = new PatroniCluster(site);
  try {
    await startEtcd(site, peerPort);
    const [first, ...others] = options.nodes;
    const leader = await cluster.add(first);
    await cluster.leader();
    await cluster.sql(leader, "create role app login password 'app'", [], 'postgres');
    await cluster.sql(leader, 'create database app owner app', [], 'postgres');
    await Promise.all(others.map((tags) => cluster.add(tags)));
    await cluster.synchronous();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function startEtcd(site: Site, peerPort: number): Promise<void> {
  const clients = `http://${HOST}:${site.etcdPort}`;
  const peers = `http://${HOST}:${peerPort}`;
  const settings = {
    name: 'only',
    'data-dir': path.join(site.directory, 'etcd', 'data'),
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `only=${peers}`,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  await run(site, 'etcd', site.programs.etcd, args);
  const healthy = async () => (await fetch(`${clients}/health`, { signal: AbortSignal.timeout(1_000) })).ok;
  await waitUntil(healthy, { what: 'etcd', timeoutMs: PATIENCE_MS, everyMs: 50 });
}

async function makeDirectory(user: RunUser): Promise<string> {
  const chosen = process.env['PGHERD_TESTING_DIR'];
  const folders = chosen === undefined ? [os.tmpdir(), '/tmp', '/var/tmp'] : [chosen];
  for (const folder of folders) {
    if (!(await canReach(folder, user))) continue;
    const directory = await mkdtemp(path.join(folder, 'pgherd-patroni-'));
    await chown(directory, user.uid, user.gid);
    return directory;
  }
  throw new Error(
    `none of ${folders.join(', ')} can be entered by the user ${user.uid} that runs the servers`,
  );
}
