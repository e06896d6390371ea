import { expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

const it1 = oneClient(['counted (id int primary key, name text, tags jsonb)']);

const all = async (rows: AsyncIterable<unknown>): Promise<void> => {
  for await (const _row of rows);
};

/** Every way in which a statement with values goes to the server. */
const WAYS: Readonly<Record<string, (text: string, values: readonly unknown[]) => Promise<unknown>>> = {
  query: (text, values) => it1.db.query(text, values),
  rows: (text, values) => it1.db.read.rows(text, values),
  'a lease': (text, values) => it1.db.use((lease) => lease.query(text, values)),
  'a transaction': (text, values) => it1.db.transaction((tx) => tx.query(text, values)),
  stream: (text, values) => all(it1.db.stream(text, values)),
  batch: (text, values) => it1.db.batch(['select 1', { text, values }]),
};

const TEXTS: readonly (readonly [text: string, values: readonly unknown[], hint: RegExp])[] = [
  ['select * from counted where id = ? and name = ?', [1, 'x'], /^Values are written \$1, \$2, … .*"\?"/],
  ["insert into counted values (?, ?, '{}')", [1, 'x'], /"\?"/],
  ['select * from counted where id = :id', [1], /":id"/],
  ['select * from counted where id = @id', [1], /"@id"/],
  ['select * from counted where id = $id', [1], /"\$id"/],
  ['select $1::int, $2::int', [1], /^The text has 2 parameters, \$1 to \$2; 1 value was given\.$/],
  ['select $1::int', [1, 2], /^The text has one parameter, \$1; 2 values were given\.$/],
  ['select 1', [1], /^The text has no parameter/],
  ['select $1::int', [], /one parameter, \$1; 0 values were given/],
  ['select $1::int, $3::int', [1, 2, 3], /^The text has \$3 and no \$2/],
];

it.each(Object.keys(WAYS))('%s: the error of the server says how values are written', async (way) => {
  for (const [text, values, hint] of TEXTS) {
    const error: unknown = await WAYS[way]?.(text, values).catch((reason: unknown) => reason);
    expect(error, text).toMatchObject({ hint: expect.stringMatching(hint) });
  }
});

it('an operator ? of PostgreSQL is left alone', async () => {
  await it1.db.query(`insert into counted values (7, 'x', '{"a": 1}')`);
  expect(await it1.db.rows('select id from counted where tags ? $1', ['a'])).toEqual([{ id: 7 }]);
  const error: unknown = await it1.db.query('select tags ? $1 form counted', ['a']).catch((reason) => reason);
  expect(error).toMatchObject({ code: '42601', hint: undefined });
});
