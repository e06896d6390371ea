import type { TestCluster, TestNode } from '@pgherd/testing';
import { waitUntil } from '@pgherd/testing';
import { PATIENCE_MS, untilReplayed } from '@pgherd/testing/internal';

export { grouped, rejection } from '@pgherd/testing/internal';

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
  await untilReplayed(
    cluster.primary,
    cluster.standbys.filter((node) => node.state === 'running'),
  );
}

/** Makes all nodes run without faults, as standbys of the present primary. */
export const restore = (cluster: TestCluster): Promise<void> => cluster.repair();

/** Waits until nothing is leased or waiting any more in the pools of a cluster object. */
export async function quiet(db: Cluster): Promise<void> {
  const settled = () => {
    const { leased, waiting, opening } = db.stats().total;
    return leased === 0 && waiting === 0 && opening === 0;
  };
  await waitUntil(settled, { what: 'the pools to have nothing leased' });
}
