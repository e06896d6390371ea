import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

// One connection: what it has prepared can be asked.
const it1 = oneClient(['items (id int primary key, name text)'], { client: { pool: { max: 1 } } });
/** The SQL of the statement itself, as the server got it. */
const OWN = 'select query from pg_stat_activity where pid = pg_backend_pid()';

describe('the option comment', () => {
  it('shows the tags on the server, those of with and those of the call', async () => {
    const db = it1.db.with({ comment: { route: '/orders' } });
    const seen = await db.one<{ query: string }>(OWN, [], { comment: { job: 'nightly' } });
    expect(seen.query).toBe(`${OWN} /*job='nightly',route='%2Forders'*/`);
  });

  it.each<[string, () => Promise<string | undefined>]>([
    [
      'a transaction',
      () =>
        it1.db
          .with({ comment: { a: 'b' } })
          .transaction(async (tx) => (await tx.one<{ query: string }>(OWN)).query),
    ],
    [
      'a lease',
      () =>
        it1.db
          .with({ comment: { a: 'b' } })
          .use(async (lease) => (await lease.one<{ query: string }>(OWN)).query),
    ],
    [
      'a statement with settings',
      async () =>
        (await it1.db.one<{ query: string }>(OWN, [], { comment: { a: 'b' }, settings: { 'x.y': '1' } }))
          .query,
    ],
    [
      'a stream',
      async () => {
        for await (const { query } of it1.db.stream<{ query: string }>(OWN, [], { comment: { a: 'b' } }))
          return query;
        return undefined;
      },
    ],
  ])('reaches the server from %s', async (_what, work) => {
    expect(await work()).toBe(`${OWN} /*a='b'*/`);
  });

  it('does not cost prepared statements, if its tags change from one statement to the next', async () => {
    let trace = 0;
    const db = it1.db.with({ comment: { traceparent: () => `00-${++trace}` } });
    const text = 'select name from items where id = $1';
    await it1.db.use(async (lease) => {
      for (let id = 0; id < 20; id++) await lease.query(text, [id]);
    });
    for (let id = 0; id < 200; id++) await db.query(text, [id]);
    const prepared = await it1.db.rows<{ statement: string }>(
      'select statement from pg_prepared_statements where statement like $1',
      [`${text}%`],
    );
    expect(prepared.map(({ statement }) => statement)).toEqual([text]);
    expect(trace).toBe(200);
    const own = await db.one<{ query: string }>(OWN);
    expect(own.query).toBe(`${OWN} /*traceparent='00-201'*/`);
  });
});
