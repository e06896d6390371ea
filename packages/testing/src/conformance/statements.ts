import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';

/** One statement at a time. */
export function describeStatements({ describe, it, expect, connect }: Suite): void {
  describe('statements', () => {
    it('return rows, count, fields and command', async () => {
      const { connection } = await connect();
      const result = await connection.query({
        text: 'select $1::int as n, $2::text as t',
        values: [1, 'x'],
      });
      expect(result).toMatchObject({ rows: [{ n: 1, t: 'x' }], rowCount: 1, command: 'SELECT' });
      expect(result.fields.map((field) => [field.name, field.dataTypeID])).toEqual([
        ['n', 23],
        ['t', 25],
      ]);
      const arrays = await connection.query({ text: 'select 1 as a, 2 as a', rowMode: 'array' });
      expect(arrays.rows).toEqual([[1, 2]]);
      const named = { name: 'n', text: 'select $1::int as n' };
      for (const n of [1, 2]) {
        expect((await connection.query({ ...named, values: [n] })).rows).toEqual([{ n }]);
      }
    });

    it('keep severity and SQLSTATE of an error, and the session goes on', async () => {
      const { connection } = await connect();
      expect(await rejection(connection.query({ text: 'select 1/0' }))).toMatchObject({
        code: '22012',
        severity: 'ERROR',
      });
      expect(connection).toMatchObject({ closed: false, status: 'idle' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });

    it('are one per query: several are refused, and none of them runs', async () => {
      const { connection } = await connect();
      const text = 'create table conformance_two (n int); select 1';
      expect(await rejection(connection.query({ text }))).toMatchObject({ code: '42601' });
      const { rows } = await connection.query({ text: "select to_regclass('conformance_two') as t" });
      expect(rows).toEqual([{ t: null }]);
    });

    it('are several in script, which returns the last result', async () => {
      const { connection } = await connect();
      expect((await connection.script('select 1 as a; select 2 as b')).rows).toEqual([{ b: 2 }]);
    });

    it('settle also if the driver itself refuses them, and the session goes on', async () => {
      const { connection } = await connect();
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      const refused = await rejection(connection.query({ text: 'select $1::json', values: [circular] }));
      expect(refused).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect((await connection.query({ text: 'select 1 as n' })).rows).toEqual([{ n: 1 }]);
    });
  });
}
