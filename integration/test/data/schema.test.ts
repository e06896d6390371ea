import type { SchemaResult, StandardSchema } from 'pgherd';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { rejection } from '../../src/support.ts';

interface Order {
  readonly id: number;
  readonly paid: Date;
}

/** A schema as the libraries make them: it checks, and it changes what it gives back. */
function schemaOf<O>(
  check: (row: Record<string, unknown>) => SchemaResult<O> | Promise<SchemaResult<O>>,
): StandardSchema<unknown, O> {
  return {
    '~standard': { version: 1, vendor: 'tests', validate: (row) => check(row as Record<string, unknown>) },
  };
}

const ORDER = schemaOf<Order>(({ id, paid }) => {
  if (typeof id !== 'number') return { issues: [{ message: 'must be a number', path: ['id'] }] };
  if (typeof paid !== 'string')
    return { issues: [{ message: `must be a text (was ${JSON.stringify(paid)})`, path: ['paid'] }] };
  return { value: { id, paid: new Date(paid) } };
});
const LATE_ORDER = schemaOf<Order>(async (row) => ORDER['~standard'].validate(row));

const client = oneClient(['orders (id int primary key, paid text)']);
const TEXT = 'select id, paid from orders order by id';

describe('schema', () => {
  it.each([
    ['at once', ORDER],
    ['later', LATE_ORDER],
  ])('which answers %s checks the rows of every verb, and changes them', async (_when, schema) => {
    const { db } = client;
    await db.query("insert into orders values (1, '2026-01-01') on conflict do nothing");
    const order = { id: 1, paid: new Date('2026-01-01') };
    expect((await db.query(TEXT, [], { schema })).rows).toEqual([order]);
    expect(await db.rows(TEXT, undefined, { schema })).toEqual([order]);
    expect(await db.one({ text: TEXT, schema })).toEqual(order);
    expect(await db.maybeOne(db.sql`select id, paid from orders where id = ${1}`, { schema })).toEqual(order);
    expect(await db.read.rows({ text: TEXT, schema })).toEqual([order]);
    const streamed: Order[] = [];
    for await (const row of db.stream(TEXT, [], { schema })) streamed.push(row);
    expect(streamed).toEqual([order]);
    await db.transaction(async (tx) => expect(await tx.one(TEXT, [], { schema })).toEqual(order));
    await db.use(async (lease) => expect(await lease.rows(TEXT, [], { schema })).toEqual([order]));
  });

  it('gives its type to the rows', () => {
    const { db } = client;
    const calls = () => [
      expectTypeOf(db.rows(TEXT, [], { schema: ORDER })).resolves.toEqualTypeOf<Order[]>(),
      expectTypeOf(db.one({ text: TEXT, schema: ORDER })).resolves.toEqualTypeOf<Order>(),
      expectTypeOf(db.maybeOne(TEXT, [], { schema: ORDER })).resolves.toEqualTypeOf<Order | undefined>(),
      expectTypeOf(db.rows<{ n: number }>('select 1')).resolves.toEqualTypeOf<{ n: number }[]>(),
      expectTypeOf(db.rows('select 1')).resolves.toEqualTypeOf<Record<string, unknown>[]>(),
    ];
    expect(calls).toBeTypeOf('function');
  });

  it('a row that does not fit is told by place, path and message, and without its values', async () => {
    const { db } = client;
    const text = "select 7 as id, '2026-01-01' as paid union all select 8, null union all select 9, 'x'";
    expect(await rejection(db.rows(text, [], { schema: ORDER }))).toMatchObject({
      code: 'PGHERD_SCHEMA_MISMATCH',
      message:
        'Row 1 does not fit the schema: paid: must be a text (was null). The statement itself was executed.',
      details: { row: 1, issues: [{ path: 'paid', message: 'must be a text (was null)' }] },
    });
    const talkative = schemaOf<never>((row) => ({
      issues: [
        {
          message: `got "${String(row['password'])}" and ${row['pin']}, not 5 texts`,
          path: [{ key: 'address' }, 'city', 0],
        },
        { message: 'and so on' },
      ],
    }));
    const error = await rejection(
      db.one("select 'hunter2' as password, 1234 as pin", [], { schema: talkative }),
    );
    expect(error).toMatchObject({
      details: {
        row: 0,
        issues: [{ path: 'address.city.0', message: 'got "…" and …, not 5 texts' }, { path: '' }],
      },
    });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toMatch(/hunter2|1234/);
  });

  it('in a stream the place is that in the whole, and the connection is free', async () => {
    const small = schemaOf<{ n: number }>(({ n }) =>
      Number(n) < 12 ? { value: { n: Number(n) } } : { issues: [{ message: 'too much', path: ['n'] }] },
    );
    const read = async () => {
      const stream = client.db.stream('select g as n from generate_series(1, 100) g', [], {
        schema: small,
        batchSize: 5,
      });
      for await (const row of stream) expect(row.n).toBeLessThan(12);
    };
    expect(await rejection(read())).toMatchObject({ code: 'PGHERD_SCHEMA_MISMATCH', details: { row: 11 } });
    expect(client.db.stats().total.leased).toBe(0);
  });

  it('inside a transaction a row that does not fit undoes it', async () => {
    const write = client.db.transaction(async (tx) => {
      await tx.rows('insert into orders values (50, null) returning *', [], { schema: ORDER });
    });
    expect(await rejection(write)).toMatchObject({ code: 'PGHERD_SCHEMA_MISMATCH' });
    expect(await client.db.rows('select * from orders where id = 50')).toEqual([]);
  });

  it('which is none is refused before anything is sent; one that throws is told', async () => {
    for (const schema of [{}, 'x', null, { '~standard': {} }]) {
      const work = client.db.rows('insert into orders values (60)', [], { schema: schema as never });
      expect(await rejection(work)).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    }
    expect(() => client.db.stream('select 1', [], { schema: {} as never })).toThrow(/Standard Schema/);
    expect(await client.db.rows('select * from orders where id = 60')).toEqual([]);
    const broken = schemaOf<never>(() => {
      throw new TypeError('broken schema');
    });
    expect(await rejection(client.db.rows('select 1', [], { schema: broken }))).toMatchObject({
      message: 'broken schema',
    });
  });
});
