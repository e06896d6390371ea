import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, createCluster, PgHerdError } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Load, LoadSeries } from '../../src/load.ts';
import { allCaughtUp, createTable, nameOf, open, quiet, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
const series = new LoadSeries('journal');

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'journal', 'id int');
});

beforeEach(async () => {
  // Slow polling: what is learnt quickly here was learnt by a push.
  db = createCluster({ url: cluster.url, env: {}, applicationName: 'herd', probe: { intervalMs: 5_000 } });
  await db.ready({ primaries: 1, standbys: 2 });
});

afterEach(async () => {
  await db.close();
  await restore(cluster);
});

afterAll(() => cluster?.close());

const primaryName = (): string => nameOf(cluster.primary);
const roleOf = (name: string) => db.nodes().find((node) => node.name === name)?.role;

/** Ends all sessions of this application on every node that runs; gives how many. */
async function terminateAll(application: string): Promise<number> {
  let count = 0;
  for (const node of cluster.nodes) {
    const text = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1';
    count += (await node.sql(text, [application])).length;
  }
  return count;
}

const underLoad = (scenario: (load: Load) => Promise<void>) => series.run(db, scenario);

describe('sessions that the server ends', () => {
  it('57P01 on every connection of the pools, again and again: no call fails and none is unknown', async () => {
    const load = await underLoad(async (load) => {
      for (let round = 0; round < 5; round++) {
        expect(await terminateAll('herd')).toBeGreaterThan(0);
        await load.acknowledged(20);
        await load.served(20);
      }
    });
    expect(load.failedReads).toEqual([]);
    expect(load.failedWrites).toEqual([]);
    expect(load.unknownWrites).toEqual([]);
    const found = await cluster.primary.sql('select 1'); // The server itself never went away.
    expect(found).toHaveLength(1);
    const rows = await db.rows<{ id: number }>('select id from journal where id >= $1', [load.firstId]);
    expect(rows.map((row) => row.id).sort((a, b) => a - b)).toEqual(load.writes.map((one) => one.id));
  });

  it('57P01 on the connections of the monitors: nobody is thought to be ill', async () => {
    const changes: unknown[] = [];
    db.on('node:health-changed', (event) => changes.push(event));
    db.on('node:role-changed', (event) => changes.push(event));
    db.on('primary:changed', (event) => changes.push(event));
    const load = await underLoad(async (load) => {
      expect(await terminateAll('herd monitor')).toBe(3);
      // Each is back soon although the next poll is far away.
      await waitUntil(async () => (await monitors()) === 3, { timeoutMs: 2_000, what: 'three monitors' });
      await load.acknowledged();
    });
    expect(changes).toEqual([]);
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    expect(load.unknownWrites).toEqual([]);
  });
});

async function monitors(): Promise<number> {
  let count = 0;
  for (const node of cluster.nodes) {
    const text = "select 1 from pg_stat_activity where application_name = 'herd monitor'";
    count += (await node.sql(text)).length;
  }
  return count;
}

describe('a promotion beside a living primary', () => {
  it('nothing is written to the lower timeline once the higher one was seen', async () => {
    const old = cluster.primary;
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    let before: number | undefined;
    let running = new Set<number>();
    const load = await underLoad(async (load) => {
      db.on('node:standing-changed', (event) => {
        if (event.node !== nameOf(old) || event.after !== 'stale') return;
        before ??= load.writes.at(-1)?.id;
        running = load.idsOf('pending');
      });
      await standby.promote();
      await waitUntil(() => db.nodes().find((node) => node.name === nameOf(old))?.standing === 'stale', {
        what: 'the old primary to be superseded',
      });
      await load.acknowledged();
    });
    expect(before).toBeDefined();
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    // What was in flight at that moment is all that may be unknown.
    expect([...load.idsOf('unknown')].filter((id) => !running.has(id))).toEqual([]);
    for (const write of load.writes) {
      if (write.outcome !== 'acknowledged') continue;
      if (write.id > (before ?? 0)) expect(write.node).toBe(nameOf(standby));
    }
    const there = await idsOn(old.directUrl, load.firstId);
    expect(there.filter((id) => id > (before ?? 0))).toEqual([]);
    expect(await rejection(db.query('select 1', [], { node: nameOf(old), timeoutMs: 100 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
      message: expect.stringContaining('stale: timeline'),
    });
  });

  it('is learnt by traffic: a session of the promoted standby tells it with its next answer', async () => {
    await cluster.primary.stop('fast');
    const [standby] = cluster.standbys;
    await standby?.promote();
    await waitUntil(() => roleOf(nameOf(standby)) === 'primary', { timeoutMs: 2_000, what: 'the new role' });
    const { node } = await db.query('insert into journal values (0)');
    expect(node).toBe(nameOf(standby));
  });
});

async function idsOn(url: string, from: number): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number }>('select id from journal where id >= $1', [from]);
    return rows.map((row) => row.id);
  } finally {
    await client.end();
  }
}

describe('25006', () => {
  it("of the user's own read-only transaction is an error like any other", async () => {
    const changes: unknown[] = [];
    db.on('topology:changed', ({ after }) => {
      if (after.nodes.some((node) => node.health !== 'ok')) changes.push(after);
    });
    db.on('primary:changed', (event) => changes.push(event));
    const pid = await db.one('select pg_backend_pid() as pid');
    let runs = 0;
    const error = await rejection(
      db.transaction(
        async (tx) => {
          runs++;
          await tx.query('insert into journal values (0)');
        },
        { readOnly: true, target: 'primary' },
      ),
    );
    expect(error).toMatchObject({ code: '25006', node: primaryName() });
    expect(runs).toBe(1);
    const own = rejection(
      db.transaction(async (tx) => {
        await tx.query('set transaction read only');
        await tx.query('insert into journal values (0)');
      }),
    );
    expect(await own).toMatchObject({ code: '25006' });
    expect(changes).toEqual([]);
    expect(roleOf(primaryName())).toBe('primary');
    await quiet(db);
    expect(await db.one('select pg_backend_pid() as pid')).toEqual(pid);
  });

  it('of a setting of the session passes too, and the primary stays', async () => {
    const error = await rejection(
      db.use(async (lease) => {
        await lease.query('set default_transaction_read_only = on');
        await lease.query('insert into journal values (0)');
      }),
    );
    expect(error).toMatchObject({ code: '25006' });
    expect((await db.query('insert into journal values (0)')).node).toBe(primaryName());
  });

  it('of ALTER ROLE passes at once: the primary is healthy and keeps its role', async () => {
    const changes: unknown[] = [];
    db.on('primary:changed', (event) => changes.push(event));
    await cluster.primary.sql('alter role app set default_transaction_read_only = on');
    try {
      // The sessions that are open keep what they began with; a new one is read-only.
      const startedAt = performance.now();
      const error = await rejection(
        db.use(async (first) => {
          await first.query('select 1');
          await using second = await db.acquire();
          await second.query('insert into journal values (0)');
        }),
      );
      expect(error).toMatchObject({ code: '25006' });
      await terminateAll('herd');
      await waitUntil(() => db.stats().total.size === 0);
      expect(await rejection(db.query('insert into journal values (0)'))).toMatchObject({
        code: '25006',
        node: primaryName(),
      });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(changes).toEqual([]);
      expect(roleOf(primaryName())).toBe('primary');
    } finally {
      await cluster.primary.sql('alter role app reset default_transaction_read_only');
      await allCaughtUp(cluster);
    }
  });

  it('of ALTER SYSTEM makes it primary-read-only: writes wait until it is undone, reads go on', async () => {
    const set = async (value: string) => {
      await cluster.primary.sql(`alter system ${value}`);
      await cluster.primary.sql('select pg_reload_conf()');
    };
    await db.query('insert into journal values (0)');
    await set('set default_transaction_read_only = on');
    let undone = false;
    try {
      const told = new Promise<string>((resolve) => {
        db.on('node:role-changed', (event) => resolve(event.after), { once: true });
      });
      // Nobody polls for seconds: it is the first refused write that finds out.
      const write = (async () => {
        for (;;) {
          const { node } = await db.query('insert into journal values (0)');
          if (undone) return node;
        }
      })();
      expect(await told).toBe('primary-read-only');
      expect((await db.read.query('select 1')).rowCount).toBe(1);
      expect((await db.with({ target: 'primary' }).query('select 1')).node).toBe(primaryName());
      const late = await rejection(db.query('insert into journal values (0)', [], { timeoutMs: 100 }));
      expect(late).toBeInstanceOf(PgHerdError);
      expect(String(late)).toContain('primary-read-only');
      undone = true;
      await set('reset default_transaction_read_only');
      expect(await write).toBe(primaryName());
    } finally {
      if (!undone) await set('reset default_transaction_read_only');
    }
  });
});

describe('one transient refusal', () => {
  it('while a lease is held does not keep the next caller waiting until its deadline', async () => {
    await using proxied = await createTestCluster({ standbys: 0, proxy: true });
    await using own = open(proxied, { waitTimeoutMs: 5_000 });
    await own.ready();
    await using _lease = await own.acquire();
    let cut = 0;
    proxied.primary.proxy.cutWhen((chunk, direction) => {
      const startup = direction === 'to-server' && chunk.includes('user\0app\0');
      if (!startup || cut > 0) return false;
      cut++;
      return true;
    });
    expect((await own.query('select 1', [], { timeoutMs: 2_000 })).rowCount).toBe(1);
    expect(cut).toBe(1);
  });
});
