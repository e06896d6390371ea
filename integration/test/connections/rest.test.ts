import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { Discovery } from 'pgherd';
import {
  type Cluster,
  type ClusterEvents,
  type ClusterHealth,
  type ClusterOptions,
  createCluster,
} from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GUESTS, type MakeGuest } from '../../src/guests.ts';
import { createTable, nameOf, open, openOver, restore } from '../../src/support.ts';
import { Wiretap } from '../../src/wiretap.ts';

const SOON = { restAfterMs: 200 } satisfies ClusterOptions;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
  await createTable(cluster, 'written', 'note text');
});

afterEach(async () => {
  for (const node of cluster.nodes) await node.heal();
  await restore(cluster);
});

afterAll(() => cluster?.close());

const guestOf: MakeGuest = (db) => {
  const [first] = GUESTS;
  if (first === undefined) throw new Error('there are no guests');
  return first[1](db);
};

const rested = (db: Cluster): Promise<ClusterEvents['cluster:rested']> =>
  new Promise((resolve) => void db.on('cluster:rested', resolve, { once: true }));

/** Sessions of a program on all servers. */
async function sessionsOf(applicationName: string): Promise<number> {
  const text = `select count(*)::int as n from pg_stat_activity where application_name like '${applicationName}%'`;
  const counts = await Promise.all(cluster.nodes.map((node) => node.sql(text)));
  return counts.reduce((sum, [row]) => sum + Number(row?.['n']), 0);
}

describe('a cluster that is not used', () => {
  it('leaves no session on any server, forgets the roles, and serves again with the next call', async () => {
    await using db = open(cluster, { ...SOON, applicationName: 'resting' });
    const rest = rested(db);
    await db.ready({ primaries: 1, standbys: 1 });
    await Promise.all([db.query('select 1'), db.read.query('select 1')]);
    const { floor, systemIdentifier } = db.topology;
    expect(await sessionsOf('resting')).toBeGreaterThan(1);
    expect((await rest).idleMs).toBeGreaterThanOrEqual(SOON.restAfterMs);
    await waitUntil(async () => (await sessionsOf('resting')) === 0, { what: 'the sessions to be gone' });
    expect(db.nodes().map(({ role }) => role)).toEqual(['unknown', 'unknown']);
    expect(db.topology).toMatchObject({ floor, systemIdentifier, writable: undefined, writesOpen: false });
    expect(db.stats()).toMatchObject({ resting: true, total: { size: 0, opening: 0, answered: 2 } });
    expect(db.explainTarget('any').nodes[0]?.reason).toContain('the cluster rests');

    const woken: ClusterEvents['cluster:woken'][] = [];
    db.on('cluster:woken', (event) => woken.push(event));
    const again = rested(db);
    expect((await db.query('select 1')).node).toBe(nameOf(cluster.primary));
    expect(woken).toEqual([{ restedMs: expect.any(Number) }]);
    await db.ready({ primaries: 1, standbys: 1 });
    expect((await db.read.query('select 1')).node).toBe(nameOf(cluster.standbys[0]));
    // And it rests as before.
    await again;
    await waitUntil(async () => (await sessionsOf('resting')) === 0, {
      what: 'the sessions to be gone again',
    });
  });

  it('is woken by ready, nextProbe, a causal read and a guest as well', async () => {
    await using db = open(cluster, SOON);
    const ways: readonly (() => Promise<unknown>)[] = [
      () => db.ready({ primaries: 1, standbys: 1 }),
      () => db.nextProbe(),
      () => db.causal(() => db.read.query('select 1')),
      async () => {
        await using guest = guestOf(db);
        await guest.run('select 1');
      },
    ];
    for (const wake of ways) {
      const rest = rested(db);
      await wake();
      if (wake !== ways[1]) await db.query('select 1');
      else expect(db.nodes().map(({ role }) => role)).toEqual(['primary', 'standby']);
      await rest;
    }
  });

  it('is up for a readiness probe, which ends the rest, and never down on the way', async () => {
    await using db = open(cluster, { ...SOON, connectTimeoutMs: 60_000 });
    const rest = rested(db);
    await db.ready({ primaries: 1, standbys: 1 });
    const { since } = db.health();
    await rest;
    expect(db.health()).toMatchObject({ status: 'up', resting: true, reasons: [], since });
    const seen: ClusterHealth[] = [];
    const awake = () => {
      seen.push(db.health());
      return seen.at(-1)?.resting === undefined;
    };
    await waitUntil(awake, { what: 'the cluster to be watched again', everyMs: 1 });
    expect(seen.filter(({ status }) => status !== 'up')).toEqual([]);
    expect(db.health()).toMatchObject({ status: 'up', since });
  });

  it('is down for a readiness probe if its servers are gone when the rest ends', async () => {
    await using db = createCluster({ url: cluster.url, env: {}, ...SOON });
    const rest = rested(db);
    await db.ready();
    await rest;
    for (const node of cluster.nodes) await node.kill();
    expect(db.health()).toMatchObject({ status: 'up', resting: true });
    await waitUntil(() => db.health().status === 'down', { what: 'the loss of the servers to be seen' });
  });
});

describe('what keeps a cluster awake', () => {
  type Hold = (db: Cluster) => Promise<() => PromiseLike<unknown>>;
  const HOLDS: readonly (readonly [string, Hold])[] = [
    ['a lease', async (db) => db.acquire().then((lease) => async () => lease.release())],
    ['a transaction', async (db) => db.begin().then((tx) => async () => tx.rollback())],
    ['a subscription', async (db) => db.listen('news', () => undefined).then((sub) => () => sub.unlisten())],
    [
      'a guest',
      async (db) => {
        const guest = guestOf(db);
        await guest.run('select 1');
        return () => guest[Symbol.asyncDispose]();
      },
    ],
    [
      'a call that runs',
      async (db) => {
        const end = new AbortController();
        const call = db.query('select pg_sleep(600)', [], { signal: end.signal }).catch(() => undefined);
        return async () => {
          end.abort();
          await call;
        };
      },
    ],
    [
      'a ready that waits',
      async (db) => {
        const end = new AbortController();
        const call = db.ready({ standbys: 5, timeoutMs: 600_000, signal: end.signal }).catch(() => undefined);
        return async () => {
          end.abort();
          await call;
        };
      },
    ],
  ];

  it.each(HOLDS)('%s', async (_what, hold) => {
    await using db = open(cluster, { restAfterMs: 50 });
    await using other = open(cluster, { restAfterMs: 500 });
    const rest = rested(db);
    let isResting = false;
    void rest.then(() => {
      isResting = true;
    });
    const release = await hold(db);
    const control = rested(other);
    await other.query('select 1');
    await control;
    expect(isResting).toBe(false);
    await release();
    await rest;
  });

  it('pool.min, and restAfterMs 0', async () => {
    await using kept = open(cluster, { restAfterMs: 50, pool: { min: 1 } });
    await using never = open(cluster, { restAfterMs: 0 });
    await using other = open(cluster, { restAfterMs: 500 });
    let rests = 0;
    for (const db of [kept, never]) db.on('cluster:rested', () => rests++);
    for (const db of [kept, never]) await db.query('select 1');
    const control = rested(other);
    await other.query('select 1');
    await control;
    expect(rests).toBe(0);
  });
});

describe('a rest during which the servers change', () => {
  it('after a switchover the first write goes to the new primary, and none to the old one', async () => {
    const tap = new Wiretap();
    await using db = openOver(tap.driver, cluster, SOON);
    const rest = rested(db);
    const old = cluster.primary;
    const [heir] = cluster.standbys;
    if (heir === undefined) throw new Error('no standby');
    expect((await db.query("insert into written values ('before')")).node).toBe(nameOf(old));
    await rest;
    const sent = tap.count;
    await cluster.switchover(heir);
    const writes = Array.from({ length: 20 }, (_, at) => db.query(`insert into written values ('${at}')`));
    for (const { node } of await Promise.all(writes)) expect(node).toBe(nameOf(heir));
    expect(tap.sentAfter(sent, nameOf(old))).toEqual([]);
  });

  it('beside an old primary that lives, the first write waits for the new one, which is slower', async () => {
    const tap = new Wiretap();
    await using db = openOver(tap.driver, cluster, { ...SOON, firstWriteGraceMs: 60_000 });
    const rest = rested(db);
    const old = cluster.primary;
    const [heir] = cluster.standbys;
    if (heir === undefined) throw new Error('no standby');
    await db.ready({ primaries: 1, standbys: 1 });
    expect((await db.query("insert into written values ('before')")).node).toBe(nameOf(old));
    await rest;
    const sent = tap.count;
    await heir.promote();
    await heir.proxy.delay(200);
    const { node } = await db.query("insert into written values ('after')");
    expect(node).toBe(nameOf(heir));
    expect(tap.sentAfter(sent, nameOf(old))).toEqual([]);
  });

  it('the discovery pauses, and is asked before any server', async () => {
    const [first, second] = cluster.nodes.map((node) => ({ host: node.host, port: node.proxy.port }));
    if (first === undefined || second === undefined) throw new Error('no nodes');
    let list = [first, second];
    let asked = 0;
    let stopped = 0;
    const discovery: Discovery = {
      name: 'test',
      async *watch({ signal, pause }) {
        signal.addEventListener('abort', () => stopped++);
        do {
          asked++;
          yield list;
        } while (await pause(10));
      },
    };
    await using db = open(cluster, { ...SOON, discovery, firstWriteGraceMs: 60_000 });
    const rest = rested(db);
    await db.ready({ primaries: 1, standbys: 1 });
    await rest;
    await waitUntil(() => stopped === 1, { what: 'the discovery to pause' });
    const before = asked;
    // The standby has left meanwhile, and is silent.
    list = [first];
    await cluster.standbys[0]?.proxy.partition();
    const opened: string[] = [];
    db.on('connection:opened', ({ node }) => opened.push(node));
    // It waits for no node that is not on the list any more.
    expect((await db.query('select 1')).node).toBe(nameOf(cluster.primary));
    expect(asked).toBeGreaterThan(before);
    expect(db.nodes()).toHaveLength(1);
  });
});
