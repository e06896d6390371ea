import type { TestCluster } from '@pgherd/testing';
import type { Cluster, ClusterEvents, ClusterOptions } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { expect } from 'vitest';
import { disagreements, entriesOn, rangeOf } from './invariants.ts';
import { type Load, LoadSeries } from './load.ts';
import { Wiretap } from './wiretap.ts';

/** Numbers for the table `journal`. */
export const journal = new LoadSeries('journal');

/** A client under load. */
export interface UnderLoad {
  readonly load: Load;
  readonly tap: Wiretap;
  readonly db: Cluster;
}

/** A client under load, and everything that would be a false alarm. */
export async function underLoad(
  cluster: TestCluster,
  scenario: (parts: UnderLoad) => Promise<void>,
  options: ClusterOptions = {},
): Promise<{ readonly load: Load; readonly tap: Wiretap; readonly offline: readonly unknown[] }> {
  const tap = new Wiretap();
  const db = createClusterOver(tap.driver, {
    url: cluster.url,
    env: {},
    waitTimeoutMs: 60_000,
    ...options,
  });
  const offline: ClusterEvents['node:health-changed'][] = [];
  try {
    await db.ready({ primaries: 1, standbys: 1 });
    db.on('node:health-changed', (event) => {
      if (event.after === 'offline') offline.push(event);
    });
    const load = await journal.run(db, async (load) => {
      await scenario({ load, tap, db });
    });
    return { load, tap, offline };
  } finally {
    await db.close();
  }
}

/** Nobody was taken for lost, no call failed or is in doubt, and no connection of a sent write was destroyed. */
export async function expectNoAlarm(
  cluster: TestCluster,
  scenario: (load: Load) => Promise<void>,
): Promise<void> {
  const { load, tap, offline } = await underLoad(cluster, ({ load }) => scenario(load));
  expect(offline).toEqual([]);
  expect([...load.failedReads, ...load.failedWrites, ...load.unknownWrites]).toEqual([]);
  expect(tap.torn).toEqual([]);
  const found = await entriesOn(cluster.primary, rangeOf(load));
  expect(disagreements(load.books, found)).toEqual([]);
}
