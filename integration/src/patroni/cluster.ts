import path from 'node:path';
import { startProxy, waitUntil } from '@pgherd/testing';
import { findRunUser, reservePorts, theSupervisor } from '@pgherd/testing/internal';
import pg from 'pg';
import { type PatroniMember, PatroniNode, type PatroniTags } from './node.ts';
import { findPrograms } from './programs.ts';
import { HOST, makeDirectory, run, type Site } from './site.ts';

/** How long anything of Patroni may take on a busy machine, milliseconds. */
const PATIENCE_MS = 100_000;
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
    const storePort = this.#site.storePorts[this.nodes.length];
    this.nodes.push(node);
    if (storePort !== undefined) node.store = await startProxy(storePort, () => this.#site.etcdPort);
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
        return await node.members();
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
    await Promise.all(this.nodes.map(({ store }) => store?.close()));
    this.#site.ports.release();
  }

  async #inRole(role: string): Promise<PatroniNode> {
    return this.#until(`a node to be ${role}`, async () => {
      const member = (await this.members()).find((one) => one.role === role && one.state === 'running');
      const node = this.nodes.find((one) => one.member === member?.name);
      if (node === undefined) throw new Error('no node is');
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
  /** Whether the Patroni of each node can be cut off from etcd. Default `false`. */
  readonly storesCanBeCut?: boolean | undefined;
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
  const most = options.nodes.length + (options.spare ?? 0);
  const cut = options.storesCanBeCut === true ? most : 0;
  const ports = await reservePorts(2 + 2 * most + cut);
  const [etcdPort = 0, peerPort = 0] = ports.ports;
  const storePorts = ports.ports.slice(2 + 2 * most);
  const site: Site = { programs, user, directory, ports, etcdPort, storePorts };
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
