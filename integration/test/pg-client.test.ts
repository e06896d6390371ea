import { createRequire } from 'node:module';
import type { Client, Submittable } from 'pg';
import { createCluster } from 'pgherd';
import { pgDriver } from 'pgherd/pg';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../src/one-client.ts';

/** The part of `pg-cursor` that is used here; it comes without types. */
interface PgCursor extends Submittable {
  read(count: number): Promise<{ readonly n: number }[]>;
  close(): Promise<void>;
}
const Cursor = createRequire(import.meta.url)('pg-cursor') as new (
  text: string,
  values: unknown[],
) => PgCursor;

const bench = oneClient([]);

describe('the client of a lease over pg', () => {
  it('is the Client of pg: its own queries and pg-cursor, beside statements of the lease', async () => {
    await using db = createCluster<Client>({
      url: bench.cluster.url,
      driver: pgDriver(),
      env: {},
      pool: { max: 1 },
    });
    await Promise.all(Array.from({ length: 50 }, (_, n) => db.query('select $1::int as n', [n])));
    await db.use(async (lease) => {
      const { rows } = await lease.client.query('select $1::int as n', [7]);
      expect(rows).toEqual([{ n: 7 }]);
      const cursor = lease.client.query(new Cursor('select n from generate_series(1, $1) n', [25]));
      const parts: number[] = [];
      for (let rows = await cursor.read(10); rows.length > 0; rows = await cursor.read(10))
        parts.push(rows.length);
      expect(parts).toEqual([10, 10, 5]);
      await cursor.close();
      expect(await lease.one('select 1 as n')).toEqual({ n: 1 });
    });
    expect(await db.one('select 2 as n')).toEqual({ n: 2 });
  });
});
