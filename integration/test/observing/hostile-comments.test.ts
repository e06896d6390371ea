import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { rejection } from '../../src/support.ts';

// One connection: what it has prepared can be asked.
const it1 = oneClient(['items (id int primary key, name text)'], { client: { pool: { max: 1 } } });
const OWN = 'select query from pg_stat_activity where pid = pg_backend_pid()';

let texts = 0;

const HOSTILE: readonly (readonly [what: string, value: string])[] = [
  ['the end of a comment', '*/; drop table items; --'],
  ['the beginning of one', '/* /* /*'],
  ['quotes', `'"$$''\\'`],
  ['lines', 'a\nb\r\nc\u2028d'],
  ['NUL and other controls', '\0\u0001\u001b[31m\u007f'],
  ['other alphabets', 'Größe 大 🐎'],
  ['halves of characters', '\ud800 \udfff'],
  ['percent signs', '%27%2A%2F%00%%'],
  ['a value that looks like a parameter', '$1 :a ? {0}'],
];

const drained = async (rows: AsyncIterable<unknown>): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

describe.each(HOSTILE)('a tag that holds %s', (_what, value) => {
  it.each<[string, Record<string, string | (() => string)>]>([
    ['as a value', { route: value }],
    ['as a name', { [value]: 'x' }],
    ['from a function', { route: () => value }],
  ])('%s is a comment, and nothing else', async (_how, comment) => {
    // A text that is new: what a function returns does not go with one that is prepared.
    const { query } = await it1.db.one<{ query: string }>(`${OWN} and ${++texts} > 0`, [], { comment });
    expect(query).toMatch(/^select query from [^/]* \/\*[\w%.~!()-]+='[\w%.~!()-]*'\*\/$/);
    const [, inside = ''] = /\/\*(.*)\*\/$/.exec(query) ?? [];
    const [name = '', quoted = ''] = inside.split('=');
    const text = decodeURIComponent(quoted.slice(1, -1));
    const expected = value.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
    expect([decodeURIComponent(name), text]).toContain(expected);
  });

  it('goes with every verb', async () => {
    const options = { comment: { route: value, [value]: () => value } };
    await it1.db.batch(["insert into items values (1, 'hay') on conflict do nothing", 'select 1'], options);
    expect(await drained(it1.db.stream('select id from items', [], options))).toEqual([{ id: 1 }]);
    expect(
      Buffer.concat(
        (await drained(it1.db.copyTo('copy items to stdout', options))) as Uint8Array[],
      ).toString(),
    ).toBe('1\thay\n');
    await it1.db.copyFrom('copy items from stdin', [], options);
    expect(await it1.db.transaction((tx) => tx.one('select id from items'), options)).toEqual({ id: 1 });
    expect(await it1.db.use((lease) => lease.one('select $1::int as n', [5], options))).toEqual({ n: 5 });
  });
});

describe('tags', () => {
  it('may be a megabyte', async () => {
    const comment = { route: 'x'.repeat(1_000_000) };
    expect(await it1.db.one('select $1::int as n', [1], { comment })).toEqual({ n: 1 });
    expect(await it1.db.one('select $1::int as n', [2], { comment: { route: () => comment.route } })).toEqual(
      { n: 2 },
    );
  });

  it('do not change what the text of a statement says about it', async () => {
    const error = await rejection(it1.db.query('commit', [], { comment: { a: 'b' } }));
    expect(error).toMatchObject({ code: 'PGHERD_STATEMENT_NOT_ALLOWED' });
    const write = it1.db.read.query("insert into items values (9, 'x')", [], { comment: { a: 'b' } });
    expect(await rejection(write)).toMatchObject({ code: '25006' });
    // A comment that the text leaves open, a string that it leaves open: an error, not another statement.
    for (const text of ['select 1 /* open', "select 'open", 'select $$open', 'select "open'])
      expect(await rejection(it1.db.query(text, [], { comment: { a: 'b' } }))).toMatchObject({
        code: '42601',
      });
    expect((await it1.db.query('select 1 as n -- end', [], { comment: { a: 'b' } })).rows).toEqual([
      { n: 1 },
    ]);
  });

  it('of functions never multiply prepared statements, those that are fixed make one for each of their values', async () => {
    const text = 'select name from items where id = $1';
    const run = async (comment: Record<string, string | (() => string)>) => {
      for (let id = 0; id < 20; id++) await it1.db.query(text, [id], { comment });
    };
    let calls = 0;
    await run({ traceparent: () => `00-${++calls}-01`, request: () => String(Math.random()) });
    await run({ route: '/a' });
    await run({ route: '/b', traceparent: () => `00-${++calls}-01` });
    const prepared = await it1.db.rows<{ statement: string }>(
      'select statement from pg_prepared_statements where statement like $1 order by 1',
      [`${text}%`],
    );
    expect(prepared.map(({ statement }) => statement)).toEqual([
      text,
      `${text} /*route='%2Fa'*/`,
      `${text} /*route='%2Fb'*/`,
    ]);
    expect(calls).toBe(40);
  });

  it('of a statement with a name of its own: each text is prepared under its own', async () => {
    const named = { name: 'find', text: 'select $1::int as n' };
    // On a lease the name reaches the server, and stands for one text there.
    await it1.db.use(async (lease) => {
      for (const route of ['/a', '/b', '/a'])
        expect(await lease.one({ ...named, values: [1] }, { comment: { route } })).toEqual({ n: 1 });
      expect(await lease.one({ ...named, values: [2] })).toEqual({ n: 2 });
    });
    expect(await it1.db.one({ ...named, values: [3] }, { comment: { route: '/c' } })).toEqual({ n: 3 });
  });

  it('of a function that fails, or returns something odd, leave the call alone', async () => {
    const odd: (() => unknown)[] = [
      () => {
        throw new Error('no span');
      },
      () => Symbol('s'),
      () => Object.create(null),
      () => ({
        toString: () => {
          throw new Error('no text');
        },
      }),
      () => null,
      () => Promise.resolve('later'),
    ];
    for (const tag of odd)
      expect(await it1.db.one('select 1 as n', [], { comment: { tag: tag as () => string } })).toEqual({
        n: 1,
      });
  });
});
