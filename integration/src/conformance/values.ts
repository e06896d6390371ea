import { describe, expect, it } from 'vitest';
import { rejection } from '../support.ts';
import type { ConformanceBench } from './bench.ts';

/** What each type is read as, whichever driver reads it; docs/drivers.md has the same table. */
const RESULTS: readonly (readonly [type: string, literal: string, value: unknown])[] = [
  ['int2', '7', 7],
  ['int4', '-7', -7],
  ['int8', '9223372036854775807', '9223372036854775807'],
  ['oid', '16', 16],
  ['float4', '1.5', 1.5],
  ['float8', 'NaN', Number.NaN],
  ['numeric', '1.10', '1.10'],
  ['bool', 'true', true],
  ['text', 'é "quoted" \\', 'é "quoted" \\'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['date', '2024-02-29', new Date(2024, 1, 29)],
  ['date', 'infinity', Number.POSITIVE_INFINITY],
  ['timestamp', '2024-07-02 03:04:05.678', new Date(2024, 6, 2, 3, 4, 5, 678)],
  ['timestamptz', '2024-07-02 03:04:05+02', new Date('2024-07-02T01:04:05Z')],
  ['time', '03:04:05', '03:04:05'],
  ['json', '{"a": [1, null]}', { a: [1, null] }],
  ['jsonb', '"text"', 'text'],
  ['bytea', '\\x00ff', Buffer.from([0, 255])],
  ['inet', '10.0.0.1/8', '10.0.0.1/8'],
  [
    'int4[]',
    '{{1,2},{3,NULL}}',
    [
      [1, 2],
      [3, null],
    ],
  ],
  ['int8[]', '{9223372036854775807}', ['9223372036854775807']],
  ['text[]', '{a,"b \\"c\\"",NULL,""}', ['a', 'b "c"', null, '']],
  ['bool[]', '{t,f}', [true, false]],
  ['numeric[]', '{1.5}', [1.5]],
  ['date[]', '{2024-02-29}', [new Date(2024, 1, 29)]],
  ['jsonb[]', '{"{\\"a\\": 1}"}', [{ a: 1 }]],
  ['bytea[]', '{"\\\\x00ff"}', [Buffer.from([0, 255])]],
];

/** What a value means to the server, as that writes it. */
const PARAMETERS: readonly (readonly [what: string, type: string, value: unknown, text: string | null])[] = [
  ['null', 'int4', null, null],
  ['undefined', 'int4', undefined, null],
  ['a number', 'int4', 7, '7'],
  ['a number for text', 'text', 7, '7'],
  ['a bigint', 'int8', 9_223_372_036_854_775_807n, '9223372036854775807'],
  ['a boolean', 'bool', true, 'true'],
  ['false', 'bool', false, 'false'],
  ['a boolean for text', 'text', false, 'false'],
  ['a string for a number', 'numeric', '1.10', '1.10'],
  ['a string for a boolean', 'bool', 'true', 'true'],
  ['text with a backslash', 'text', 'a\\b"c', 'a\\b"c'],
  ['a Date', 'timestamptz', new Date(Date.UTC(2024, 6, 2, 3, 4, 5, 678)), '2024-07-02 03:04:05.678+00'],
  ['a string for a date', 'date', '2024-02-29', '2024-02-29'],
  ['a Date at its own midnight', 'date', new Date(2024, 1, 29), '2024-02-29'],
  ['a Buffer', 'bytea', Buffer.from([0, 255]), '\\x00ff'],
  ['bytes', 'bytea', new Uint8Array([0, 255]), '\\x00ff'],
  ['an object', 'jsonb', { a: [1, 'x'] }, '{"a": [1, "x"]}'],
  ['JSON that is text', 'jsonb', '{"a":1}', '{"a": 1}'],
  ['an array', 'int4[]', [1, null, 2], '{1,NULL,2}'],
  ['an array of arrays', 'int4[]', [[1], [2]], '{{1},{2}}'],
  ['an array of texts', 'text[]', ['a,b', '"', null], '{"a,b","\\"",NULL}'],
  ['an array of booleans', 'bool[]', [true, false], '{t,f}'],
  ['an array of bytes', 'bytea[]', [Buffer.from([1])], '{"\\\\x01"}'],
  ['an array of objects', 'jsonb[]', [{ a: 1 }], '{"{\\"a\\": 1}"}'],
  ['an empty array', 'text[]', [], '{}'],
];

/** Values mean the same with every driver. */
export function valueConformance(bench: ConformanceBench): void {
  describe('values', () => {
    it('are read as the table says, from statements of every form', async () => {
      const { connection } = await bench.connect({ startup: { TimeZone: 'UTC' } });
      for (const [type, literal, value] of RESULTS) {
        const text = `select $1::text::${type} as value`;
        const values = [literal];
        for (const form of [{}, {}, {}, { name: `read ${type}` }]) {
          const { rows } = await connection.query({ text, values, ...form });
          expect(rows, `${type} ${literal}`).toEqual([{ value }]);
        }
        const arrays = await connection.query({ text, values, rowMode: 'array' });
        expect(arrays.rows, `${type} ${literal} as array`).toEqual([[value]]);
      }
    });

    it('go to the server as the table says', async () => {
      const { connection } = await bench.connect({ startup: { TimeZone: 'UTC' } });
      for (const [what, type, value, written] of PARAMETERS) {
        // More than once: the first time the server is asked for the types.
        for (let round = 0; round < 3; round++) {
          const { rows } = await connection.query({
            text: `select $1::${type}::text as text`,
            values: [value],
          });
          expect(rows, what).toEqual([{ text: written }]);
        }
      }
    });

    it('are read by the parsers of the statement where it has some', async () => {
      const { connection } = await bench.connect();
      const types = { getTypeParser: (oid: number) => (text: string) => `${oid}:${text}` };
      const statement = { text: 'select 42 as n, null::int as none', types };
      expect((await connection.query(statement)).rows).toEqual([{ n: '23:42', none: null }]);
      const arrays = await connection.query({ ...statement, rowMode: 'array' });
      expect(arrays.rows).toEqual([['23:42', null]]);
    });

    it('a parser that throws fails its statement, and the connection goes on', async () => {
      const { connection } = await bench.connect();
      const parse = () => {
        throw new Error('cannot read that');
      };
      const types = { getTypeParser: () => parse };
      const error = await rejection(
        connection.query({ text: 'select n from generate_series(1, 3) n', types }),
      );
      expect(String(error)).toContain('cannot read that');
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });
  });

  describe('forms of statements', () => {
    it.each([
      ['insert into conformance_form values (1), (2)', 'INSERT', 2, []],
      ['insert into conformance_form values (3) returning n', 'INSERT', 1, [{ n: 3 }]],
      ['update conformance_form set n = n', 'UPDATE', 0, []],
      ['create table conformance_other (n int)', 'CREATE', null, []],
      ['select n from conformance_form', 'SELECT', 0, []],
      ['values (1), (2)', 'SELECT', 2, [{ column1: 1 }, { column1: 2 }]],
      ['show server_encoding', 'SHOW', null, [{ server_encoding: 'UTF8' }]],
    ])('%s', async (text, command, rowCount, rows) => {
      const { connection } = await bench.connect();
      await connection.simple('begin; create temporary table conformance_form (n int) on commit drop');
      expect(await connection.query({ text })).toMatchObject({ command, rowCount, rows });
      await connection.simple('rollback');
    });

    it('simple gives the last command, also where only one before it has rows', async () => {
      const { connection } = await bench.connect();
      const setting = await connection.simple("select 1 as n; set work_mem = '5MB'");
      expect(setting).toMatchObject({ command: 'SET', rowCount: null, rows: [], fields: [] });
      expect(await connection.simple('select 1 as n where false')).toMatchObject({
        command: 'SELECT',
        rows: [],
      });
    });

    it('a plan that became stale is no trouble outside a transaction', async () => {
      const { connection } = await bench.connect();
      await connection.simple('create temporary table stale (a int)');
      await connection.query({ text: 'insert into stale values (1)' });
      const read = { text: 'select * from stale where a = $1', values: [1] };
      for (let round = 0; round < 3; round++) expect((await connection.query(read)).rows).toEqual([{ a: 1 }]);
      await connection.simple('alter table stale add b int');
      expect((await connection.query(read)).rows).toEqual([{ a: 1, b: null }]);
    });

    it('a name stands for one text', async () => {
      const { connection } = await bench.connect();
      await connection.query({ name: 'same', text: 'select 1' });
      const error = await rejection(connection.query({ name: 'same', text: 'select 2' }));
      expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('wrong parameters are the error of the server', async () => {
      const { connection } = await bench.connect();
      const wrong = [
        ['select $1::int', ['x'], '22P02'],
        ['select $1::int, $2::int', [1], '08P01'],
      ] as const;
      for (const [text, values, code] of wrong) {
        expect(await rejection(connection.query({ text, values }))).toMatchObject({ code });
        expect(connection).toMatchObject({ closed: false, status: 'idle' });
      }
    });
  });
}
