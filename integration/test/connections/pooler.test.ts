import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster, outcomeTableText } from 'pgherd';
import { createClusterOver, type Driver } from 'pgherd/connection';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CommitTap } from '../../src/commit-tap.ts';
import { type Load, loadOn } from '../../src/load.ts';
import { type PgBouncer, pgbouncerPath, startPgBouncer } from '../../src/pgbouncer.ts';
import { createTable, nameOf, PATIENT, quiet, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let bouncers: PgBouncer[];
let url: string;
const opened: Cluster[] = [];
let nextId = 1;
/** Connections per node while the primary is lost. */
const POOL = 5;

// Where CI runs it is installed; elsewhere a machine may lack it.
const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;

function open(options: ClusterOptions = {}): Cluster {
  const db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200 }, ...options });
  opened.push(db);
  return db;
}

function over(driver: Driver, options: ClusterOptions): Cluster {
  const db = createClusterOver(driver, { url, ...PATIENT, probe: { intervalMs: 200 }, ...options });
  opened.push(db);
  return db;
}

/** The pooler before the node that is the primary now. */
function primaryName(): string {
  const bouncer = bouncers[cluster.nodes.indexOf(cluster.primary)];
  if (bouncer === undefined) throw new Error('the primary has no pooler');
  return bouncer.name;
}

const standbyNames = (): string[] =>
  bouncers
    .map(({ name }) => name)
    .filter((name) => name !== primaryName())
    .sort();

suite('behind PgBouncer in transaction mode', () => {
  beforeAll(async () => {
    // A standby confirms each commit: without one a primary that is killed takes along what was acknowledged last.
    cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'on', any: 1 } });
    await createTable(cluster, 'journal', 'id int');
    bouncers = await Promise.all(cluster.nodes.map((node) => startPgBouncer(node)));
    url = `postgresql://app:app@${bouncers.map(({ name }) => name).join(',')}/app`;
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()));
  });

  afterAll(async () => {
    for (const bouncer of bouncers ?? []) await bouncer[Symbol.asyncDispose]();
    await cluster?.close();
  });

  describe.each([
    ['named by the option', (): ClusterOptions => ({ pooler: true }), 0],
    ['named by the URL', (): ClusterOptions => ({ url: `${url}?pgbouncer=true` }), 0],
    ['found out', (): ClusterOptions => ({}), 3],
    [
      'found out by the parameter that it refuses',
      (): ClusterOptions => ({ env: { PGTZ: 'Asia/Tokyo' } }),
      3,
    ],
  ])('%s', (_how, options, warnings) => {
    it('reads go to standbys, writes to the primary, and each pooler is told of once', async () => {
      const db = open(options());
      const told: string[] = [];
      db.on('cluster:warned', ({ message }) => told.push(message));
      await db.ready({ primaries: 1, standbys: 2 });
      for (const node of standbyNames()) {
        expect(standbyNames()).toContain((await db.read.query('select 1')).node);
        expect((await db.read.query('select 1', [], { node })).node).toBe(node);
      }
      expect((await db.query('insert into journal values (0)')).node).toBe(primaryName());
      expect(told).toHaveLength(warnings);
      for (const message of told) expect(message).toMatch(/: there is a pooler before the server \(/);
      expect(db.nodes().every((node) => node.systemIdentifier === db.topology.systemIdentifier)).toBe(true);
    });
  });

  it('the settings of the session hold in each statement and transaction, and leave nothing behind', async () => {
    await cluster.primary.sql('create role tenant nologin');
    await cluster.primary.sql('grant tenant to app');
    const db = open({
      pooler: true,
      session: { role: 'tenant', search_path: ['Odd, name'], 'app.tenant': "o'hara" },
    });
    const text =
      "select current_user::text as who, current_setting('search_path') as path, current_setting('app.tenant', true) as tenant";
    const wanted = { who: 'tenant', path: '"Odd, name"', tenant: "o'hara" };
    expect(await db.one(text)).toEqual(wanted);
    expect(await db.transaction((tx) => tx.one(text))).toEqual(wanted);
    const other = open({ pooler: true });
    expect(await other.one(text)).toMatchObject({ who: 'app', path: '"$user", public' });
  });

  it('transactions commit, roll back, and keep their session', async () => {
    const db = open({ pooler: true });
    const pids = await db.transaction(async (tx) => {
      const first = await tx.one('select pg_backend_pid() as pid');
      await tx.query('insert into journal values (-1)');
      return [first, await tx.one('select pg_backend_pid() as pid')];
    });
    expect(pids[0]).toEqual(pids[1]);
    await rejection(
      db.transaction(async (tx) => {
        await tx.query('insert into journal values (-2)');
        throw new Error('no');
      }),
    );
    expect(await db.rows('select id from journal where id < 0')).toEqual([{ id: -1 }]);
    expect((await db.transaction((tx) => tx.query('select 1'), { readOnly: true })).node).not.toBe(
      primaryName(),
    );
  });

  it('settings go with BEGIN, and the outcome of a lost COMMIT is told by a table; by xid it is refused', async () => {
    const tap = new CommitTap();
    const db = over(tap.driver, { pooler: true });
    await db.query(outcomeTableText('outcome'));
    tap.next = async ({ sever }) => {
      throw sever();
    };
    const told: unknown[] = [];
    const work = db.transaction(
      async (tx) => {
        told.push((await tx.one(`select current_setting('app.note') as note`))['note']);
        await tx.query('insert into journal values (-3)');
      },
      { outcomeTable: 'outcome', settings: { 'app.note': "it's" } },
    );
    await work;
    tap.close();
    expect(told).toEqual(["it's", "it's"]);
    expect(await db.rows('select id from journal where id = -3')).toEqual([{ id: -3 }]);
    const byXid = db.transaction(() => 1, { outcome: 'xid' });
    expect(await rejection(byXid)).toMatchObject({ code: 'PGHERD_UNSUPPORTED' });
    await quiet(db);
  });

  it('reads of a causal scope see its writes', async () => {
    const db = open({ pooler: true });
    await db.ready({ primaries: 1, standbys: 2 });
    await db.causal(async () => {
      for (let id = 1; id <= 20; id++) {
        await db.query('insert into journal values ($1)', [-1000 - id]);
        const seen = await db.read.rows('select id from journal where id = $1', [-1000 - id]);
        expect(seen).toEqual([{ id: -1000 - id }]);
      }
    });
  });

  it('named statements lose their name: none is left on a session that others share', async () => {
    const db = open({ pooler: true });
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(
        Array.from({ length: 8 }, (_none, n) =>
          db.query({ name: 'n', text: 'select $1::int as n', values: [n] }),
        ),
      );
      expect(results.map(({ rows }) => rows[0]?.['n'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    }
    const { rows } = await db.query('select count(*)::int as n from pg_prepared_statements');
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('settings of the connection string hold in every transaction, and stay in none', async () => {
    const options = '-c%20search_path%3D%22a%5C%20b%22%2Cpublic%20--statement-timeout%3D7s';
    const db = open({ url: `${url}?pgbouncer=true&options=${options}`, env: { PGTZ: 'Asia/Tokyo' } });
    const text = `select current_setting('search_path') as path, current_setting('TimeZone') as zone,
      current_setting('statement_timeout') as timeout`;
    const asked = { path: '"a b",public', zone: 'Asia/Tokyo', timeout: '7s' };
    expect(await db.one(text)).toEqual(asked);
    expect(await db.read.one(text)).toEqual(asked);
    expect(await db.transaction((tx) => tx.one(text))).toEqual(asked);
    expect((await db.query('insert into journal values (0)')).command).toBe('INSERT');
    const plain = open({ pooler: true });
    for (let round = 0; round < 10; round++) {
      expect(await plain.one(text)).toMatchObject({ path: '"$user", public', zone: 'UTC' });
    }
    expect(() => open({ url: `${url}?pgbouncer=true&options=-B%2020` })).toThrow(
      /options "-B 20" cannot be used through a pooler/,
    );
  });

  it('a write through db.read is refused, also where it fell back to the primary', async () => {
    const db = open({ pooler: true });
    const onPrimary = db.read.query('insert into journal values (-9)', [], { node: primaryName() });
    expect(await rejection(onPrimary)).toMatchObject({ code: '25006', node: primaryName() });
    expect(await rejection(db.read.query('insert into journal values (-9)'))).toMatchObject({
      code: '25006',
    });
    const inTransaction = db.transaction((tx) => tx.query('insert into journal values (-9)'), {
      target: 'prefer-standby',
      node: primaryName(),
    });
    expect(await rejection(inTransaction)).toMatchObject({ code: '25006' });
    const both = db.use((lease) => Promise.all([lease.query('select 1'), lease.query('select 2')]), {
      target: 'prefer-standby',
      node: primaryName(),
    });
    expect(await both).toHaveLength(2);
    expect((await db.query('insert into journal values (0)')).node).toBe(primaryName());
    expect(await db.rows('select id from journal where id = -9')).toEqual([]);
  });

  it('a session that was changed is given up', async () => {
    const db = open({ pooler: true, pool: { max: 1 } });
    await db.ready();
    const closed: string[] = [];
    db.on('connection:closed', ({ reason }) => closed.push(reason));
    await db.query("select set_config('pgherd.mine', '1', true)");
    await quiet(db);
    expect((await db.query('select 1')).rowCount).toBe(1);
    expect(closed).toEqual(['could not be cleaned up']);
  });

  it('a server and the pooler before it are one node', async () => {
    const [first] = bouncers;
    const node = cluster.nodes[0];
    if (first === undefined || node === undefined) throw new Error('no pooler');
    const db = open({ url: `postgresql://app:app@${nameOf(node)},${first.name}/app` });
    await db.ready();
    await waitUntil(() => db.nodes()[1]?.aliasOf === nameOf(node), { what: 'the alias' });
    expect((await db.query('select 1')).node).toBe(nameOf(node));
    expect(db.topology.nodes.map(({ standing }) => standing)).toEqual(['current', 'current']);
  });

  it('a pooler that lets us not in is told as such', async () => {
    const db = open({ url: url.replaceAll('app:app@', 'stranger@'), pooler: true });
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
  });

  it('a pooler that dies takes its node away, and brings it back', async () => {
    const db = open({ pooler: true });
    await db.ready({ primaries: 1, standbys: 2 });
    const index = cluster.nodes.findIndex((node) => node !== cluster.primary);
    const bouncer = bouncers[index];
    await bouncer?.kill();
    for (let round = 0; round < 20; round++) {
      expect((await db.read.query('select 1')).node).not.toBe(bouncer?.name);
    }
    await bouncer?.start();
    await db.ready({ primaries: 1, standbys: 2 });
  });

  describe('when the primary is lost, under load', () => {
    afterEach(() => restore(cluster));

    async function failover(lose: () => Promise<unknown>, options: ClusterOptions): Promise<Load> {
      const db = open({ pool: { max: POOL }, ...options });
      await db.ready({ primaries: 1, standbys: 2 });
      const load = loadOn(db, 'journal', nextId);
      try {
        await load.acknowledged();
        const before = primaryName();
        await lose();
        await cluster.failover({ afterMs: 500 });
        await load.acknowledged();
        expect(primaryName()).not.toBe(before);
      } finally {
        await load.stop();
        nextId += load.writes.length;
      }
      expect(load.failedReads).toEqual([]);
      expect(load.failedWrites).toEqual([]);
      // Only what was on its way when the primary was lost: each connection of the pool had one, inside the pooler or behind it.
      expect(load.unknownWrites.length).toBeLessThanOrEqual(2 * POOL);
      const rows = await db.rows<{ id: number }>('select id from journal where id >= $1', [load.firstId]);
      const found = new Set(rows.map((row) => row.id));
      expect(found.size).toBe(rows.length);
      expect([...load.idsOf('acknowledged')].filter((id) => !found.has(id))).toEqual([]);
      return load;
    }

    it('stopped fast: no acknowledged write is lost, no call fails', async () => {
      await failover(() => cluster.primary.stop('fast'), { pooler: true });
    });

    it('killed: no acknowledged write is lost, no call fails', async () => {
      await failover(() => cluster.primary.kill(), {});
    });

    it('frozen: no acknowledged write is lost, no call fails', async () => {
      await failover(() => cluster.primary.freeze(), { pooler: true });
    });
  });
});
