import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type ClusterOptions, createCluster, type DiscoveredNode, type Discovery } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, nameOf, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
});

afterAll(() => cluster?.close());

function listed(...indexes: readonly number[]): DiscoveredNode[] {
  return indexes.map((index) => {
    const node = cluster.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return { host: node.host, port: node.port };
  });
}

/** A discovery that tells what the test says, when it says it. */
function toldDiscovery(first: unknown) {
  const lists: unknown[] = [first];
  let wake: () => void = () => undefined;
  const discovery: Discovery = {
    name: 'the test',
    async *watch({ signal }) {
      signal.addEventListener('abort', () => wake());
      while (!signal.aborted) {
        while (lists.length > 0) yield lists.shift() as DiscoveredNode[];
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  const tell = (list: unknown) => {
    lists.push(list);
    wake();
  };
  return { discovery, tell };
}

/** A cluster object whose connection string names the first node only. */
function opened(discovery: Discovery, options: Partial<ClusterOptions> = {}) {
  const { url } = cluster.nodes[0] ?? cluster.primary;
  const db = createCluster({ url, discovery, probe: { intervalMs: 200 }, ...PATIENT, ...options });
  const failures: string[] = [];
  db.on('discovery:failed', ({ error }) => failures.push(String(error)));
  return { db, failures };
}

const namesOf = (...indexes: readonly number[]) => indexes.map((index) => nameOf(cluster.nodes[index]));

describe('discovery at run time', () => {
  it('adds nodes that then serve, and removes them again', async () => {
    const { discovery, tell } = toldDiscovery(listed(0));
    const { db } = opened(discovery);
    await using _ = db;
    const events: string[] = [];
    db.on('node:added', ({ node }) => events.push(`added ${node}`));
    db.on('node:removed', ({ node }) => events.push(`removed ${node}`));
    await db.ready();
    expect(db.nodes().map((node) => node.name)).toEqual(namesOf(0));
    tell(listed(0, 1, 2));
    await db.ready({ primaries: 1, standbys: 2 });
    expect(db.nodes().map(({ name, origin }) => [name, origin])).toEqual([
      [namesOf(0)[0], 'configured'],
      [namesOf(1)[0], 'discovered'],
      [namesOf(2)[0], 'discovered'],
    ]);
    const served = new Set<string>();
    for (let index = 0; index < 20; index++) served.add((await db.read.query('select 1')).node);
    expect([...served].sort()).toEqual(namesOf(1, 2).sort());
    tell(listed(0, 2));
    await waitUntil(() => db.nodes().length === 2);
    expect((await db.read.query('select 1')).node).toBe(namesOf(2)[0]);
    expect(events).toEqual([`added ${namesOf(1)[0]}`, `added ${namesOf(2)[0]}`, `removed ${namesOf(1)[0]}`]);
    const text = "select 1 from pg_stat_activity where usename = 'app' and datname = 'app'";
    await waitUntil(async () => (await cluster.nodes[1]?.sql(text))?.length === 0, {
      what: 'no session to be left on the removed node',
    });
  });

  it('lets what runs on a removed node end, and gives it nothing new', async () => {
    const { discovery, tell } = toldDiscovery(listed(0, 1));
    const { db } = opened(discovery);
    await using _ = db;
    await db.ready({ primaries: 1, standbys: 1 });
    const lease = await db.acquire({ target: 'standby' });
    const running = db.query('select pg_sleep(0.3)', [], { target: 'standby' });
    await waitUntil(() => db.stats().total.inFlight === 1);
    tell(listed(0));
    await waitUntil(() => db.nodes().length === 1);
    expect((await running).node).toBe(namesOf(1)[0]);
    expect((await lease.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const refused = await rejection(db.query('select 1', [], { target: 'standby', timeoutMs: 100 }));
    expect(codeOf(refused)).toBe('PGHERD_TIMEOUT');
    lease.release();
    await db.close();
  });

  it('ends what runs on a removed node when drainMs is over', async () => {
    const { discovery, tell } = toldDiscovery(listed(0, 1));
    const { db } = opened(discovery, { drainMs: 50 });
    await using _ = db;
    await db.ready({ primaries: 1, standbys: 1 });
    const lease = await db.acquire({ target: 'standby' });
    const running = rejection(lease.query('select pg_sleep(30)'));
    await waitUntil(() => db.stats().total.inFlight === 1);
    tell(listed(0));
    expect(await running).toBeInstanceOf(Error);
    lease.release();
  });

  it('drains the primary as well, and writes go on once it is listed again', async () => {
    const { discovery, tell } = toldDiscovery(listed(0, 1));
    const { db } = opened(discovery);
    await using _ = db;
    await db.query('create temporary table joined (n int)');
    tell(listed(1));
    await waitUntil(() => db.nodes().length === 1);
    const waiting = db.query('select pg_is_in_recovery() as standby');
    expect((await db.read.query('select 1')).node).toBe(namesOf(1)[0]);
    tell(listed(0, 1));
    const { node, rows } = await waiting;
    expect([node, rows]).toEqual([namesOf(0)[0], [{ standby: false }]]);
  });

  it.each([
    ['nonsense', 'node-1', 'the list is "node-1", but must be an array of nodes'],
    ['an empty list', [], 'the list is empty, but must have at least one node'],
    ['a node without a host', [{ port: 5432 }], 'node 1: host is undefined'],
    ['a port out of range', [{ host: 'a', port: 99_999 }], 'node 1 (a): port is 99999'],
    ['a node twice', [{ host: 'a' }, { host: 'a' }], 'is listed twice'],
    [
      'two leaders',
      [
        { host: 'a', leader: true },
        { host: 'b', leader: true },
      ],
      'a and b are all called leader',
    ],
  ])('keeps the last good list after %s, and tells', async (_what, list, told) => {
    const { discovery, tell } = toldDiscovery(listed(0, 1));
    const { db, failures } = opened(discovery);
    await using _ = db;
    await db.ready({ primaries: 1, standbys: 1 });
    tell(list);
    await waitUntil(() => failures.length > 0);
    expect(failures[0]).toContain('The list of nodes from the test cannot be used');
    expect(failures[0]).toContain(told);
    expect(db.nodes().map((node) => node.name)).toEqual(namesOf(0, 1));
    tell(listed(0, 1, 2));
    await db.ready({ primaries: 1, standbys: 2 });
  });

  it('serves from the connection string while the discovery never answers, and closes at once', async () => {
    const discovery: Discovery = {
      name: 'silence',
      watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
    };
    const { db } = opened(discovery);
    expect((await db.query('select 1')).node).toBe(namesOf(0)[0]);
    await db.close();
  });

  it('goes on after a discovery that throws', async () => {
    let iterations = 0;
    const discovery: Discovery = {
      name: 'shaky',
      async *watch() {
        if (++iterations === 1) throw new Error('registry is down');
        yield listed(0, 2);
      },
    };
    const { db, failures } = opened(discovery);
    await using _ = db;
    await db.ready({ primaries: 1, standbys: 1 });
    expect(failures).toEqual(['PgHerdError: shaky returned no list of nodes: registry is down']);
  });

  it('takes the labels of discovery, under those that the user gives', async () => {
    const [first, second, third] = listed(0, 1, 2);
    const discovery: Discovery = {
      name: 'labels',
      async *watch() {
        yield [
          { ...first, host: first?.host ?? '', zone: 'a' },
          { ...second, host: second?.host ?? '', zone: 'a', readable: false },
          { ...third, host: third?.host ?? '', zone: 'b', tags: { tier: 'fast' } },
        ];
      },
    };
    const nodes = { [namesOf(0)[0] ?? '']: { zone: 'c' }, [namesOf(2)[0] ?? '']: { promotable: false } };
    const { db } = opened(discovery, { nodes });
    await using _ = db;
    await db.ready({ primaries: 1, standbys: 1 });
    expect(
      db.nodes().map(({ zone, tags, promotable, readable }) => [zone, tags, promotable, readable]),
    ).toEqual([
      ['c', {}, true, true],
      ['a', {}, true, false],
      ['b', { tier: 'fast' }, false, true],
    ]);
    expect((await db.read.query('select 1')).node).toBe(namesOf(2)[0]);
  });
});
