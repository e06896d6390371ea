import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import {
  type Cluster,
  type ClusterEvents,
  type ClusterOptions,
  createCluster,
  type NodeDescription,
} from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Load } from '../../src/load.ts';
import { allCaughtUp, createTable, nameOf, quiet, rejection } from '../../src/support.ts';

const opened: Cluster[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

function open(url: string, options: ClusterOptions = {}): Cluster {
  const db = createCluster({ url, env: {}, probe: { intervalMs: 200 }, ...options });
  opened.push(db);
  return db;
}

function described(db: Cluster, node: TestNode): NodeDescription {
  const found = db.nodes().find(({ name }) => name === nameOf(node));
  if (found === undefined) throw new Error(`${nameOf(node)} is not in the picture`);
  return found;
}

async function endMonitors(node: TestNode): Promise<void> {
  await node.sql(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% monitor'",
  );
}

async function servedBy(db: Cluster): Promise<string[]> {
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) seen.add((await db.read.query('select 1')).node);
  return [...seen].sort();
}

describe('one odd node among others', () => {
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
        { what: '53300', timeoutMs: 20_000 },
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
      // Several times its usual interval pass without another attempt.
      const mark = odd.log.mark();
      for (let round = 0; round < 5; round++) {
        const seen = described(db, sound).seenAt ?? 0;
        await waitUntil(() => (described(db, sound).seenAt ?? 0) > seen, { what: 'another round' });
      }
      expect(odd.log.lines(mark).filter(({ line }) => line.includes('FATAL'))).toEqual([]);
    } finally {
      await writeFile(file, before);
      await odd.sql('select pg_reload_conf()');
    }
    await waitUntil(
      async () => {
        await db.nextProbe();
        return described(db, odd).health === 'ok';
      },
      { what: 'to be let in again', timeoutMs: 5_000 },
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

/** Its servers are fetched when they are not there: in CI, or where `PGHERD_TEST_VERSIONS` names 13. */
const versions = (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').map(Number);
const with13 = process.env['CI'] !== undefined || versions.includes(13);

describe.runIf(with13)('PostgreSQL 13, which does not report its role', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2, version: 13 });
    await createTable(cluster, 'journal', 'id int');
  });

  afterAll(() => cluster?.close());

  it('is known by query: reads, writes, no pooler suspected', async () => {
    const db = open(cluster.url);
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
    const db = open(cluster.url, { probe: { intervalMs: 5_000 } });
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
    const db = open(cluster.url);
    await db.ready({ primaries: 1, standbys: 2 });
    const load = new Load(db, 'journal', 1).start();
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
