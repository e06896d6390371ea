import type { Statement, TypeParsers } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { open, rejection } from '../../src/support.ts';

const setUp = oneClient(['written (note text)']);

const broken = new Error('no number that the application likes');
const fails = (): never => {
  throw broken;
};
const TYPES = [
  ['a parser that throws', { getTypeParser: () => fails }],
  ['a parser that cannot be had', { getTypeParser: fails }],
] as const;
const TOLD = {
  code: 'PGHERD_INVALID_ARGUMENT',
  message: expect.stringMatching(/was executed, but a type parser .*no number/),
  cause: broken,
};

const insert = (note: string, types: TypeParsers): Statement => ({
  text: 'insert into written select $1::text from generate_series(1, 3) returning 1 as one',
  values: [note],
  types,
});

async function written(note: string): Promise<number> {
  return setUp.db
    .one<{ n: number }>('select count(*)::int as n from written where note = $1', [note])
    .then(({ n }) => n);
}

describe('rows that the application cannot read', () => {
  const client = () => open(setUp.cluster, { pool: { max: 1 } });

  it.each(TYPES)('query: %s', async (what, types) => {
    await using db = client();
    const pid = await db.one('select pg_backend_pid() as pid');
    const note = `query ${what}`;
    // From the second time on it is prepared.
    for (const times of [1, 2, 3]) {
      expect(await rejection(db.query(insert(note, types)))).toMatchObject(TOLD);
      expect(await written(note)).toBe(3 * times);
    }
    expect(await db.one('select pg_backend_pid() as pid')).toEqual(pid);
  });

  it.each(TYPES)('query: its neighbours on the connection are read: %s', async (_what, types) => {
    await using db = client();
    const calls = [1, 2, 3].map((n) =>
      db.one({ text: 'select $1::int as n', values: [n], ...(n === 2 && { types }) }),
    );
    expect(await Promise.allSettled(calls)).toMatchObject([
      { value: { n: 1 } },
      { reason: TOLD },
      { value: { n: 3 } },
    ]);
  });

  it.each(TYPES)('lease: %s', async (what, types) => {
    await using db = client();
    const note = `lease ${what}`;
    await db.use(async (lease) => {
      const pid = await lease.one('select pg_backend_pid() as pid');
      expect(await rejection(lease.query(insert(note, types)))).toMatchObject(TOLD);
      expect(await rejection(lease.query({ ...insert(note, types), rowMode: 'array' }))).toMatchObject(TOLD);
      expect(await lease.one('select pg_backend_pid() as pid')).toEqual(pid);
    });
    expect(await written(note)).toBe(6);
  });

  it.each(TYPES)('transaction: it goes on, and is not run again: %s', async (what, types) => {
    await using db = client();
    const note = `transaction ${what}`;
    let runs = 0;
    await db.transaction(async (tx) => {
      runs++;
      expect(await rejection(tx.query(insert(note, types)))).toMatchObject(TOLD);
      await tx.query('insert into written values ($1)', [note]);
    });
    expect(await written(note)).toBe(4);
    const failing = db.transaction(async (tx) => {
      runs++;
      await tx.query(insert(note, types));
    });
    expect(await rejection(failing)).toMatchObject(TOLD);
    expect(runs).toBe(2);
    expect(await written(note)).toBe(4);
  });

  it.each(TYPES)("the server's error after such a row is what is told: %s", async (_what, types) => {
    await using db = client();
    const text = 'select 1 / (3 - n) as n from generate_series(1, 5) n';
    expect(await rejection(db.query({ text, types }))).toMatchObject({ code: '22012' });
    await db.use(async (lease) => {
      expect(await rejection(lease.query({ text, types }))).toMatchObject({ code: '22012' });
      expect(await lease.one('select 1 as n')).toEqual({ n: 1 });
    });
  });
});

describe('columns whose parser cannot be had, over pg', () => {
  const types = { getTypeParser: fails };

  it('batch and stream', async () => {
    await using db = open(setUp.cluster, { pool: { max: 1 } });
    expect(await rejection(db.batch([{ text: 'select 1 as n', types }]))).toMatchObject(TOLD);
    const reading = db.stream({ text: 'select 1 as n', types })[Symbol.asyncIterator]().next();
    expect(await rejection(reading)).toMatchObject(TOLD);
    expect(await db.one('select 1 as n')).toEqual({ n: 1 });
  });
});
