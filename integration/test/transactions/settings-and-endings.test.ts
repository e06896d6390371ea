import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster, TransactionOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTable, nameOf, open, quiet, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
  await createTable(cluster, 'entry', 'id int primary key deferrable initially deferred');
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 1 });
});

afterEach(async () => {
  await quiet(db);
  // Nothing stays open on the server, however a transaction ended.
  const text = `select pid from pg_stat_activity where usename = 'app' and state like 'idle in transaction%'`;
  expect(await cluster.primary.sql(text)).toEqual([]);
});

afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const shown = async (name: string, options: TransactionOptions, from: Cluster = db): Promise<unknown> =>
  from.transaction(
    async (tx) => (await tx.one('select current_setting($1, true) as value', [name]))['value'],
    options,
  );

const idsFrom = async (first: number): Promise<unknown[]> =>
  (await db.rows('select id from entry where id between $1 and $1 + 9 order by id', [first])).map(
    ({ id }) => id,
  );

describe('settings', () => {
  it('hold in the transaction, in its savepoints, and no longer', async () => {
    const settings = { 'app.user_id': 7, statement_timeout: '12s', 'app.admin': false };
    await db.transaction(
      async (tx) => {
        const seen = `select current_setting('app.user_id') as id, current_setting('statement_timeout') as ms,
          current_setting('app.admin') as admin`;
        const all = { id: '7', ms: '12s', admin: 'false' };
        expect(await tx.one(seen)).toEqual(all);
        expect(await tx.transaction((inner) => inner.one(seen))).toEqual(all);
      },
      { settings },
    );
    const [now] = await db.rows(
      `select current_setting('app.user_id', true) as id, current_setting('statement_timeout') as ms`,
    );
    expect([null, '']).toContain(now?.['id']);
    expect(now?.['ms']).toBe('0');
  });

  it.each([
    ["it's"],
    ['back\\slash'],
    ["'; drop table entry; --"],
    ["\\'; drop table entry; --"],
    ['two\nlines'],
    ['$1 $$ ü 🐴 "quoted"'],
    [''],
  ])('%j arrives as it is, also where backslashes are not what the standard says', async (value) => {
    const options = encodeURIComponent('-c standard_conforming_strings=off -c backslash_quote=on');
    await using odd = open(cluster, { url: `${cluster.url}?options=${options}` });
    for (const from of [db, odd])
      expect(await shown('app.note', { settings: { 'app.note': value } }, from)).toBe(value);
  });

  it('go with BEGIN in one flight', async () => {
    const flights: string[] = [];
    const watch = cluster.primary.proxy.watch(({ chunk, direction }) => {
      const text = chunk.toString('latin1');
      if (direction === 'to-server' && /BEGIN|set_config/.test(text)) flights.push(text);
    });
    await shown('app.note', { settings: { 'app.note': 'x' }, isolation: 'serializable' });
    await watch.undo();
    expect(flights).toHaveLength(1);
    expect(flights[0]).toMatch(/BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT .*set_config/);
  });

  it('that the server does not take are its error; the connection is as good as before', async () => {
    const wrong = db.transaction(() => 1, { settings: { statement_timeout: 'soon' } });
    expect(await rejection(wrong)).toMatchObject({ code: '22023', node: nameOf(cluster.primary) });
    const strange = db.transaction(() => 1, { settings: { no_such_setting: 'x' } });
    expect(await rejection(strange)).toMatchObject({ code: '42704' });
    expect(await shown('app.note', { settings: { 'app.note': 'y' } })).toBe('y');
  });
});

describe('bad input', () => {
  it.each<[string, object, RegExp]>([
    ['an isolation that is none', { isolation: 'serializable; drop table entry' }, /isolation is .* one of/],
    ['deferrable alone', { deferrable: true }, /deferrable/],
    ['readOnly that is no boolean', { readOnly: 'yes' }, /readOnly is yes/],
    ['no attempts', { retry: { attempts: 0 } }, /retry\.attempts is 0/],
    ['retry that is a number', { retry: 3 }, /retry is 3/],
    ['settings that are a list', { settings: ['a'] }, /settings/],
    ['a name with a quote', { settings: { "a'b": 1 } }, /settings/],
    ['a name with a space', { settings: { 'a b': 1 } }, /settings/],
    ['a value that is an object', { settings: { 'app.a': { b: 1 } } }, /settings\.app\.a/],
    ['a value that is no number', { settings: { 'app.a': Number.NaN } }, /settings\.app\.a/],
    [
      'what isolation says better',
      { settings: { transaction_isolation: 'serializable' } },
      /option isolation/,
    ],
    ['what readOnly says better', { settings: { TRANSACTION_READ_ONLY: 'off' } }, /option readOnly/],
    ['a target that is none', { target: 'master' }, /target/],
  ])('%s is refused before anything is sent', async (_what, options, message) => {
    for (const begin of [() => db.transaction(() => 1, options), () => db.begin(options)]) {
      const error = await rejection(begin());
      expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect(String(error)).toMatch(message);
    }
  });

  it('the value of a setting is never shown', async () => {
    const error = await rejection(db.transaction(() => 1, { settings: { 'app.token': 'hunter2\0' } }));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('the end', () => {
  it.each<[string, TransactionOptions]>([
    ['a standby', { target: 'standby' }],
    ['a transaction that is read-only', { readOnly: true, target: 'primary' }],
    ['the primary, asked for reads', { target: 'prefer-primary' }],
  ])('a write on %s is the error of the server, with the node, and is not run again', async (_where, options) => {
    let runs = 0;
    const writing = db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into entry values (900)');
    }, options);
    expect(await rejection(writing)).toMatchObject({
      code: '25006',
      node: expect.stringContaining('127.0.0.1:'),
    });
    expect(runs).toBe(1);
  });

  it('a constraint that fails at COMMIT is the error of the server: rolled back, not in doubt, not run again', async () => {
    let runs = 0;
    const twice = db.transaction(async (tx) => {
      runs++;
      await tx.query('insert into entry values (11), (11)');
      tx.afterCommit(() => {
        runs += 100;
      });
    });
    expect(await rejection(twice)).toMatchObject({ code: '23505', node: nameOf(cluster.primary) });
    expect(runs).toBe(1);
    expect(await idsFrom(10)).toEqual([]);
  });

  it('a connection that is lost before COMMIT: the function runs again, and is applied once', async () => {
    const attempts: number[] = [];
    await db.transaction(async (tx) => {
      attempts.push(tx.attempt);
      const { pid } = await tx.one('select pg_backend_pid() as pid');
      await tx.query('insert into entry values (21)');
      if (tx.attempt === 1) await cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
      await tx.query('insert into entry values (22)');
    });
    expect(attempts).toEqual([1, 2]);
    expect(await idsFrom(20)).toEqual([21, 22]);
  });

  it('every callback of afterCommit runs, and what they threw is thrown: the commit is a fact', async () => {
    const seen: number[] = [];
    const fail = (which: number) => () => {
      seen.push(which);
      throw new Error(`callback ${which}`);
    };
    const one = db.transaction(async (tx) => {
      await tx.query('insert into entry values (31)');
      tx.afterCommit(fail(1));
      tx.afterCommit(() => {
        seen.push(2);
      });
    });
    expect(await rejection(one)).toMatchObject({ message: 'callback 1' });
    const both = db.transaction(async (tx) => {
      await tx.query('insert into entry values (32)');
      tx.afterCommit(fail(3));
      tx.afterCommit(fail(4));
    });
    const error = await rejection(both);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: callback 3', 'Error: callback 4']);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(await idsFrom(30)).toEqual([31, 32]);
  });

  it.each<[string, (signal: AbortController) => TransactionOptions, string]>([
    ['its deadline', () => ({ timeoutMs: 300 }), 'PGHERD_TIMEOUT'],
    ['an abort', ({ signal }) => ({ signal }), 'PGHERD_ABORTED'],
  ])('a function that never returns is given up at %s: rolled back, and the connection is free', async (_what, options, code) => {
    const controller = new AbortController();
    const never = db.transaction(async (tx) => {
      await tx.query('insert into entry values (41)');
      controller.abort();
      await new Promise(() => undefined);
    }, options(controller));
    expect(await rejection(never)).toMatchObject({ code });
    expect(await idsFrom(40)).toEqual([]);
  });

  it('begin by hand is rolled back by a throw out of its scope, also after the connection was lost', async () => {
    const mine = new Error('mine');
    const scope = async (lose: boolean): Promise<void> => {
      await using tx = await db.begin();
      const { pid } = await tx.one('select pg_backend_pid() as pid');
      await tx.query('insert into entry values (51)');
      if (lose) await cluster.primary.sql('select pg_terminate_backend($1)', [pid]);
      throw mine;
    };
    for (const lose of [false, true]) expect(await rejection(scope(lose))).toBe(mine);
    expect(await idsFrom(50)).toEqual([]);
  });

  it('a statement that nobody waited for cannot run into the next transaction of the connection', async () => {
    await using one = open(cluster, { pool: { max: 1 } });
    let late: Promise<unknown> = Promise.resolve();
    await one.transaction((tx) => {
      late = rejection(
        (async () => {
          while (tx.isOpen) await new Promise(setImmediate);
          return tx.query('insert into entry values (61)');
        })(),
      );
    });
    await one.transaction((tx) => tx.query('insert into entry values (62)'));
    expect(await late).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
    expect(await idsFrom(60)).toEqual([62]);
  });
});
