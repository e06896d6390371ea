import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, connect, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addressAt, ScriptedName } from '../../src/scripted-name.ts';
import { createTable, PATIENT, restore } from '../../src/support.ts';

let cluster: TestCluster;
let primary: TestNode;
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'journal', 'id int');
});

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await restore(cluster);
});

afterAll(() => cluster?.close());

async function name(nodes: readonly TestNode[], host?: string): Promise<ScriptedName> {
  const made = await ScriptedName.of(nodes, host);
  opened.push(made);
  return made;
}

function open({ url }: { readonly url: string }, options: ClusterOptions = {}): Cluster {
  const db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200, redialMs: 100 }, ...options });
  opened.push(db);
  return db;
}

const namesIn = (db: Cluster) => db.nodes().map((node) => node.name);
const [FIRST, SECOND, THIRD] = [addressAt(0), addressAt(1), addressAt(2)];

/** The standbys first, so that the first address is not the right one by chance. */
function standbysFirst(): TestNode[] {
  primary = cluster.primary;
  return [...cluster.standbys, primary];
}

describe('a name with the addresses of a primary and two standbys', () => {
  it('is three nodes: writes go to the primary, reads to the standbys', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd);
    expect((await db.query('insert into journal values (1)')).node).toBe(herd.nodeAt(THIRD));
    await db.ready({ primaries: 1, standbys: 2 });
    expect(namesIn(db)).toEqual([FIRST, SECOND, THIRD].map((address) => herd.nodeAt(address)));
    const reads = new Set<string>();
    for (let round = 0; round < 20; round++) reads.add((await db.read.query('select 1')).node);
    expect([...reads].sort()).toEqual([herd.nodeAt(FIRST), herd.nodeAt(SECOND)]);
    expect(db.health().status).toBe('up');
  });

  it('is looked up once for all of them', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd, { probe: { intervalMs: 200, redialMs: 0 } });
    await db.ready({ primaries: 1, standbys: 2 });
    await db.query('select 1');
    expect(herd.lookups).toBe(1);
  });

  it('follows a failover, although DNS shows the old primary for ever', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd);
    await db.query('insert into journal values (2)');
    await db.ready({ primaries: 1, standbys: 2 });
    await primary.kill();
    const { promoted } = await cluster.failover();
    const at = addressAt(cluster.nodes.filter((node) => node !== primary).indexOf(promoted));
    expect((await db.query('insert into journal values (3)')).node).toBe(herd.nodeAt(at));
    expect(namesIn(db)).toHaveLength(3);
  });

  it('has its options, and can be asked for by each node’s own name', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd, {
      nodes: { [`${herd.host}:${herd.port}`]: { zone: 'north', tags: { disk: 'fast' } } },
    });
    await db.ready({ primaries: 1, standbys: 2 });
    expect(db.nodes().map(({ zone, tags }) => [zone, tags['disk']])).toEqual(
      Array(3).fill(['north', 'fast']),
    );
    const { node } = await db.with({ target: 'any', node: herd.nodeAt(SECOND) }).query('select 1');
    expect(node).toBe(herd.nodeAt(SECOND));
  });

  it('is searched through by connect()', async () => {
    const herd = await name(standbysFirst());
    await using session = await connect(herd.url, { target: 'read-write' });
    expect(session.node).toBe(herd.nodeAt(THIRD));
    await session.query('insert into journal values (4)');
  });
});

describe('a name that has one address and several later', () => {
  it('goes on: the transaction that runs, the calls, and the writes', async () => {
    const herd = await name(standbysFirst());
    herd.shows = [THIRD];
    const db = open(herd, { drainMs: 50 });
    const longest = await db.begin();
    await longest.query('insert into journal values (5)');
    expect(namesIn(db)).toEqual([`${herd.host}:${herd.port}`]);
    const end = new AbortController();
    const errors: unknown[] = [];
    let written = 0;
    const writer = async () => {
      while (!end.signal.aborted) {
        const failed = await db.query('insert into journal values (6)').then(
          () => undefined,
          (error: unknown) => error ?? 'failed',
        );
        if (failed === undefined) written += 1;
        else errors.push(failed);
      }
    };
    const writers = [writer(), writer()];
    await waitUntil(() => written > 20, { what: 'writes before' });
    herd.shows = [FIRST, SECOND, THIRD];
    await db.ready({ primaries: 1, standbys: 2 });
    const before = written;
    await waitUntil(() => written > before + 50, { what: 'writes afterwards' });
    end.abort();
    await Promise.all(writers);
    expect(errors).toEqual([]);
    // Much longer than drainMs has passed by then, on a busy machine as well: the writers alone have waited for it.
    await longest.query('insert into journal values (7)');
    await longest.commit();
    expect(await db.rows('select id from journal where id in (5, 7) order by id')).toEqual([
      { id: 5 },
      { id: 7 },
    ]);
    expect(namesIn(db)).toEqual([FIRST, SECOND, THIRD].map((address) => herd.nodeAt(address)));
  });

  it('what runs on the name’s own node ends when another server takes its place', async () => {
    const herd = await name(standbysFirst());
    herd.shows = [THIRD];
    const db = open(herd);
    const longest = await db.begin();
    await longest.query('insert into journal values (8)');
    herd.shows = [FIRST, SECOND, THIRD];
    await db.ready({ primaries: 1, standbys: 2 });
    // Nothing closes: only what the nodes know of each other can end it.
    await primary.freeze();
    await cluster.failover();
    await expect(longest.commit()).rejects.toThrow();
    expect(await db.rows('select id from journal where id = 8')).toEqual([]);
  });
});

describe('an address that a name does not show any more', () => {
  it('stays while its server serves, and leaves when that does not answer', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd);
    await db.ready({ primaries: 1, standbys: 2 });
    const removed: string[] = [];
    db.on('node:removed', ({ node }) => removed.push(node));
    herd.shows = [SECOND, THIRD];
    const before = herd.lookups;
    await waitUntil(() => herd.lookups > before + 5, { what: 'more lookups than it takes' });
    expect(namesIn(db)).toHaveLength(3);
    expect(removed).toEqual([]);
    await herd.closeAt(FIRST);
    await waitUntil(() => namesIn(db).length === 2, { what: 'the dead address to leave' });
    expect(removed).toEqual([herd.nodeAt(FIRST)]);
    await db.query('insert into journal values (9)');
  });

  it('comes back when it is shown again', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd);
    await db.ready({ primaries: 1, standbys: 2 });
    herd.shows = [SECOND, THIRD];
    await herd.closeAt(FIRST);
    await waitUntil(() => namesIn(db).length === 2, { what: 'the dead address to leave' });
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('there is no standby');
    await herd.lead(FIRST, standby);
    herd.shows = [FIRST, SECOND, THIRD];
    await db.ready({ primaries: 1, standbys: 2 });
    expect(namesIn(db)).toHaveLength(3);
  });
});

describe('what DNS may say', () => {
  it('a part of the addresses at a time: no node comes and goes', async () => {
    const herd = await name(standbysFirst());
    const all = [FIRST, SECOND, THIRD];
    const db = open(herd);
    await db.ready({ primaries: 1, standbys: 2 });
    const changes: string[] = [];
    db.on('node:removed', ({ node }) => changes.push(node));
    db.on('node:added', ({ node }) => changes.push(node));
    for (let round = 0; round < 12; round++) {
      herd.shows = [all[round % 3] ?? FIRST];
      const before = herd.lookups;
      await waitUntil(() => herd.lookups > before, { what: 'another lookup' });
    }
    await db.query('insert into journal values (10)');
    expect(changes).toEqual([]);
  });

  it('more addresses than are used: 16 are, and that is said once', async () => {
    const herd = await name(Array.from({ length: 20 }, () => cluster.primary));
    const warned: string[] = [];
    const db = open(herd);
    db.on('cluster:warned', ({ message }) => warned.push(message));
    await db.query('insert into journal values (11)');
    const before = herd.lookups;
    await waitUntil(() => herd.lookups > before + 3, { what: 'more lookups' });
    expect(namesIn(db)).toHaveLength(16);
    expect(warned.filter((message) => message.includes('20 addresses, of which 16 are used'))).toHaveLength(
      1,
    );
    // All of them lead to one server, which counts once.
    await waitUntil(() => db.nodes().filter(({ aliasOf }) => aliasOf === undefined).length === 1);
  });

  it('nothing for a while: everything stays as it is', async () => {
    const herd = await name(standbysFirst());
    const db = open(herd);
    await db.ready({ primaries: 1, standbys: 2 });
    herd.shows = [];
    const before = herd.lookups;
    await waitUntil(() => herd.lookups > before + 5, { what: 'lookups in vain' });
    expect(namesIn(db)).toHaveLength(3);
    await db.query('insert into journal values (12)');
  });

  it('a family that does not work: the addresses of the other one are the nodes', async () => {
    const herd = await name(standbysFirst());
    // Nothing listens there.
    herd.shows = ['::1', FIRST, SECOND, THIRD];
    const db = open(herd);
    await db.query('insert into journal values (13)');
    expect(namesIn(db)).toEqual([FIRST, SECOND, THIRD].map((address) => herd.nodeAt(address)));
  });

  it('localhost is one node, whichever of its addresses works, and none of it is ill', async () => {
    primary = cluster.primary;
    const herd = await name([primary, primary], 'localhost');
    herd.shows = ['::1', FIRST, SECOND];
    const db = open(herd);
    await db.query('insert into journal values (14)');
    expect(namesIn(db)).toEqual([`localhost:${herd.port}`]);
    expect(db.health().status).toBe('up');
  });
});
