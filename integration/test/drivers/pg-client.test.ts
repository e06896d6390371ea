import { createRequire } from 'node:module';
import type { Client, Submittable } from 'pg';
import { createCluster } from 'pgherd';
import { pgDriver } from 'pgherd/pg';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { codeOf, PATIENT, rejection } from '../../src/support.ts';

/** The part of `pg-cursor` that is used here; it comes without types. */
interface PgCursor extends Submittable {
  read(count: number): Promise<{ readonly n: number }[]>;
  close(): Promise<void>;
}
const Cursor = createRequire(import.meta.url)('pg-cursor') as new (
  text: string,
  values: unknown[],
) => PgCursor;

/** The client's queue of what it was given and has not sent; to have several in it is deprecated. */
interface Queueing {
  readonly _queryQueue: readonly unknown[];
  query(...args: unknown[]): unknown;
}

/** How long the client's queue is whenever it is given something; filled in from now on. */
function queueLengths(client: Client): number[] {
  const watched = client as unknown as Queueing;
  const given = watched.query;
  const lengths: number[] = [];
  watched.query = (...args) => {
    lengths.push(watched._queryQueue.length);
    return given.apply(watched, args);
  };
  return lengths;
}

const bench = oneClient(['turn (n int primary key)']);

describe('the client of a lease over pg', () => {
  it('is the Client of pg: its own queries and pg-cursor, beside statements of the lease', async () => {
    await using db = createCluster<Client>({
      url: bench.cluster.url,
      driver: pgDriver(),
      ...PATIENT,
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

  it('is given one thing at a time, in the order of the calls', async () => {
    await using db = createCluster<Client>({ url: bench.cluster.url, driver: pgDriver(), ...PATIENT });
    await using lease = await db.acquire();
    const lengths = queueLengths(lease.client);
    const order: unknown[] = [];
    const note = (what: unknown) => () => void order.push(what);
    const wrong = rejection(lease.query('select 1 / 0')).then(note('wrong'));
    const calls = [1, 2, 3].map((n) =>
      lease.one('select $1::int as n', [n]).then((row) => order.push(row['n'])),
    );
    const batch = lease.batch([{ text: 'select 4' }, { text: 'select 5' }]).then(note('batch'));
    const unsendable = rejection(
      lease.query({ text: 'select $1', values: 'no list' as unknown as unknown[] }),
    );
    const copy = lease.copyFrom('copy turn from stdin', ['1\n', '2\n']).then(note('copy'));
    await Promise.all([wrong, ...calls, batch, copy]);
    expect(codeOf(await unsendable)).toBe('PGHERD_INVALID_ARGUMENT');
    expect(order).toEqual(['wrong', 1, 2, 3, 'batch', 'copy']);
    expect(await lease.one('select count(*)::int as n from turn')).toEqual({ n: 2 });
    expect(new Set(lengths)).toEqual(new Set([0]));
    expect(lengths.length).toBeGreaterThanOrEqual(7);
  });

  it('that is lost leaves what waits for its turn unsent, and says so', async () => {
    await using db = createCluster<Client>({ url: bench.cluster.url, driver: pgDriver(), ...PATIENT });
    await using lease = await db.acquire();
    const { pid } = await lease.one('select pg_backend_pid() as pid');
    const running = rejection(lease.query('select pg_sleep(600)'));
    const waiting = [1, 2, 3].map((n) => rejection(lease.query('select $1::int', [n])));
    await bench.cluster.primary.sql(`select pg_terminate_backend(${Number(pid)})`);
    expect(codeOf(await running)).not.toBe('PGHERD_CONNECTION_LOST');
    const errors = await Promise.all(waiting);
    expect(errors.map(codeOf)).toEqual(errors.map(() => 'PGHERD_CONNECTION_LOST'));
    expect(String(errors[0])).toContain('before the statement was sent');
  });
});
