import { PgHerdError } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { open, rejection, standbyNames } from '../../src/support.ts';

const setUp = itemClient();

describe('statements', () => {
  it('query gives rows, count, fields, command and node', async () => {
    const result = await setUp.db.query('select 1 as one, $1::text as word', ['hay']);
    expect(result).toMatchObject({
      rows: [{ one: 1, word: 'hay' }],
      rowCount: 1,
      command: 'SELECT',
      node: setUp.primaryName(),
    });
    expect(result.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
      ['one', 23],
      ['word', 25],
    ]);
  });

  it('rows, one and maybeOne give rows, and refuse a wrong number of them', async () => {
    const three = 'select n from generate_series(1, 3) n';
    expect(await setUp.db.rows(three)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await setUp.db.one('select 7 as n')).toEqual({ n: 7 });
    expect(await setUp.db.maybeOne('select 7 as n')).toEqual({ n: 7 });
    expect(await setUp.db.maybeOne('select 7 as n where false')).toBeUndefined();
    const none = 'select 1 where false';
    expect(await rejection(setUp.db.one(none))).toMatchObject({
      code: 'PGHERD_WRONG_ROW_COUNT',
      details: { count: 0 },
    });
    expect(await rejection(setUp.db.one(three))).toMatchObject({ details: { count: 3 } });
    expect(await rejection(setUp.db.maybeOne(three))).toMatchObject({ code: 'PGHERD_WRONG_ROW_COUNT' });
  });

  it('sends parameters of every kind as pg does', async () => {
    const row = await setUp.db.one(
      'select $1::int as i, $2::jsonb as j, $3::text[] as a, $4::text as n, $5::bytea as b',
      [5, { deep: [1] }, ['x', 'y'], null, Buffer.from('raw')],
    );
    expect(row).toEqual({ i: 5, j: { deep: [1] }, a: ['x', 'y'], n: null, b: Buffer.from('raw') });
  });

  it('takes the configuration form with options of the call in it', async () => {
    const result = await setUp.db.query({ text: 'select $1::int as n', values: [3], target: 'standby' });
    expect(result.rows).toEqual([{ n: 3 }]);
    expect(standbyNames(setUp.cluster)).toContain(result.node);
    const arrays = await setUp.db.query({ text: 'select 1, 2', rowMode: 'array' });
    expect(arrays.rows).toEqual([[1, 2]]);
    const types = { getTypeParser: () => (text: string) => `<${text}>` };
    expect(await setUp.db.one({ text: 'select 42 as n', types })).toEqual({ n: '<42>' });
  });

  it('runs named statements again and again on one connection', async () => {
    await setUp.db.use(async (lease) => {
      for (const n of [1, 2, 3]) {
        expect(await lease.one({ name: 'twice', text: 'select $1::int * 2 as n', values: [n] })).toEqual({
          n: 2 * n,
        });
      }
    });
  });

  it('settles also when the driver refuses a statement before it sends it', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    await own.use(async (lease) => {
      await lease.query({ name: 'same', text: 'select 1' });
      expect(String(await rejection(lease.query({ name: 'same', text: 'select 2' })))).toContain(
        'must be unique',
      );
    });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(String(await rejection(own.query('select $1::json', [circular])))).toContain('circular');
    expect(await own.one('select 3 as n')).toEqual({ n: 3 });
  });

  it.each([
    ['no text', () => setUp.db.query({ text: undefined as unknown as string })],
    ['values that are no array', () => setUp.db.query('select 1', 'x' as unknown as [])],
    ['timeoutMs that is no number', () => setUp.db.query('select 1', [], { timeoutMs: Number.NaN })],
    ['primaryReadWeight above 1', () => setUp.db.query('select 1', [], { primaryReadWeight: 2 })],
    [
      'a target that does not exist',
      () => setUp.db.query('select 1', [], { target: 'replica' as 'standby' }),
    ],
    ['a limit of lag that is no number', () => setUp.db.query('select 1', [], { maxLagMs: Number.NaN })],
    ['deferrable without serializable', () => setUp.db.transaction(() => 1, { deferrable: true })],
  ])('refuses %s with a coded error', async (_what, call) => {
    expect(await rejection(call())).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it("passes the server's errors as they are, with the node, and keeps the connection", async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    const pid = await own.one('select pg_backend_pid() as pid');
    const error = await rejection(own.query('select * from nowhere'));
    expect(error).not.toBeInstanceOf(PgHerdError);
    expect(error).toMatchObject({
      code: '42P01',
      severity: 'ERROR',
      position: '15',
      node: setUp.primaryName(),
    });
    await own.query('insert into item values (900)');
    expect(await rejection(own.query('insert into item values (900)'))).toMatchObject({
      code: '23505',
      constraint: 'item_pkey',
    });
    await own.query('delete from item where id = 900');
    expect(await own.one('select pg_backend_pid() as pid')).toEqual(pid);
  });
});
