import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type PgBouncer,
  type PgBouncerSettings,
  pgbouncerPath,
  startPgBouncer,
} from '../../src/pgbouncer.ts';
import { createTable, PATIENT } from '../../src/support.ts';

// Where CI runs it is installed; elsewhere a machine may lack it.
const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;
/** What pgherd sends when it connects, so that no connection is refused because of it. */
const ALL_ACCEPTED = { ignore_startup_parameters: 'default_transaction_read_only,search_path,options' };
/** Longer than a machine under load needs, milliseconds. */
const HUNG_MS = 60_000;

suite('a pooler that the options deny', () => {
  let cluster: TestCluster;
  const bouncers: PgBouncer[] = [];
  const opened: Cluster[] = [];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1 });
    await createTable(cluster, 'journal', 'id int primary key');
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()));
    for (const bouncer of bouncers.splice(0)) await bouncer[Symbol.asyncDispose]();
  });

  afterAll(() => cluster?.close());

  async function open(settings: PgBouncerSettings, options: ClusterOptions = {}) {
    const started = await Promise.all(cluster.nodes.map((node) => startPgBouncer(node, settings)));
    bouncers.push(...started);
    const url = `postgresql://app:app@${started.map(({ name }) => name).join(',')}/app?pgbouncer=false`;
    const db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200 }, ...options });
    opened.push(db);
    const warnings: string[] = [];
    db.on('cluster:warned', ({ message }) => warnings.push(message));
    await db.ready({ primaries: 1, standbys: 1 });
    return { db, warnings };
  }

  const MESSAGE =
    /: there is a pooler before the server \(.*\)\. .* The option pooler, .* is false: set it to true/;

  it('is found out in transaction mode while calls go on, and none of these fails', async () => {
    const { db, warnings } = await open(ALL_ACCEPTED);
    let isOver = false;
    let next = 1;
    const caller = async () => {
      while (!isOver) {
        const id = next++;
        await db.query('insert into journal values ($1)', [id]);
        expect(await db.one('select id from journal where id = $1', [id])).toEqual({ id });
        await db.read.query('select $1::int as n', [id]);
      }
    };
    const callers = Promise.all(Array.from({ length: 6 }, caller));
    try {
      await Promise.race([
        callers,
        waitUntil(() => warnings.length === 2, { what: 'both warnings', timeoutMs: HUNG_MS }),
      ]);
    } finally {
      isOver = true;
      await callers;
    }
    for (const message of warnings) expect(message).toMatch(MESSAGE);
    expect(new Set(warnings.map((message) => message.split(': ')[0]))).toEqual(
      new Set(bouncers.map(({ name }) => name)),
    );
  });

  it('leaves nothing of a call in a session of the server, once it is found out', async () => {
    const { db, warnings } = await open(ALL_ACCEPTED, { session: { search_path: ['odd'] } });
    const isFoundOut = () => warnings.length === 2;
    await waitUntil(
      async () => {
        await Promise.all(Array.from({ length: 8 }, () => db.query('select pg_sleep(0.01)')));
        await Promise.all(Array.from({ length: 8 }, () => db.read.query('select pg_sleep(0.01)')));
        return isFoundOut();
      },
      { what: 'both warnings', timeoutMs: HUNG_MS },
    );
    await db.nextProbe();
    const path = async () => (await db.one('select current_setting($1) as path', ['search_path']))['path'];
    expect(await Promise.all(Array.from({ length: 8 }, path))).toEqual(Array(8).fill('"odd"'));
    const names = await db.query('select name from pg_prepared_statements');
    const before = names.rows.length;
    for (let round = 0; round < 20; round++) await db.query('select $1::int + 1 as n', [round]);
    const after = await db.query('select name from pg_prepared_statements');
    expect(after.rows.length).toBeLessThanOrEqual(before);
    expect(warnings).toHaveLength(2);
  });

  it('is found out by the startup parameters that it refuses: reads work', async () => {
    const { db, warnings } = await open({});
    const standby = bouncers[cluster.nodes.findIndex((node) => node !== cluster.primary)]?.name;
    // More than the connection that the pool takes over from the monitor: others are opened for reading.
    const reads = await Promise.all(Array.from({ length: 8 }, () => db.read.query('select pg_sleep(0.05)')));
    expect(new Set(reads.map(({ node }) => node))).toEqual(new Set([standby]));
    expect(warnings).toEqual([expect.stringMatching(/unsupported startup parameter.*is false/)]);
  });

  it('in session mode counts as the server itself: sessions stay, and a long statement is left alone', async () => {
    const { db, warnings } = await open({ ...ALL_ACCEPTED, pool_mode: 'session' });
    const pid = 'select pg_backend_pid() as pid';
    await db.use(async (lease) => {
      const first = await lease.one(pid);
      await lease.query("set application_name = 'mine'");
      // Longer than a statement takes that puts its connection on trial.
      await lease.query('insert into journal select -1 from (select pg_sleep(5)) as waited');
      expect(await lease.one(pid)).toEqual(first);
      expect(await lease.one('show application_name')).toEqual({ application_name: 'mine' });
    });
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        db.nextProbe(),
        ...Array.from({ length: 4 }, () => db.query('select pg_sleep(0.01)')),
      ]);
    }
    expect(warnings).toEqual([]);
  });
});
