import { waitUntil } from '@pgherd/testing';
import type { ClusterEvents } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';

const lines: string[] = [];
const note = (text: string) => void lines.push(text);
const logger = { debug: note, info: note, warn: note, error: note };
const it1 = oneClient(['items (id int primary key, name text)'], { client: { slowQueryMs: 100, logger } });

/** The slow statements that are reported while `work` runs. */
async function slowDuring(work: () => Promise<unknown>): Promise<ClusterEvents['statement:slow'][]> {
  const slow: ClusterEvents['statement:slow'][] = [];
  const off = it1.db.on('statement:slow', (event) => slow.push(event));
  try {
    await work().catch(() => undefined);
  } finally {
    off();
  }
  return slow;
}

describe('slow statements', () => {
  it('are reported with their times and without values, in the log as well', async () => {
    lines.length = 0;
    const slow = await slowDuring(() => it1.db.query('select $1::text,\n pg_sleep(0.15)', ['hunter2']));
    expect(slow).toHaveLength(1);
    expect(slow[0]).toMatchObject({
      text: 'select $1::text,\n pg_sleep(0.15)',
      verb: 'query',
      scope: 'cluster',
      node: it1.db.topology.writable,
      attempts: 1,
      retriedMs: 0,
      error: undefined,
    });
    expect(slow[0]?.ranMs).toBeGreaterThanOrEqual(140);
    const logged = lines.filter((line) => line.includes('a statement on'));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(
      /took \d+ ms \(waited \d+ ms, ran \d+ ms\): select \$1::text, pg_sleep\(0\.15\)$/,
    );
    expect(JSON.stringify([slow, lines])).not.toContain('hunter2');
  });

  it('are reported with their error, in transactions and on leases, once each', async () => {
    const slow = await slowDuring(async () => {
      await it1.db.transaction((tx) => tx.query('select pg_sleep(0.15)'));
      await it1.db.use((lease) => lease.query('select pg_sleep(0.15)'));
      await it1.db.query('select pg_sleep(60)', [], { timeoutMs: 150 });
    });
    expect(slow.map(({ scope }) => scope)).toEqual(['transaction', 'lease', 'cluster']);
    expect(slow[2]?.error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
  });

  it('have a plan on demand if they read, and do not run again for it', async () => {
    await it1.db.query("insert into items values (1, 'hay') on conflict do nothing");
    const [read] = await slowDuring(() =>
      it1.db.read.query('select name, pg_sleep(0.15) from items where id = $1', [1]),
    );
    expect(await read?.plan?.()).toMatch(/on items/);
    const [write] = await slowDuring(() =>
      it1.db.query('update items set name = name from pg_sleep(0.15) where id = 1'),
    );
    expect(write?.text).toMatch(/^update/);
    expect(write?.plan).toBeUndefined();
  });

  it('count the time for which they waited', async () => {
    const slow = await slowDuring(async () => {
      const leases = await Promise.all(Array.from({ length: 4 }, () => it1.db.acquire()));
      const waiting = it1.db.query("select set_config('app.x', '1', false)");
      await waitUntil(() => it1.db.stats().total.waiting > 0, { what: 'the statement to wait' });
      await leases[0]?.query('select pg_sleep(0.15)');
      for (const lease of leases) lease.release();
      await waiting;
    });
    expect(slow.map(({ scope }) => scope)).toEqual(['lease', 'cluster']);
    expect(slow[1]?.waitedMs).toBeGreaterThanOrEqual(140);
  });

  it('are none below the limit', async () => {
    expect(await slowDuring(() => it1.db.query('select 1'))).toEqual([]);
  });
});

describe('notices of the server', () => {
  it('are an event', async () => {
    const notices: ClusterEvents['server:notice'][] = [];
    const off = it1.db.on('server:notice', (event) => notices.push(event));
    await it1.db.query("do $$ begin raise notice 'about % hay', 3; end $$");
    await it1.db.query('drop table if exists nothing_of_the_kind');
    off();
    expect(notices).toMatchObject([
      { node: it1.db.topology.writable, severity: 'NOTICE', code: '00000', message: 'about 3 hay' },
      { severity: 'NOTICE', message: expect.stringContaining('does not exist') },
    ]);
  });
});
