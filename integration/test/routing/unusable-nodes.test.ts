import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, type ClusterEvents, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endMonitors } from '../../src/monitors.ts';
import { allCaughtUp, createTable, described, nameOf, PATIENT, servedBy } from '../../src/support.ts';

const opened: Cluster[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

function open(url: string, options: ClusterOptions = {}): Cluster {
  const db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200 }, ...options });
  opened.push(db);
  return db;
}

describe('one unusable node among others', () => {
  let cluster: TestCluster;
  let odd: TestNode;
  let sound: TestNode;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2, settings: { max_connections: 25 } });
    await createTable(cluster, 'journal', 'id int');
    const [first, second] = cluster.standbys;
    if (first === undefined || second === undefined) throw new Error('two standbys are needed');
    [odd, sound] = [first, second];
  });

  afterAll(() => cluster?.close());

  it('in start-up (57P03): the others serve, and it joins when it takes connections', async () => {
    const settings = path.join(odd.dataDirectory, 'postgresql.auto.conf');
    const before = await readFile(settings, 'utf8');
    await odd.stop('fast');
    await writeFile(settings, `${before}hot_standby = off\n`);
    // It starts, and stays where it lets nobody in: what waits for more than that is given up.
    void odd.start().catch(() => undefined);
    try {
      const db = open(cluster.url);
      await db.ready({ primaries: 1, standbys: 1 });
      await waitUntil(() => described(db, odd).connectFailure === 'starting-up', { what: '57P03' });
      expect(described(db, odd)).toMatchObject({ health: 'offline', role: 'unknown' });
      expect(await servedBy(db)).toEqual([nameOf(sound)]);
      expect((await db.query('insert into journal values (0)')).node).toBe(nameOf(cluster.primary));
      await odd.kill();
      await writeFile(settings, before);
      await odd.start();
      await db.ready({ primaries: 1, standbys: 2 });
      expect((await db.read.query('select 1', [], { node: nameOf(odd) })).node).toBe(nameOf(odd));
    } finally {
      await writeFile(settings, before);
      if (odd.state === 'stopped') await odd.start();
    }
  });

  it('full (53300): nothing new goes there, what runs there goes on, and it recovers', async () => {
    const db = open(cluster.url);
    await db.ready({ primaries: 1, standbys: 2 });
    const again: ClusterEvents['call:retried'][] = [];
    db.on('call:retried', (event) => again.push(event));
    await using lease = await db.acquire({ node: nameOf(odd), target: 'standby' });
    const running = db.query('select pg_sleep(2), 1 as n', [], { node: nameOf(odd), target: 'standby' });
    const others = await fill(odd);
    try {
      // The monitor has to come back to notice; somebody else is quicker to take its place, now or the next time.
      await waitUntil(
        async () => {
          if (described(db, odd).connectFailure === 'too-many-connections') return true;
          await endMonitors(odd);
          others.push(...(await fill(odd)));
          return false;
        },
        { what: '53300' },
      );
      expect(described(db, odd)).toMatchObject({ health: 'suspect', role: 'standby' });
      expect(await servedBy(db)).toEqual([nameOf(sound)]);
      expect((await lease.query('select 1')).rowCount).toBe(1);
      expect((await running).rows).toMatchObject([{ n: 1 }]);
      expect(again).toEqual([]);
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
    await waitUntil(() => described(db, odd).health === 'ok', { what: 'room again' });
    expect(again).toEqual([]);
  });

  it('letting us in no more (28000): slow to be asked again, but at once when somebody asks for it', async () => {
    const db = open(cluster.url);
    await db.ready({ primaries: 1, standbys: 2 });
    const file = path.join(odd.dataDirectory, 'pg_hba.conf');
    const before = await readFile(file, 'utf8');
    await writeFile(file, before.replaceAll(/^host all all (\S+) trust$/gm, 'host all all $1 reject'));
    try {
      await odd.sql('select pg_reload_conf()');
      await waitUntil(
        async () => {
          await endMonitors(odd);
          return described(db, odd).connectFailure === 'authentication';
        },
        { what: 'the refusal' },
      );
      expect(described(db, odd).health).toBe('offline');
      expect(String(described(db, odd).healthReason)).toContain('pg_hba.conf');
      expect(await servedBy(db)).toEqual([nameOf(sound)]);
      expect((await db.query('insert into journal values (0)')).node).toBe(nameOf(cluster.primary));
      // Several times its usual interval pass with hardly another attempt: none comes within a second of the one before.
      const mark = odd.log.mark();
      for (let round = 0; round < 5; round++) {
        const seen = described(db, sound).seenAt ?? 0;
        await waitUntil(() => (described(db, sound).seenAt ?? 0) > seen, { what: 'another round' });
      }
      const attempts = odd.log
        .lines(mark)
        .filter(({ line }) => line.includes('FATAL'))
        .map(({ at }) => at);
      const pauses = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
      for (const pauseMs of pauses) expect(pauseMs).toBeGreaterThan(900);
    } finally {
      await writeFile(file, before);
      await odd.sql('select pg_reload_conf()');
    }
    await waitUntil(
      async () => {
        await db.nextProbe();
        return described(db, odd).health === 'ok';
      },
      { what: 'to be let in again' },
    );
    expect((await db.read.query('select 1', [], { node: nameOf(odd) })).node).toBe(nameOf(odd));
  });
});

/** Opens sessions of the ordinary role until the server takes no more. */
async function fill(node: TestNode): Promise<pg.Client[]> {
  const clients: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: node.directUrl });
    client.on('error', () => undefined);
    try {
      await client.connect();
      clients.push(client);
    } catch (error) {
      expect(error).toMatchObject({ code: '53300' });
      return clients;
    }
  }
}

describe('a database that one server lacks (3D000)', () => {
  it('makes that node unusable, unlike in libpq, until it is there', async () => {
    await using cluster = await createTestCluster({ standbys: 1 });
    await using lone = await createTestCluster({ standbys: 0, freshIdentity: true });
    await cluster.primary.sql('create database shop owner app');
    await allCaughtUp(cluster);
    const hosts = [lone.primary, ...cluster.nodes].map(nameOf).join(',');
    const db = open(`postgresql://app:app@${hosts}/shop`);
    await db.ready({ primaries: 1, standbys: 1 });
    await waitUntil(() => described(db, lone.primary).connectFailure === 'database-missing', {
      what: '3D000',
    });
    expect((await db.query('select 1')).node).toBe(nameOf(cluster.primary));
    expect(db.explainTarget('read-write').rejections.map(({ node }) => node)).toContain(nameOf(lone.primary));
    await lone.primary.sql('create database shop owner app');
    await db.nextProbe();
    expect(described(db, lone.primary)).toMatchObject({
      health: 'ok',
      connectFailure: undefined,
      standing: 'foreign',
    });
  });
});
