import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOn } from '../../src/load.ts';
import { createTable, described, nameOf, open, quiet, rejection, servedBy } from '../../src/support.ts';

/** Its servers are fetched when they are not there: in CI, or where `PGHERD_TEST_VERSIONS` names 13. */
const versions = (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').map(Number);
const with13 = process.env['CI'] !== undefined || versions.includes(13);

describe.runIf(with13)('PostgreSQL 13, which does not report its role', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    // A standby confirms each commit: without one a primary that is killed takes along what was acknowledged last.
    cluster = await createTestCluster({
      standbys: 2,
      version: 13,
      synchronous: { commit: 'on', any: 1 },
    });
    await createTable(cluster, 'journal', 'id int');
  });

  afterAll(() => cluster?.close());

  it('is known by query: reads, writes, no pooler suspected', async () => {
    await using db = open(cluster);
    const told: string[] = [];
    db.on('cluster:warned', ({ message }) => told.push(message));
    await db.ready({ primaries: 1, standbys: 2 });
    for (const node of await servedBy(db)) expect(cluster.standbys.map(nameOf)).toContain(node);
    expect((await db.query('insert into journal values (0)')).node).toBe(nameOf(cluster.primary));
    expect(await rejection(db.read.query('insert into journal values (0)'))).toMatchObject({ code: '25006' });
    expect(db.nodes().map(({ serverVersion }) => Math.floor((serverVersion ?? 0) / 10_000))).toEqual([
      13, 13, 13,
    ]);
    expect(told).toEqual([]);
  });

  it('a primary that was fenced is found out by the write that it refuses', async () => {
    await using db = open(cluster, { probe: { intervalMs: 5_000 } });
    await db.ready({ primaries: 1, standbys: 2 });
    await db.query('insert into journal values (0)');
    await cluster.primary.sql('alter system set default_transaction_read_only = on');
    await cluster.primary.sql('select pg_reload_conf()');
    const undo = async () => {
      await cluster.primary.sql('alter system reset default_transaction_read_only');
      await cluster.primary.sql('select pg_reload_conf()');
    };
    try {
      const told = new Promise<string>((resolve) => {
        db.on('node:role-changed', ({ after }) => resolve(after), { once: true });
      });
      let write = Promise.resolve('');
      let fenced = false;
      void told.then(() => {
        fenced = true;
      });
      // Sessions take up the change one after the other; the one that has it refuses, and then the write waits.
      await waitUntil(async () => {
        write = db.query('insert into journal values (0)').then(({ node }) => node);
        await Promise.race([write, told]);
        return fenced;
      });
      expect(await told).toBe('primary-read-only');
      await undo();
      expect(await write).toBe(nameOf(cluster.primary));
    } finally {
      await undo();
    }
  });

  it('killed: its successor is found, and no acknowledged write is lost', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1, standbys: 2 });
    const load = loadOn(db, 'journal', 1);
    const old = cluster.primary;
    try {
      await load.acknowledged();
      await old.kill();
      await cluster.failover({ afterMs: 300 });
      await load.acknowledged();
      await old.rejoin();
      await db.ready({ primaries: 1, standbys: 2 });
    } finally {
      await load.stop();
    }
    expect(load.failedReads).toEqual([]);
    expect(load.failedWrites).toEqual([]);
    expect(described(db, old).role).toBe('standby');
    const rows = await db.rows<{ id: number }>('select id from journal where id > 0');
    const found = new Set(rows.map(({ id }) => id));
    expect([...load.idsOf('acknowledged')].filter((id) => !found.has(id))).toEqual([]);
    await quiet(db);
  });
});
