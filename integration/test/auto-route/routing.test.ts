import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import { autoRoute } from 'pgherd/auto-route';
import { createPool } from 'pgherd/pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SCHEMA } from '../../src/auto-route/schema.ts';
import { allCaughtUp, codeOf, nameOf, open, rejection, standbyNames } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  db = open(cluster, { autoRoute: autoRoute() });
  await db.ready({ primaries: 1, standbys: 1 });
  await db.script(SCHEMA);
  await allCaughtUp(cluster);
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});
beforeEach(async () => {
  await db.query('truncate log');
});

const standby = () => standbyNames(cluster)[0];
const primary = () => nameOf(cluster.primary);
const logged = async () => (await db.query('select what from log')).rows.map(({ what }) => what);

it('sends what reads to a standby, and what writes to the primary', async () => {
  expect((await db.auto.query('select * from item where id = $1', [1])).node).toBe(standby());
  expect((await db.auto.query("insert into log (what) values ('x')")).node).toBe(primary());
  expect((await db.auto.query('select * from item for update')).node).toBe(primary());
  expect((await db.auto.query("select note('y')")).node).toBe(primary());
  expect((await logged()).sort()).toEqual(['x', 'y']);
});

it('has the verbs for single statements', async () => {
  const text = 'select id, name from item order by id';
  expect(await db.auto.rows(text)).toHaveLength(2);
  expect(await db.auto.one('select name from item where id = $1', [1])).toEqual({ name: 'hay' });
  expect(await db.auto.maybeOne('select name from item where id = 0')).toBeUndefined();
  expect((await db.auto.sql`select name from item where id = ${2}`).node).toBe(standby());
  expect((await db.auto.query({ text: 'select $1::int as n', values: [3], rowMode: 'array' })).rows).toEqual([
    [3],
  ]);
});

describe('a read that turns out to write', () => {
  it('runs on the primary, once, and its text goes there from then on', async () => {
    const text = 'select * from noting /* once */';
    expect((await db.auto.explainRoute(text)).target).toBe('prefer-standby');
    expect((await db.auto.query(text)).node).toBe(primary());
    expect(await logged()).toEqual(['view']);
    expect(await db.auto.explainRoute(text)).toEqual({
      target: 'read-write',
      why: 'it failed with 25006 where reads go',
    });
    expect((await db.auto.query(text)).node).toBe(primary());
    expect(await logged()).toEqual(['view', 'view']);
  });

  it('runs on the primary also where the standby cannot do what it asks for', async () => {
    expect((await db.auto.query('select knows()')).node).toBe(primary());
    expect((await db.auto.explainRoute('select knows()')).why).toContain('55000');
  });

  it('writes once also where no standby serves', async () => {
    const text = 'select * from noting /* alone */';
    const alone = open(cluster, { url: cluster.primary.url, autoRoute: autoRoute() });
    try {
      expect((await alone.auto.query(text)).node).toBe(primary());
      expect((await alone.auto.explainRoute(text)).why).toContain('25006');
    } finally {
      await alone.close();
    }
    expect(await logged()).toEqual(['view']);
  });
});

it('passes every other error on, with the statement and the line that called', async () => {
  const failing = async function calledHere() {
    await db.auto.query('select 1 / (id - id) from item');
  };
  const error = await rejection(failing());
  expect(error).toMatchObject({ code: '22012', node: standby(), query: 'select 1 / (id - id) from item' });
  expect((error as Error).stack).toContain('calledHere');
  expect((await db.auto.explainRoute('select 1 / (id - id) from item')).target).toBe('prefer-standby');
});

it('reads what is not replayed yet from the primary, and forgets nothing for it', async () => {
  const [node] = cluster.standbys;
  const pause = await node?.pauseReplay();
  try {
    await db.query('create table fresh (id int)');
    // A table that the catalog of the standby does not have.
    expect((await db.auto.query('select * from fresh')).node).toBe(primary());
    // A column of a table that it has.
    await db.query('alter table item add column extra int');
    const text = 'select extra from item';
    expect((await db.auto.query(text)).node).toBe(primary());
    expect((await db.auto.explainRoute(text)).target).toBe('prefer-standby');
  } finally {
    await pause?.undo();
    await allCaughtUp(cluster);
  }
  expect((await db.auto.query('select extra from item')).node).toBe(standby());
});

it('notices a function that was replaced by a statement of its own', async () => {
  await db.auto.query('create function changing() returns int stable language sql return 1');
  await allCaughtUp(cluster);
  expect((await db.auto.query('select changing()')).node).toBe(standby());
  await db.auto.query(
    "create or replace function changing() returns int volatile language sql as 'select note(''changing'')'",
  );
  await allCaughtUp(cluster);
  expect((await db.auto.explainRoute('select changing()')).why).toContain('volatile');
});

it('sends foreign tables and what stands above them to the primary', async () => {
  const client = new pg.Client({
    connectionString: cluster.primary.superuserUrl.replace(/postgres$/, 'app'),
  });
  await client.connect();
  await client.query(`create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;
    create table far (id int) partition by range (id);
    create foreign table far_1 partition of far for values from (0) to (10) server nowhere`);
  await client.end();
  await allCaughtUp(cluster);
  const fresh = open(cluster, { autoRoute: autoRoute() });
  try {
    expect((await fresh.auto.explainRoute('select * from far_1')).why).toContain('a foreign table');
    expect((await fresh.auto.explainRoute('select * from far')).why).toContain('foreign tables below it');
  } finally {
    await fresh.close();
  }
});

describe('nothing is routed', () => {
  const text = 'select id from item';

  it('if the call says where it goes', async () => {
    expect((await db.auto.query(text, [], { target: 'primary' })).node).toBe(primary());
    expect((await db.auto.query(text, [], { node: primary() })).node).toBe(primary());
    expect((await db.auto.query({ text, target: 'read-write' })).node).toBe(primary());
  });

  it('in a causal scope', async () => {
    await db.causal(async () => {
      expect((await db.auto.query(text)).node).toBe(primary());
    });
  });

  it('while a transaction or a lease is held', async () => {
    await db.transaction(async () => {
      expect((await db.auto.query(text)).node).toBe(primary());
    });
    await db.use(async () => {
      expect((await db.auto.query(text)).node).toBe(primary());
    });
    expect((await db.auto.query(text)).node).toBe(standby());
  });
});

it('counts both attempts against the limit of the call', async () => {
  await db.query("create view dawdling as select pg_sleep(1)::text as slept, note('slow')");
  await allCaughtUp(cluster);
  // A second on the standby, and as much again on the primary.
  const error = await rejection(db.auto.query('select * from dawdling', [], { timeoutMs: 1_500 }));
  expect(['PGHERD_TIMEOUT', 'PGHERD_OUTCOME_UNKNOWN']).toContain(codeOf(error));
});

it('sends nothing for a call that is aborted before', async () => {
  const signal = AbortSignal.abort();
  expect(codeOf(await rejection(db.auto.query('select id, 1 from item', [], { signal })))).toBe(
    'PGHERD_ABORTED',
  );
});

it('runs settings with a read, on the standby', async () => {
  const { rows, node } = await db.auto.query("select current_setting('app.user') as name", [], {
    settings: { 'app.user': 'me' },
  });
  expect([rows, node]).toEqual([[{ name: 'me' }], standby()]);
});

it('lets functions that are named in its options run on a standby', async () => {
  const lenient = open(cluster, { autoRoute: autoRoute({ standbyFunctions: ['token'], reads: 'standby' }) });
  try {
    expect((await lenient.auto.explainRoute('select token()')).target).toBe('standby');
    expect((await lenient.auto.query('select token()')).node).toBe(standby());
  } finally {
    await lenient.close();
  }
});

describe('a pool that shares', () => {
  it('is routed by text, unless it names a target', async () => {
    const pool = createPool(db, { pg, query: 'shared' });
    const writes = createPool(db, { pg, query: 'shared', target: 'read-write' });
    const text = 'select id, name from item /* pool */';
    try {
      expect((await db.auto.explainRoute(text)).target).toBe('prefer-standby');
      expect(await answeredBy(standby(), () => pool.query(text))).toBe(1);
      expect(await answeredBy(primary(), () => writes.query(text))).toBe(1);
      await pool.query("insert into log (what) values ('pool')");
      expect(await logged()).toEqual(['pool']);
      const { rows } = await pool.query('select * from noting /* pool */');
      expect(rows).toEqual([{ note: 1 }]);
      expect((await logged()).sort()).toEqual(['pool', 'view']);
    } finally {
      await pool.end();
      await writes.end();
    }
  });
});

/** How many statements a node answers while some work is done. */
async function answeredBy(name: string | undefined, work: () => Promise<unknown>): Promise<number> {
  const answered = () => db.stats().nodes.find(({ node }) => node === name)?.answered ?? 0;
  const before = answered();
  await work();
  return answered() - before;
}

it('says what is missing', async () => {
  const plain = open(cluster);
  try {
    expect(await rejection(plain.auto.query('select 1'))).toMatchObject({
      code: 'PGHERD_UNSUPPORTED',
      message: expect.stringContaining('autoRoute: autoRoute()'),
    });
    expect(await rejection(plain.auto.explainRoute('select 1'))).toMatchObject({
      code: 'PGHERD_UNSUPPORTED',
    });
  } finally {
    await plain.close();
  }
  expect(() => open(cluster, { autoRoute: {} as never })).toThrow(
    'what autoRoute() of pgherd/auto-route returns',
  );
});
