import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { replaceMonitor } from '../../src/monitors.ts';
import { described, nameOf, PATIENT } from '../../src/support.ts';

/** A far place: a login takes six round trips of this length or more, milliseconds. */
const ROUND_TRIP_MS = 350;
/** More than a probe may take, milliseconds. */
const SLOW_LOGIN_MS = 2_000;

let cluster: TestCluster;
const opened: Cluster[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, proxy: true, auth: 'scram-sha-256', tls: true });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
  await cluster.primary.heal();
});

afterAll(() => cluster?.close());

function open(): Cluster {
  const url = `postgresql://app:app@${nameOf(cluster.primary)}/app?sslmode=require`;
  const db = createCluster({ url, ...PATIENT, connectTimeoutMs: 30_000 });
  opened.push(db);
  return db;
}

describe('a login that takes longer than a probe may', () => {
  it('works within connectTimeoutMs: TLS and SCRAM over a far network', async () => {
    await cluster.primary.proxy.delay(ROUND_TRIP_MS / 2);
    const db = open();
    expect((await db.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
    expect(described(db, cluster.primary).health).toBe('ok');
  });

  it('works when the server takes its time, and again when the monitor has to come back', async () => {
    const db = open();
    await db.query('select 1');
    await cluster.primary.proxy.delayLogins(SLOW_LOGIN_MS);
    const lost: string[] = [];
    db.on('node:health-changed', ({ after }) => lost.push(after));
    await replaceMonitor(db, cluster.primary);
    // It is doubted meanwhile, but a node that answers what runs there is never given up.
    await waitUntil(() => described(db, cluster.primary).health === 'ok', { what: 'the node to be ok' });
    await db.query('select 1');
    lost.length = 0;
    await replaceMonitor(db, cluster.primary);
    expect(lost).not.toContain('offline');
    await db.query('select 1');
  });
});
