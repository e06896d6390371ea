import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterOptions, ListenGap } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nameOf, open, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
const opened: Cluster[] = [];
const NOTHING = (): void => undefined;
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined };

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
  for (const node of cluster.nodes) await node.heal();
  await restore(cluster);
  await waitUntil(async () => (await listeners()).length === 0, { what: 'no connection to listen any more' });
});

afterAll(() => cluster?.close());

function client(options: ClusterOptions = {}): Cluster {
  const db = open(cluster, { applicationName: 'ears', ...options });
  opened.push(db);
  return db;
}

/** The sessions at the primary that have said LISTEN last. */
async function listeners(): Promise<unknown[]> {
  return cluster.primary.sql(
    "select pid from pg_stat_activity where query like '%LISTEN %' and pid <> pg_backend_pid()",
  );
}

/** Numbered notifications, as they are heard. */
class Ear {
  readonly heard: number[] = [];
  readonly gaps: ListenGap[] = [];
  /** What was heard when each gap was told of. */
  readonly heardBefore: number[] = [];
  readonly hear = (payload: string): void => {
    this.heard.push(Number(payload));
  };
  readonly onGap = (gap: ListenGap): void => {
    this.gaps.push(gap);
    this.heardBefore.push(this.heard.length);
  };
}

/** Between its two ends a number was committed. */
interface Sent {
  readonly at: Date;
  readonly acknowledgedAt: Date;
}

/** Sends numbers until it is stopped; gives when each of them was sent, those only that were acknowledged. */
function sending(db: Cluster, channel: string): { sent: Map<number, Sent>; stop(): Promise<void> } {
  const sent = new Map<number, Sent>();
  let goesOn = true;
  const run = async () => {
    for (let number = 1; goesOn; number++) {
      const at = new Date();
      await db.notify(channel, String(number)).then(
        () => sent.set(number, { at, acknowledgedAt: new Date() }),
        () => undefined,
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const running = run();
  const stop = () => {
    goesOn = false;
    return running;
  };
  return { sent, stop };
}

describe('listen', () => {
  it('tells of what is sent, as it was sent, in order, to all who listen', async () => {
    const db = client();
    const payloads: string[] = [];
    const also: string[] = [];
    const sub = await db.listen('news', (payload, notification) => {
      payloads.push(payload);
      expect(notification).toMatchObject({ channel: 'news', payload, node: nameOf(cluster.primary) });
      expect(notification.processId).toBeGreaterThan(0);
    });
    await db.listen('news', (payload) => also.push(payload));
    expect(sub).toMatchObject({ channel: 'news', isActive: true, node: nameOf(cluster.primary) });
    const texts = ['first', '', `it's "quoted" \\ 🐑`, 'x'.repeat(7_900)];
    for (const text of texts) await db.notify('news', text);
    await db.query('notify news');
    await waitUntil(() => payloads.length === 5 && also.length === 5);
    expect(payloads).toEqual([...texts, '']);
    expect(also).toEqual(payloads);
  });

  it('all channels share one connection, which is none of the pool and goes with the last of them', async () => {
    const db = client({ pool: { max: 1 } });
    const heard: string[] = [];
    const subs = await Promise.all(
      ['a', 'b', 'c'].map((channel) => db.listen(channel, () => heard.push(channel))),
    );
    expect(await listeners()).toHaveLength(1);
    await db.batch(['a', 'b', 'c'].map((name) => ({ text: 'select pg_notify($1, $2)', values: [name, ''] })));
    await waitUntil(() => heard.length === 3);
    await subs[0]?.unlisten();
    expect(subs[0]).toMatchObject({ isActive: false, node: undefined });
    await db.notify('a');
    await db.notify('b');
    await waitUntil(() => heard.length === 4);
    expect(heard).toEqual(['a', 'b', 'c', 'b']);
    await subs[0]?.unlisten();
    for (const sub of subs) await sub.unlisten();
    await waitUntil(async () => (await listeners()).length === 0);
    await using again = await db.listen('a', () => void heard.push('again'));
    await db.notify('a');
    await waitUntil(() => heard.includes('again'));
    expect(again.isActive).toBe(true);
  });

  it.each([
    ['with space'],
    ['"quoted"'],
    ['a"; drop table x; --'],
    ['Ünïcode'],
    ['select'],
  ])('a channel may be called %s', async (channel) => {
    const db = client();
    const heard: string[] = [];
    await using _sub = await db.listen(channel, (payload) => heard.push(payload));
    await db.notify(channel, 'here');
    await db.transaction((tx) => tx.notify(channel, 'from a transaction'));
    await rejection(
      db.transaction(async (tx) => {
        await tx.notify(channel, 'never');
        throw new Error('undo');
      }),
    );
    await db.use((lease) => lease.notify(channel, 'from a lease'));
    await waitUntil(() => heard.length === 3);
    expect(heard).toEqual(['here', 'from a transaction', 'from a lease']);
  });

  it('what a listener throws is logged and hurts nobody', async () => {
    const logged: string[] = [];
    const db = client({ logger: { ...QUIET, error: (message: string) => logged.push(message) } });
    const heard: string[] = [];
    await db.listen('loud', () => {
      throw new Error('too loud');
    });
    await db.listen('loud', () => Promise.reject(new Error('too late')));
    await db.listen('loud', (payload) => heard.push(payload));
    await db.notify('loud', '1');
    await db.notify('loud', '2');
    await waitUntil(() => heard.length === 2 && logged.length === 4);
    expect(logged.filter((message) => message.endsWith('threw: too loud'))).toHaveLength(2);
  });

  it.each([
    ['an empty channel', '', NOTHING, {}, 'PGHERD_INVALID_ARGUMENT'],
    ['a channel that is too long', 'x'.repeat(64), NOTHING, {}, 'PGHERD_INVALID_ARGUMENT'],
    ['a channel with NUL', 'a\0b', NOTHING, {}, 'PGHERD_INVALID_ARGUMENT'],
    ['no text', 1, NOTHING, {}, 'PGHERD_INVALID_ARGUMENT'],
    ['no function', 'a', undefined, {}, 'PGHERD_INVALID_ARGUMENT'],
    ['a limit that is none', 'a', NOTHING, { timeoutMs: 0 }, 'PGHERD_INVALID_ARGUMENT'],
    ['a signal that has aborted', 'a', NOTHING, { signal: AbortSignal.abort() }, 'PGHERD_ABORTED'],
  ])('refuses %s', async (_what, channel, fn, options, code) => {
    const db = client();
    expect(await rejection(db.listen(channel as never, fn as never, options))).toMatchObject({ code });
    expect(await rejection(db.notify('x'.repeat(64)))).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });

  it('a signal ends it, timeoutMs the wait for a primary, and close everything', async () => {
    const db = client();
    const controller = new AbortController();
    const sub = await db.listen('a', () => undefined, { signal: controller.signal });
    controller.abort();
    expect(sub.isActive).toBe(false);
    const last = await db.listen('b', () => undefined);
    await db.close();
    expect(last).toMatchObject({ isActive: false, node: undefined });
    expect(await rejection(db.listen('a', () => undefined))).toMatchObject({ code: 'PGHERD_CLOSED' });
    await cluster.primary.partition({ mode: 'refuse' });
    const lonely = client();
    expect(await rejection(lonely.listen('a', () => undefined, { timeoutMs: 100 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    const waiting = rejection(lonely.listen('a', () => undefined));
    await lonely.close();
    expect(await waiting).toMatchObject({ code: 'PGHERD_CLOSED' });
  });

  it('a connection that is cut is opened anew, and the gap is told before what comes behind it', async () => {
    const db = client();
    const ear = new Ear();
    const events: string[] = [];
    db.on('listen:lost', ({ node }) => events.push(`lost ${node}`));
    db.on('listen:gap', ({ channel, node }) => events.push(`gap ${channel} ${node}`));
    await using _sub = await db.listen('cut', ear.hear, { onGap: ear.onGap });
    const listenedAt = Date.now();
    await waitUntil(() => Date.now() > listenedAt);
    await db.notify('cut', '1');
    await waitUntil(() => ear.heard.length === 1);
    const [session] = await listeners();
    await cluster.primary.sql('select pg_terminate_backend($1)', [(session as { pid: number }).pid]);
    await waitUntil(() => ear.gaps.length === 1);
    await db.notify('cut', '2');
    await waitUntil(() => ear.heard.length === 2);
    const node = nameOf(cluster.primary);
    expect(events).toEqual([`lost ${node}`, `gap cut ${node}`]);
    expect(ear.heardBefore).toEqual([1]);
    const [gap] = ear.gaps;
    expect(gap).toMatchObject({ channel: 'cut', node, reason: expect.stringContaining('terminat') });
    // A notification that came does not move the beginning: the next one may have been lost before it came.
    expect(gap?.from.getTime()).toBeLessThanOrEqual(listenedAt);
    expect(gap?.to.getTime()).toBeGreaterThan(listenedAt);
  });

  it('a connection over which nothing comes any more is noticed', async () => {
    const db = client({ deadAfterMs: 300 });
    const ear = new Ear();
    await using sub = await db.listen('silence', ear.hear, { onGap: ear.onGap });
    await cluster.primary.partition({ mode: 'blackhole' });
    await waitUntil(() => sub.node === undefined, { what: 'the silence to be noticed' });
    await cluster.primary.heal();
    await waitUntil(() => ear.gaps.length === 1 && sub.node !== undefined);
  });

  const SCENARIOS: [string, () => Promise<unknown>][] = [
    [
      'the primary is killed',
      async () => {
        await cluster.primary.kill();
        await cluster.failover();
      },
    ],
    [
      'the primary is switched over',
      async () => {
        const [standby] = cluster.standbys;
        if (standby !== undefined) await cluster.switchover(standby);
      },
    ],
    [
      'the primary is frozen',
      async () => {
        await cluster.primary.freeze();
        await cluster.failover();
      },
    ],
  ];

  it.each(
    SCENARIOS,
  )('when %s every number is heard, or was sent in a gap that was told', async (_what, fault) => {
    const db = client({ deadAfterMs: 1_000 });
    const ear = new Ear();
    await using sub = await db.listen('numbers', ear.hear, { onGap: ear.onGap });
    const before = sub.node;
    const sender = sending(db, 'numbers');
    await waitUntil(() => ear.heard.length >= 20);
    await fault();
    const node = nameOf(cluster.primary);
    expect(node).not.toBe(before);
    await waitUntil(() => sub.node === node, {
      what: 'the new primary to be listened to',
    });
    const heardThen = ear.heard.length;
    await waitUntil(() => ear.heard.length >= heardThen + 20, {
      what: 'numbers of the new primary',
    });
    await sender.stop();
    const last = [...sender.sent.keys()].at(-1) ?? 0;
    await waitUntil(() => ear.heard.includes(last), { what: 'the last number' });
    const heard = new Set(ear.heard);
    const missed = [...sender.sent].filter(([number]) => !heard.has(number));
    const untold = missed.filter(
      ([, { at, acknowledgedAt }]) => !ear.gaps.some(({ from, to }) => from <= acknowledgedAt && at <= to),
    );
    expect(untold).toEqual([]);
    expect(ear.gaps.length).toBeGreaterThanOrEqual(1);
    expect(ear.gaps.at(-1)?.node).toBe(node);
    expect(new Set(ear.heard).size).toBe(ear.heard.length);
  });
});
