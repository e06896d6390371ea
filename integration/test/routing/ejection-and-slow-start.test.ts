import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterEvents, ClusterOptions } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCaughtUp, described, nameOf, open } from '../../src/support.ts';

let cluster: TestCluster;
let bad: TestNode;
let good: TestNode;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, proxy: true });
  const [first, second] = cluster.standbys;
  if (first === undefined || second === undefined) throw new Error('two standbys are needed');
  [bad, good] = [first, second];
  const db = open(cluster);
  await db.script(`create function fails_on(port text) returns int language plpgsql as $$
    begin
      if current_setting('port') = port then raise 'the disk is gone' using errcode = '58030'; end if;
      return 1;
    end $$`);
  await db.close();
  await allCaughtUp(cluster);
});

afterAll(() => cluster?.close());

function client(options: ClusterOptions): {
  db: Cluster;
  ejected: ClusterEvents['node:ejected'][];
  readmitted: string[];
} {
  const db = open(cluster, { target: 'standby', policy: 'round-robin', lanes: false, ...options });
  const ejected: ClusterEvents['node:ejected'][] = [];
  const readmitted: string[] = [];
  db.on('node:ejected', (event) => ejected.push(event));
  db.on('node:readmitted', ({ node }) => readmitted.push(node));
  return { db, ejected, readmitted };
}

/** So many reads at once, as counts by node; failures do not count. */
async function reads(
  db: Cluster,
  count: number,
  text = 'select 1',
  values: readonly unknown[] = [],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const read = () =>
    db.query(text, values).then(
      ({ node }) => counts.set(node, (counts.get(node) ?? 0) + 1),
      () => undefined,
    );
  await Promise.all(Array.from({ length: count }, read));
  return counts;
}

const share = (counts: Map<string, number>, node: TestNode) =>
  (counts.get(nameOf(node)) ?? 0) / [...counts.values()].reduce((sum, count) => sum + count, 0);

/** The client knows that the server has started anew. */
async function restart(db: Cluster): Promise<void> {
  const { postmasterStartedAt: before } = described(db, bad);
  await (await bad.stop()).undo();
  await waitUntil(async () => {
    await reads(db, 4);
    const { health, role, postmasterStartedAt: start } = described(db, bad);
    return health === 'ok' && role === 'standby' && start !== undefined && start !== before;
  });
}

describe('ejection', () => {
  it.each([
    [
      'slow',
      'ms, those of the others',
      async () => ({ undo: await bad.proxy.delay(80), text: 'select 1', values: [] }),
    ],
    [
      'failing',
      'calls failed within a second',
      async () => ({ undo: undefined, text: 'select fails_on($1)', values: [String(bad.directPort)] }),
    ],
  ])('of a node that is %s: reads avoid it for a time, and come back', async (_name, words, spoil) => {
    const { db, ejected, readmitted } = client({ eject: { baseMs: 2_000 }, slowStartMs: 0 });
    await using _db = db;
    await db.ready({ standbys: 2 });
    const { undo, text, values } = await spoil();
    await waitUntil(async () => {
      await reads(db, 16, text, values);
      return ejected.length > 0;
    });
    // On a busy machine a slow node may fail before it is known to be slow.
    const said = expect.stringMatching(new RegExp(`${words}|calls failed within a second`));
    expect(ejected).toEqual([{ node: nameOf(bad), reason: said, forMs: 2_000 }]);
    const { nodes } = db.explainTarget('standby');
    if (readmitted.length === 0) {
      expect(nodes.find(({ node }) => node === nameOf(bad))).toMatchObject({
        reason: expect.stringContaining('but ejected: '),
      });
      expect([...(await reads(db, 20)).keys()]).toEqual([nameOf(good)]);
    }
    await undo?.[Symbol.asyncDispose]();
    await waitUntil(async () => readmitted.length > 0);
    expect(readmitted).toEqual([nameOf(bad)]);
    await waitUntil(async () => share(await reads(db, 20), bad) === 0.5);
  });

  it('is off by default, and errors of statements eject no node', async () => {
    const off = client({});
    await using _off = off.db;
    const on = client({ eject: true });
    await using _on = on.db;
    await Promise.all([off.db.ready({ standbys: 2 }), on.db.ready({ standbys: 2 })]);
    const wrong = `select 1 / (current_setting('port') <> $1)::int`;
    const until = performance.now() + 3_500;
    while (performance.now() < until) {
      await reads(off.db, 16, 'select fails_on($1)', [String(bad.directPort)]);
      await reads(on.db, 16, wrong, [String(bad.directPort)]);
    }
    expect([...off.ejected, ...on.ejected]).toEqual([]);
  });
});

describe('slow start', () => {
  it('a standby that comes back has little, also when its connections are open, and its full share without the option', async () => {
    const { db } = client({ slowStartMs: 300_000 });
    const atOnce = client({ slowStartMs: 0 }).db;
    await using _db = db;
    await using _atOnce = atOnce;
    for (const each of [db, atOnce]) {
      await each.ready({ standbys: 2 });
      // At the start no node comes back.
      await waitUntil(async () => share(await reads(each, 40), bad) === 0.5);
    }
    await restart(db);
    await waitUntil(async () => share(await reads(atOnce, 40), bad) === 0.5);
    await reads(db, 100);
    expect(share(await reads(db, 400), bad)).toBeLessThan(0.25);
  });

  it('ends: the node has its full share after slowStartMs', async () => {
    const { db } = client({ slowStartMs: 1_000 });
    await using _db = db;
    await db.ready({ standbys: 2 });
    await restart(db);
    await waitUntil(async () => share(await reads(db, 40), bad) === 0.5);
  });
});
