import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { open, quiet, rejection } from '../../src/support.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const client = oneClient(['numbers (n int primary key)', 'written (n int)'], { cluster: { proxy: true } });

const upTo = (n: number) => ({ text: 'select g as n from generate_series(1, $1::int) g', values: [n] });

async function collected(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function sumOf(rows: AsyncIterable<{ n: number }>): Promise<number> {
  let sum = 0;
  for await (const { n } of rows) sum += n;
  return sum;
}

/** Bytes that are in use once garbage is gone. How much memory the process keeps besides is the collector's affair. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('stream', () => {
  it.each([
    ['fewer rows than a part', 3, 5],
    ['whole parts', 10, 5],
    ['parts and a rest', 12, 5],
    ['no rows', 0, 5],
    ['one row at a time', 4, 1],
  ])('gives %s in order, and frees the connection', async (_what, count, batchSize) => {
    const rows = await collected(client.db.stream({ ...upTo(count), batchSize }));
    expect(rows).toEqual(Array.from({ length: count }, (_, index) => ({ n: index + 1 })));
    await quiet(client.db);
  });

  it('gives a million rows while the memory stays where it was', async () => {
    await sumOf(client.db.stream<{ n: number }>(upTo(100_000)));
    const before = memory();
    let most = before;
    let sum = 0;
    for await (const { n } of client.db.stream<{ n: number }>(upTo(1_000_000))) {
      sum += n;
      if (n % 50_000 === 0) most = Math.max(most, memory());
    }
    expect(sum).toBe(500_000_500_000);
    // A million rows that stayed would take about 40 MiB.
    expect(most - before).toBeLessThan(10 * 1024 * 1024);
  });

  it('takes sql tags, arrays as rows and parsers', async () => {
    const { db } = client;
    expect(await collected(db.stream(db.sql`select ${1}::int as n`))).toEqual([{ n: 1 }]);
    expect(await collected(db.stream({ text: 'select 1 as a, 2 as a', rowMode: 'array' }))).toEqual([[1, 2]]);
    const types = { getTypeParser: () => (text: string) => `<${text}>` };
    expect(await collected(db.stream({ text: 'select 1 as a', types }))).toEqual([{ a: '<1>' }]);
  });

  it('does nothing before its first row is asked for', async () => {
    const stream = client.db.stream('insert into written values (1) returning n');
    await stream.return();
    expect(await client.db.rows('select * from written')).toEqual([]);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('commits what it writes at its end', async () => {
    const text = 'insert into written select g from generate_series(1, 7) g returning n';
    expect(await collected(client.db.stream(text, [], { batchSize: 2 }))).toHaveLength(7);
    expect(await client.db.rows('delete from written')).toEqual([]);
  });

  it('leaving the loop frees the connection, which is used again', async () => {
    const closed = client.closed();
    for await (const row of client.db.stream({ ...upTo(1_000_000), batchSize: 10 })) {
      if (row['n'] === 15) break;
    }
    expect(client.db.stats().total.leased).toBe(0);
    const thrown = async () => {
      for await (const row of client.db.stream(upTo(100_000))) throw new Error(`at ${row['n']}`);
    };
    expect(await rejection(thrown())).toMatchObject({ message: 'at 1' });
    expect(client.db.stats().total.leased).toBe(0);
    {
      await using stream = client.db.stream(upTo(100_000));
      expect(await stream.next()).toMatchObject({ value: { n: 1 } });
    }
    expect(client.db.stats().total.leased).toBe(0);
    expect(client.closed()).toBe(closed);
  });

  it('calls of next that do not wait for each other get their rows in order', async () => {
    const stream = client.db.stream({ ...upTo(5), batchSize: 2 });
    const results = await Promise.all(Array.from({ length: 7 }, () => stream.next()));
    expect(results.map(({ value }) => value?.['n'])).toEqual([1, 2, 3, 4, 5, undefined, undefined]);
  });

  describe('errors', () => {
    it.each([
      ['before the first row', 'select 1/0', '22012', 0],
      ['of the syntax', 'selec 1', '42601', 0],
      ['after some parts', 'select 1 / (250 - g) as n from generate_series(1, 1000) g', '22012', 200],
    ])('of the server %s reach the loop, and the connection goes on', async (_what, text, code, seen) => {
      const closed = client.closed();
      let rows = 0;
      const read = async () => {
        for await (const _row of client.db.stream(text, [], { batchSize: 100 })) rows++;
      };
      expect(await rejection(read())).toMatchObject({ code, node: expect.stringContaining(':') });
      expect(rows).toBe(seen);
      expect(client.closed()).toBe(closed);
    });

    it('of a parser are told as what they are', async () => {
      const types = {
        getTypeParser: () => (text: string) => {
          if (text === '3') throw new Error('cannot read 3');
          return text;
        },
      };
      await client.db.use(async (lease) => {
        const error = await rejection(collected(lease.stream({ ...upTo(10), types, batchSize: 2 })));
        expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT', cause: { message: 'cannot read 3' } });
        expect(await lease.one('select 1 as n')).toEqual({ n: 1 });
      });
    });

    it('of a value are told before anything is sent', async () => {
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      const error = await rejection(client.db.stream('select $1', [cyclic]).next());
      expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    });

    it.each([[0], [-1], [1.5], ['10' as never]])('batchSize %s is refused', (batchSize) => {
      expect(() => client.db.stream('select 1', [], { batchSize })).toThrow(/batchSize is/);
    });

    it('a lost connection ends it with an error, not with fewer rows', async () => {
      const db = open(client.cluster, { pool: { max: 1 } });
      try {
        const stream = db.read.stream({ ...upTo(100_000), batchSize: 100 });
        await stream.next();
        client.cluster.primary.proxy.reset();
        const error = await rejection(collected(stream));
        expect(error).toMatchObject({ node: expect.stringContaining(':') });
        expect(await stream.next()).toEqual({ done: true, value: undefined });
      } finally {
        await db.close();
      }
    });

    it('a connection that is lost before the first row is found is another one', async () => {
      const { primary } = client.cluster;
      const db = open(client.cluster, { pool: { max: 1 } });
      try {
        await db.read.query('select 1');
        const slow = db.read.stream(
          "select g as n, pg_sleep(0.3) from generate_series(1, 2) g where 'lost' = 'lost'",
        );
        const first = slow.next();
        const running =
          "select 1 from pg_stat_activity where query like '%''lost'' =%' and state = 'active' and pid <> pg_backend_pid()";
        await waitUntil(async () => (await primary.sql(running)).length > 0);
        primary.proxy.reset();
        expect(await first).toMatchObject({ value: { n: 1 } });
        await slow.return();
      } finally {
        await db.close();
      }
    });
  });

  describe('limits', () => {
    const sleepy = 'select g as n, case when g > 3 then pg_sleep(600) end from generate_series(1, 10) g';

    async function endsBy(read: (db: Cluster) => Promise<unknown>, code: string): Promise<void> {
      expect(await rejection(read(client.db))).toMatchObject({ code });
      await waitUntil(() => client.db.stats().total.leased === 0);
    }

    it('timeoutMs ends it while the server is at work', () =>
      endsBy(
        (db) => collected(db.read.stream(sleepy, [], { timeoutMs: 100, batchSize: 1 })),
        'PGHERD_TIMEOUT',
      ));

    it('timeoutMs ends it while nobody asks for rows, and frees the connection then', async () => {
      const stream = client.db.read.stream({ ...upTo(1_000), timeoutMs: 100, batchSize: 10 });
      expect(await stream.next()).toMatchObject({ value: { n: 1 } });
      expect(client.db.stats().total.leased).toBe(1);
      await waitUntil(() => client.db.stats().total.leased === 0, { what: 'the connection to be free' });
      expect(await rejection(collected(stream))).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    });

    it('a signal ends it, before, at work and in between', async () => {
      const gone = AbortSignal.abort();
      await endsBy((db) => collected(db.stream({ ...upTo(5), signal: gone })), 'PGHERD_ABORTED');
      const controller = new AbortController();
      await endsBy(async (db) => {
        for await (const row of db.stream({ ...upTo(1_000), signal: controller.signal, batchSize: 5 })) {
          if (row['n'] === 5) controller.abort();
        }
      }, 'PGHERD_ABORTED');
    });
  });

  describe('on a connection that somebody holds', () => {
    it('inside a transaction other statements run in between', async () => {
      const seen = await client.db.transaction(async (tx) => {
        const all: number[] = [];
        for await (const { n } of tx.stream<{ n: number }>(upTo(12), { batchSize: 5 })) {
          await tx.query('insert into numbers values ($1)', [n]);
          for await (const inner of tx.stream<{ n: number }>({ ...upTo(2), batchSize: 1 })) all.push(inner.n);
        }
        const { open: portals } = await tx.one<{ open: number }>(
          "select count(*)::int as open from pg_cursors where name like 'pgherd%'",
        );
        expect(portals).toBe(0);
        return all.length;
      });
      expect(seen).toBe(24);
      expect(await client.db.one('select count(*)::int as n from numbers')).toEqual({ n: 12 });
    });

    it('leaving the loop leaves the transaction well', async () => {
      await client.db.transaction(async (tx) => {
        for await (const _row of tx.stream({ ...upTo(100), batchSize: 5 })) break;
        expect(await tx.rows("select name from pg_cursors where name like 'pgherd%'")).toEqual([]);
        await tx.query('select 1');
      });
    });

    it('ends with the transaction that it is part of', async () => {
      await using tx = await client.db.begin();
      const stream = tx.stream({ ...upTo(100), batchSize: 5 });
      await stream.next();
      await tx.commit();
      expect(await rejection(collected(stream))).toMatchObject({ code: 'PGHERD_TRANSACTION_ENDED' });
      await stream.return();
    });

    it('on a lease outside of one the connection is busy until the end, and says so', async () => {
      await using lease = await client.db.acquire();
      const stream = lease.stream({ ...upTo(10), batchSize: 5 });
      await stream.next();
      for (const work of [
        () => lease.query('select 1'),
        () => lease.batch(['select 1']),
        () => lease.stream('select 1').next(),
        () => lease.script('select 1'),
      ]) {
        expect(await rejection(work())).toMatchObject({ code: 'PGHERD_CONNECTION_BUSY' });
      }
      await collected(stream);
      expect(await lease.one('select 1 as n')).toEqual({ n: 1 });
    });

    it('a lease that is released in the middle of one is not given to anybody', async () => {
      const closed = client.closed();
      const lease = await client.db.acquire();
      const stream = lease.stream({ ...upTo(1_000), batchSize: 5 });
      await stream.next();
      lease.release();
      expect(client.closed()).toBe(closed + 1);
      expect(await rejection(collected(stream))).toMatchObject({ code: 'PGHERD_LEASE_RELEASED' });
    });
  });
});
