import { waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { OutcomeUnknownError } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { nameOf, open, rejection } from '../../src/support.ts';

const it1 = oneClient(
  [
    'items (id int primary key, name text)',
    'parents (id int primary key)',
    'children (id int primary key, parent int references parents deferrable initially deferred)',
  ],
  { cluster: { proxy: true } },
);

const insert = (id: number, name = 'hay') => ({
  text: 'insert into items values ($1, $2)',
  values: [id, name],
});
const count = async (): Promise<number> =>
  (await it1.db.one<{ n: number }>('select count(*)::int as n from items')).n;

describe('batch', () => {
  it('runs statements in order and gives the result of each', async () => {
    const node = nameOf(it1.cluster.primary);
    const results = await it1.db.batch([
      insert(1),
      insert(2, 'straw'),
      'update items set name = upper(name) where id < 3',
      { text: 'select id, name from items where id < $1 order by id', values: [3], rowMode: 'array' },
      it1.db.sql`select ${7}::int as n`,
      '',
    ]);
    expect(results.map(({ command, rowCount, rows }) => [command, rowCount, rows])).toEqual([
      ['INSERT', 1, []],
      ['INSERT', 1, []],
      ['UPDATE', 2, []],
      [
        'SELECT',
        2,
        [
          [1, 'HAY'],
          [2, 'STRAW'],
        ],
      ],
      ['SELECT', 1, [{ n: 7 }]],
      ['', null, []],
    ]);
    expect(results.every((result) => result.node === node)).toBe(true);
    expect(await it1.db.batch([])).toEqual([]);
  });

  it('goes over the wire in one round trip', async () => {
    await it1.db.use(async (lease) => {
      const directions: string[] = [];
      const undo = it1.cluster.primary.proxy.watch(({ direction }) => {
        if (directions.at(-1) !== direction) directions.push(direction);
      });
      await lease.batch([insert(100), insert(101), 'select count(*) from items']);
      await undo.undo();
      // The monitor's questions go through the same proxy: at most one of them falls into so short a time.
      expect(directions.length).toBeLessThanOrEqual(4);
    });
  });

  it('takes thousands of statements', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({
      text: 'select $1::int as n, repeat($2, 100) as filler',
      values: [index, 'x'],
    }));
    const results = await it1.db.batch(many);
    expect(results.map(({ rows }) => rows[0]?.['n'])).toEqual(many.map((_, index) => index));
  });

  it('keeps all of it or nothing, and says which statement failed', async () => {
    const before = await count();
    const closed = it1.closed();
    const error = await rejection(it1.db.batch([insert(10), insert(11), insert(10), insert(12)]));
    expect(error).toMatchObject({ code: '23505', index: 2, node: nameOf(it1.cluster.primary) });
    expect(await rejection(it1.db.batch([insert(10), { text: 'selec 1' }]))).toMatchObject({
      code: '42601',
      index: 1,
    });
    expect(await rejection(it1.db.batch([insert(10), { text: 'select $1::int', values: [] }]))).toMatchObject(
      {
        index: 1,
      },
    );
    expect(await count()).toBe(before);
    expect(it1.closed()).toBe(closed);
  });

  it('an error of the commit belongs to no statement', async () => {
    const error = await rejection(
      it1.db.batch([{ text: 'insert into children values (1, 99)' }, { text: 'select 1' }]),
    );
    expect(error).toMatchObject({ code: '23503' });
    expect(error).not.toHaveProperty('index');
    expect(await it1.db.rows('select * from children')).toEqual([]);
  });

  it('a value that cannot be written is an error before anything is sent', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const before = await count();
    const bad = { text: 'insert into items values ($1, $2)', values: [21, cyclic] };
    expect(await rejection(it1.db.batch([insert(20), bad]))).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      index: 1,
    });
    expect(await count()).toBe(before);
  });

  it('a row that no parser can read is its error, and the connection goes on', async () => {
    const types = {
      getTypeParser: () => () => {
        throw new Error('unreadable');
      },
    };
    const statement = { text: 'select 1 as n', types };
    await it1.db.use(async (lease) => {
      expect(await rejection(lease.batch([statement, statement]))).toMatchObject({
        code: 'PGHERD_INVALID_ARGUMENT',
        cause: { message: 'unreadable' },
      });
      expect(await lease.batch([{ text: 'select 2 as n' }])).toMatchObject([{ rows: [{ n: 2 }] }]);
    });
  });

  it.each([
    'BEGIN',
    'commit',
    '/* so */ rollback',
    'savepoint x',
    'COPY items to stdout',
  ])('refuses %s', async (text) => {
    expect(await rejection(it1.db.batch([insert(30), text]))).toMatchObject({
      code: 'PGHERD_STATEMENT_NOT_ALLOWED',
      details: { index: 1 },
    });
  });

  it.each([
    ['no array', 'select 1'],
    ['a number', [1]],
    ['values that are none', [{ text: 'select 1', values: 'x' }]],
  ])('refuses %s', async (_what, statements) => {
    const error = await rejection(it1.db.batch(statements as never));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it('inside a transaction it is part of it', async () => {
    const before = await count();
    const error = await rejection(
      it1.db.transaction(async (tx) => {
        await tx.batch([insert(40), insert(41)]);
        expect((await tx.one<{ n: number }>('select count(*)::int as n from items')).n).toBe(before + 2);
        throw new Error('undo');
      }),
    );
    expect(error).toMatchObject({ message: 'undo' });
    await it1.db.transaction(async (tx) => {
      await tx
        .transaction(async (inner) => {
          expect(await rejection(inner.batch([insert(42), insert(42)]))).toMatchObject({ index: 1 });
          throw new Error('back to the savepoint');
        })
        .catch(() => undefined);
      await tx.batch([insert(43)]);
    });
    expect(await count()).toBe(before + 1);
  });

  it('a read batch goes to the read target and cannot write', async () => {
    const results = await it1.db.read.batch(['select 1 as n', 'select 2 as n']);
    expect(results.map(({ rows }) => rows[0]?.['n'])).toEqual([1, 2]);
    expect(await rejection(it1.db.read.batch(['select 1', insert(50)]))).toMatchObject({
      code: '25006',
      index: 1,
    });
  });

  it('ends at its deadline and by its signal, and what ran on the server ends as well', async () => {
    const slow = ['select 1', 'select pg_sleep(600)'];
    expect(await rejection(it1.db.read.batch(slow, { timeoutMs: 50 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    const controller = new AbortController();
    const pending = rejection(it1.db.read.batch(slow, { signal: controller.signal }));
    await waitUntil(
      async () =>
        (
          await it1.cluster.primary.sql(
            "select 1 from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()",
          )
        ).length > 0,
    );
    controller.abort();
    expect(await pending).toMatchObject({ code: 'PGHERD_ABORTED' });
  });

  it('whose answer is lost has an unknown outcome, unless it is idempotent', async () => {
    const { cluster } = it1;
    const db = open(cluster, { pool: { max: 1 } });
    const holder = new pg.Client({ connectionString: cluster.primary.directUrl });
    try {
      await holder.connect();
      const lost = async (statements: readonly string[], idempotent: boolean): Promise<unknown> => {
        await holder.query('begin; select pg_advisory_xact_lock(60)');
        const pending = db.batch(statements, { idempotent }).catch((error: unknown) => error);
        const waits =
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'";
        await waitUntil(async () => (await cluster.primary.sql(waits)).length > 0, {
          what: 'the batch to wait',
        });
        cluster.primary.proxy.reset();
        // Until its backend has ended, what was lost may get the lock as well.
        await holder.query('rollback');
        return pending;
      };
      const waiting = 'select pg_advisory_xact_lock(60)';
      expect(await lost(['insert into items values (60)', waiting], false)).toBeInstanceOf(
        OutcomeUnknownError,
      );
      expect(await lost(['select 1 as n', waiting], true)).toMatchObject([{ rows: [{ n: 1 }] }, {}]);
    } finally {
      await holder.end();
      await db.close();
    }
  });
});
