import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';

/** Statements with their command, count and rows. */
const FORMS = [
  ['insert into conformance_form values (1), (2)', 'INSERT', 2, []],
  ['insert into conformance_form values (3) returning n', 'INSERT', 1, [{ n: 3 }]],
  ['update conformance_form set n = n', 'UPDATE', 0, []],
  ['create table conformance_other (n int)', 'CREATE', null, []],
  ['select n from conformance_form', 'SELECT', 0, []],
  ['values (1), (2)', 'SELECT', 2, [{ column1: 1 }, { column1: 2 }]],
  ['show server_encoding', 'SHOW', null, [{ server_encoding: 'UTF8' }]],
] as const;

/** What statements of each form return. */
export function describeForms({ describe, it, expect, connect }: Suite): void {
  describe('forms of statements', () => {
    for (const [text, command, rowCount, rows] of FORMS) {
      it(text, async () => {
        const { connection } = await connect();
        await connection.simple('begin; create temporary table conformance_form (n int) on commit drop');
        expect(await connection.query({ text })).toMatchObject({ command, rowCount, rows });
        await connection.simple('rollback');
      });
    }

    it('simple returns the last command, also if only one before it has rows', async () => {
      const { connection } = await connect();
      const setting = await connection.simple("select 1 as n; set work_mem = '5MB'");
      expect(setting).toMatchObject({ command: 'SET', rowCount: null, rows: [], fields: [] });
      expect(await connection.simple('select 1 as n where false')).toMatchObject({
        command: 'SELECT',
        rows: [],
      });
    });

    it('a stale plan is replaced without an error outside a transaction', async () => {
      const { connection } = await connect();
      await connection.simple('create temporary table stale (a int)');
      await connection.query({ text: 'insert into stale values (1)' });
      const read = { text: 'select * from stale where a = $1', values: [1] };
      for (let round = 0; round < 3; round++) expect((await connection.query(read)).rows).toEqual([{ a: 1 }]);
      await connection.simple('alter table stale add b int');
      expect((await connection.query(read)).rows).toEqual([{ a: 1, b: null }]);
    });

    it('a name stands for one text', async () => {
      const { connection } = await connect();
      await connection.query({ name: 'same', text: 'select 1' });
      const error = await rejection(connection.query({ name: 'same', text: 'select 2' }));
      expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('wrong parameters are the error of the server', async () => {
      const { connection } = await connect();
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
