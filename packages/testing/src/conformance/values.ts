import { rejection } from './rejection.ts';
import type { Suite } from './suite.ts';
import { PARAMETERS, RESULTS } from './value-tables.ts';

/** Values mean the same with every driver. */
export function describeValues({ describe, it, expect, connect }: Suite): void {
  describe('values', () => {
    it('are read as the table says, from statements of every form', async () => {
      const { connection } = await connect({ startup: { TimeZone: 'UTC' } });
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
      const { connection } = await connect({ startup: { TimeZone: 'UTC' } });
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
      const { connection } = await connect();
      const types = { getTypeParser: (oid: number) => (text: string) => `${oid}:${text}` };
      const statement = { text: 'select 42 as n, null::int as none', types };
      expect((await connection.query(statement)).rows).toEqual([{ n: '23:42', none: null }]);
      const arrays = await connection.query({ ...statement, rowMode: 'array' });
      expect(arrays.rows).toEqual([['23:42', null]]);
    });

    it("are text in simple, which is pgherd's own", async () => {
      const { connection } = await connect();
      const text = "select 42 as n, true as b, '2024-07-01'::date as d, null::int as none";
      const rows = [{ n: '42', b: 't', d: '2024-07-01', none: null }];
      expect((await connection.simple(text)).rows).toEqual(rows);
    });

    it('a parser that throws fails its statement, and the connection goes on', async () => {
      const { connection } = await connect();
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
}
