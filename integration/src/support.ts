import type { TestCluster, TestNode } from '@pgherd/testing';
import { waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';

export { rejection } from '@pgherd/testing/internal';

import { type Cluster, type ClusterOptions, createCluster, type NodeDescription } from 'pgherd';
import { createClusterOver, type Driver } from 'pgherd/connection';

/** A call waits so long for a node that a busy machine alone does not make it fail, and the environment has no say. */
export const PATIENT = Object.freeze({ waitTimeoutMs: PATIENCE_MS, env: {} }) satisfies ClusterOptions;

/** Settings that make the tests quick without changing what is tested. */
const QUICK: ClusterOptions = { ...PATIENT, probe: { intervalMs: 200 } };

/** A cluster object over all nodes of a test cluster, as the ordinary role, closed at the end of its scope. */
export function open(cluster: TestCluster, options: ClusterOptions = {}): Cluster {
  return createCluster({ url: cluster.url, ...QUICK, ...options });
}

/** The same, with a driver in the place of pgherd's own wire. */
export function openOver(driver: Driver, cluster: TestCluster, options: ClusterOptions = {}): Cluster {
  return createClusterOver(driver, { url: cluster.url, ...QUICK, ...options });
}

/** The name under which pgherd knows a test node. */
export function nameOf(node: TestNode | undefined): string {
  if (node === undefined) throw new Error('there is no such node');
  return `${node.host}:${node.port}`;
}

/** The names of all standbys, sorted. */
export function standbyNames(cluster: TestCluster): string[] {
  return cluster.standbys.map(nameOf).sort();
}

/** What a cluster object knows of a test node. */
export function described(db: Cluster, node: TestNode): NodeDescription {
  const found = db.nodes().find(({ name }) => name === nameOf(node));
  if (found === undefined) throw new Error(`${nameOf(node)} is not in the picture`);
  return found;
}

/** The names of the nodes that served twenty reads, sorted. */
export async function servedBy(db: Cluster): Promise<string[]> {
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) seen.add((await db.read.query('select 1')).node);
  return [...seen].sort();
}

/** The code an error carries, ours or the server's. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Makes a table that the ordinary role owns, and waits until every standby shows it. */
export async function createTable(cluster: TestCluster, name: string, columns: string): Promise<void> {
  const db = open(cluster);
  try {
    await db.query(`create table if not exists ${name} (${columns})`);
    await allCaughtUp(cluster);
  } finally {
    await db.close();
  }
}

/** Waits until every running standby, or those that are named, have replayed what the primary has written so far. */
export async function allCaughtUp(cluster: Pick<TestCluster, 'primary' | 'standbys'>): Promise<void> {
  const [row] = await cluster.primary.sql('select pg_current_wal_insert_lsn()::text as lsn');
  const question = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok';
  for (const node of cluster.standbys) {
    if (node.state !== 'running') continue;
    await waitUntil(async () => (await node.sql(question, [row?.['lsn']]))[0]?.['ok'], {
      what: `${node.name} to catch up`,
    });
  }
}

/** Makes all nodes run without faults, as standbys of the present primary. */
export async function restore(cluster: TestCluster): Promise<void> {
  for (const node of cluster.nodes) await node.thaw();
  if (cluster.primary.state === 'stopped') await cluster.primary.start();
  const follow = await Promise.all(cluster.standbys.map((node) => followsPrimary(cluster, node)));
  const astray = cluster.standbys.filter((_node, index) => follow[index] === false);
  // All of them first: a node that comes back waits for every standby that runs.
  for (const node of astray) if (node.state !== 'stopped') await node.kill();
  for (const node of astray) await node.rejoin();
  await cluster.waitForStreaming();
}

async function followsPrimary(cluster: TestCluster, node: TestNode): Promise<boolean> {
  if (node.state !== 'running') return false;
  const [row] = await node.sql('select pg_is_in_recovery() as standby');
  if (row?.['standby'] !== true) return false;
  const question = 'select 1 from pg_stat_replication where application_name = $1';
  const streaming = async () => (await cluster.primary.sql(question, [node.name])).length > 0;
  return waitUntil(streaming, { timeoutMs: 1_000 }).then(
    () => true,
    () => false,
  );
}

/** Waits until nothing is leased or waiting any more in the pools of a cluster object. */
export async function quiet(db: Cluster): Promise<void> {
  const settled = () => {
    const { leased, waiting, opening } = db.stats().total;
    return leased === 0 && waiting === 0 && opening === 0;
  };
  await waitUntil(settled, { what: 'the pools to have nothing leased' });
}

/** Sentences that differ in nothing but their numbers are told once, with how many there are. */
export function grouped(sentences: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const each of sentences) {
    const kind = each.replace(/\d+/g, '#').slice(0, 80);
    groups.set(kind, [...(groups.get(kind) ?? []), each]);
  }
  return [...groups.values()].map((all) =>
    all.length === 1 ? `${all[0]}` : `${all.length} times: ${all[0]}`,
  );
}
