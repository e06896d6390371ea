import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, createCluster } from 'pgherd';
import { systemClock } from 'pgherd/internal';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
/** It asks for the types of parameters each time. */
let plain: pg.Client;
let db: Cluster;
const opened: Cluster[] = [];

const openWith = (options: object = {}): Cluster => {
  const made = createCluster({ url: cluster.url, ...PATIENT, pool: { max: 1 }, ...options });
  opened.push(made);
  return made;
};

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  plain = new pg.Client(cluster.url);
  await plain.connect();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await plain?.end();
  await cluster?.close();
});

type Run = (text: string, values: unknown[]) => Promise<{ rows: Record<string, unknown>[] }>;

/** What a statement gives: the values of its first row, or its error's code. */
async function fate(run: Run, text: string, values: unknown[]): Promise<unknown> {
  try {
    const { rows } = await run(text, values);
    return Object.values(rows[0] ?? {});
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** Types that a column may have, and values that applications write into it. */
const TYPES: Readonly<Record<string, readonly unknown[]>> = {
  int: [7, '7', '007'],
  bigint: [7, '8000000000'],
  numeric: [1.5, '1.50', '1e3'],
  real: [0.1, 1],
  'double precision': [0.1, 0.30000000000000004, 3],
  text: ['x', '7', ' 7 '],
  'char(5)': ['ab', 'ab '],
  'varchar(20)': ['ab ', '7'],
  boolean: [true, 't', 'yes'],
  date: ['2024-07-01', new Date('2024-07-01T12:34:56.789Z')],
  timestamp: ['2024-07-01 12:34:56', new Date('2024-07-01T12:34:56.789Z')],
  timestamptz: ['2024-07-01 12:34:56+05', new Date('2024-07-01T12:34:56.789Z')],
  uuid: ['0191d7a0-6c3e-7b5a-9f10-1a2b3c4d5e6f', '0191D7A0-6C3E-7B5A-9F10-1A2B3C4D5E6F'],
  json: ['{"b": 1, "a":2}', { b: 1 }],
  jsonb: ['{"b": 1, "a":2}', { b: 1 }],
  bytea: [Buffer.from('ab')],
  'int[]': [[1, 2], '{1,02}'],
  'text[]': [['a'], '{a}'],
};

describe('the type of a column changes, by another session', () => {
  const TEXT = 'insert into kept (v) values ($1) returning v::text';

  it.each(
    Object.entries(TYPES),
  )('%s: each value gives what a statement that is parsed anew gives', async (before, values) => {
    db = openWith();
    const run: Run = (text, list) => db.query(text, list);
    for (const after of Object.keys(TYPES)) {
      if (after === before) continue;
      for (const value of values) {
        await plain.query(`drop table if exists kept; create table kept (v ${before})`);
        for (let n = 0; n < 3; n++) await run(TEXT, [value]);
        await plain.query(`alter table kept alter v type ${after} using null::text::${after}`);
        const expected = await fate((text, list) => plain.query(text, list), TEXT, [value]);
        const what = `${String(value)} in what was ${before} and is ${after}`;
        expect([what, await fate(run, TEXT, [value])]).toEqual([what, expected]);
      }
    }
  });
});

describe('a type is dropped and made anew', () => {
  it('the next call knows it', async () => {
    db = openWith();
    const text = 'select $1::mood::text as m';
    for (const labels of ["'a', 'b'", "'a', 'b', 'c'", "'c'"]) {
      await plain.query(`drop type if exists mood; create type mood as enum (${labels})`);
      const expected = labels.includes('c') ? ['c'] : '22P02';
      for (let n = 0; n < 3; n++)
        expect(await fate((one, values) => db.query(one, values), text, ['c'])).toEqual(expected);
    }
  });
});

describe('a result changes its form', () => {
  const READ = 'select * from item where id = $1';
  const WRITE = 'insert into item (id) values ($1) returning *';

  it('calls that share the connection are all answered, reads and writes', async () => {
    await plain.query('drop table if exists item; create table item (id int primary key)');
    await plain.query('insert into item select g from generate_series(1, 9) g');
    db = openWith();
    for (let n = 0; n < 3; n++) await db.query(READ, [1]);
    await plain.query('alter table item add a int');
    const read = await Promise.all([1, 2, 3, 4, 5, 6].map((id) => db.one(READ, [id])));
    expect(read).toEqual([1, 2, 3, 4, 5, 6].map((id) => ({ id, a: null })));
    for (let n = 0; n < 3; n++) await db.query(WRITE, [100 + n]);
    await plain.query('alter table item add b int');
    const written = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => db.one(WRITE, [200 + n])));
    expect(written).toEqual([1, 2, 3, 4, 5, 6].map((n) => ({ id: 200 + n, a: null, b: null })));
    expect(await db.one('select count(*)::int as n from item where id > 200')).toEqual({ n: 6 });
  });

  it('a name of the caller comes right: at once on a lease, by another run in a transaction', async () => {
    await plain.query('drop table if exists item; create table item (id int); insert into item values (1)');
    db = openWith();
    const one = { name: 'one', text: READ, values: [1] };
    const runs = { n: 0 };
    const inTransaction = () =>
      db.transaction((tx) => {
        runs.n++;
        return tx.one(one);
      });
    const onLease = () => db.use((lease) => lease.one(one));
    for (let n = 0; n < 3; n++) await onLease();
    await plain.query('alter table item add a int');
    expect(await onLease()).toEqual({ id: 1, a: null });
    expect(await onLease()).toEqual({ id: 1, a: null });
    await plain.query('alter table item add b int');
    expect(await inTransaction()).toEqual({ id: 1, a: null, b: null });
    expect(runs.n).toBe(2);
    expect(await inTransaction()).toEqual({ id: 1, a: null, b: null });
    expect(runs.n).toBe(3);
  });

  it('a wrong value of a name of the caller is its error, and the transaction is run again once at most', async () => {
    db = openWith();
    const wrong = { name: 'number', text: 'select $1::int as n', values: ['x'] };
    await db.use((lease) => lease.one({ ...wrong, values: ['1'] }));
    let runs = 0;
    const failing = db.transaction((tx) => {
      runs++;
      return tx.one(wrong);
    });
    expect(await rejection(failing)).toMatchObject({ code: '22P02' });
    expect(runs).toBe(2);
  });
});

describe('a name is given up', () => {
  /** Names of pgherd's own that the session has. */
  const names = async (): Promise<string[]> => {
    const { rows } = await db.use((lease) =>
      lease.query<{ name: string }>(
        "select name from pg_prepared_statements where name like 'pgherd%' order by 1",
      ),
    );
    return rows.map(({ name }) => name);
  };

  it('after a command of this cluster that may change the schema', async () => {
    db = openWith();
    const text = 'select 1 as kept';
    for (let n = 0; n < 3; n++) await db.query(text);
    const before = await names();
    expect(before).toHaveLength(1);
    await db.query('create table if not exists made_here (id int)');
    await db.query(text);
    expect(await names()).not.toEqual(before);
    const second = await names();
    await db.transaction((tx) => tx.query('drop table made_here'));
    await db.query(text);
    expect(await names()).not.toEqual(second);
  });

  it('at its age', async () => {
    let offsetMs = 0;
    const clock = {
      ...systemClock,
      now: () => systemClock.now() + offsetMs,
      schedule: systemClock.schedule.bind(systemClock),
    };
    db = openWith({ prepare: { maxAgeMs: 60_000 }, clock });
    for (let n = 0; n < 3; n++) await db.query('select 2 as kept');
    const before = await names();
    await db.query('select 2 as kept');
    expect(await names()).toEqual(before);
    offsetMs = 60_000;
    await db.query('select 2 as kept');
    expect(await names()).not.toEqual(before);
  });

  it('a wrong value is an error of its call, and the name stays', async () => {
    db = openWith();
    const text = 'select $1::int as n';
    for (let n = 0; n < 3; n++) await db.query(text, [n]);
    const before = await names();
    expect(await rejection(db.query(text, ['x']))).toMatchObject({ code: '22P02' });
    expect(await rejection(db.query(text, [2 ** 40]))).toMatchObject({ code: '22003' });
    expect(await db.one(text, [5])).toEqual({ n: 5 });
    expect(await names()).toEqual(before);
  });
});

describe('statements of a transaction that can be run again', () => {
  const READ = 'select * from item where id = $1';
  const names = async (run: Pick<Cluster, 'rows'>): Promise<string[]> =>
    (
      await run.rows<{ statement: string }>(
        "select statement from pg_prepared_statements where name like 'pgherd%' order by 1",
      )
    ).map(({ statement }) => statement);

  beforeEach(async () => {
    await plain.query('drop table if exists item; create table item (id int); insert into item values (1)');
  });

  it('have names from their second run on, BEGIN included', async () => {
    db = openWith();
    const seen: string[][] = [];
    for (let n = 0; n < 3; n++)
      await db.transaction(async (tx) => {
        await tx.query(READ, [1]);
        await tx.query(`${READ} limit 1`, [1]);
        seen.push(await names(tx));
      });
    expect(seen[0]).toEqual([]);
    expect(seen[2]?.slice(0, 3)).toEqual(['BEGIN', READ, `${READ} limit 1`]);
  });

  it.each<[string, (work: (tx: Pick<Cluster, 'query' | 'rows'>) => Promise<void>) => Promise<void>]>([
    ['begin()', async (work) => void (await db.begin().then((tx) => work(tx).then(() => tx.commit())))],
    ['retry: false', (work) => db.transaction(work, { retry: false })],
    ['a savepoint', (work) => db.transaction((tx) => tx.transaction(work))],
    [
      'a session that was changed',
      (work) =>
        db.transaction(async (tx) => {
          await tx.query("set local application_name = 'changed'");
          await work(tx);
        }),
    ],
  ])('have none in %s', async (_, run) => {
    db = openWith();
    for (let n = 0; n < 3; n++)
      await run(async (tx) => {
        await tx.query(READ, [1]);
        expect(await names(tx)).not.toContain(READ);
      });
  });

  it.each([
    ['the first statement', false],
    ['a later statement', true],
  ])('a table changes: %s has the function run once more, on ten connections at once', async (_, isLater) => {
    db = openWith({ pool: { max: 10 } });
    let runs = 0;
    const call = async (atOnce?: () => Promise<unknown>) =>
      db.transaction(async (tx) => {
        runs++;
        if (isLater) await tx.query('select 1');
        await atOnce?.();
        return tx.one(READ, [1]);
      });
    const together = () => {
      let waiting = 10;
      let open = (): void => undefined;
      const all = new Promise<void>((resolve) => {
        open = resolve;
      });
      // Each runs on a connection of its own; a function that is run again does not wait.
      const arrive = async () => {
        if (--waiting <= 0) open();
        return all;
      };
      return Promise.all(Array.from({ length: 10 }, () => call(arrive)));
    };
    for (let n = 0; n < 3; n++) await together();
    for (const column of ['a', 'b']) {
      await plain.query(`alter table item add ${column} int`);
      runs = 0;
      for (const row of await together()) expect(row).toMatchObject({ id: 1, [column]: null });
      expect(runs).toBeGreaterThan(10);
      expect(runs).toBeLessThanOrEqual(20);
    }
  });

  it('names that the transaction itself forgot, or a wrong value, end in at most one more run', async () => {
    db = openWith();
    let runs = 0;
    const forgetful = () =>
      db.transaction(async (tx) => {
        runs++;
        await tx.query(READ, [1]);
        await tx.query('deallocate all');
        return tx.one(READ, [1]);
      });
    for (let n = 0; n < 4; n++) expect(await forgetful()).toEqual({ id: 1 });
    expect(runs).toBe(4);
    const text = 'select $1::int + 1 as n';
    const add = (value: number) =>
      db.transaction((tx) => {
        runs++;
        return tx.one(text, [value]);
      });
    for (let n = 0; n < 3; n++) expect(await add(n)).toEqual({ n: n + 1 });
    runs = 0;
    expect(await rejection(add(2 ** 31 - 1))).toMatchObject({ code: '22003' });
    expect(runs).toBe(2);
  });
});
