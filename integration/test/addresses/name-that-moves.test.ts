import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { endMonitors } from '../../src/monitors.ts';
import { addressAt, ScriptedName } from '../../src/scripted-name.ts';
import { createTable, PATIENT } from '../../src/support.ts';

const [FIRST, SECOND] = [addressAt(0), addressAt(1)];

let cluster: TestCluster;
/** It shows one of its addresses at a time. */
let name: ScriptedName;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'journal', 'id int');
});

beforeEach(async () => {
  name = await ScriptedName.of([cluster.primary, cluster.primary]);
  name.shows = [SECOND];
  db = createCluster({ url: name.url, ...PATIENT, probe: { intervalMs: 200 } });
});

afterEach(async () => {
  await db.close();
  await name[Symbol.asyncDispose]();
});

afterAll(() => cluster?.close());

const connections = () => [name.connectionsAt(FIRST), name.connectionsAt(SECOND)];

/** As many connections of the pool as are asked for, all in use at once; the monitor has its own, if the pool took its first. */
async function use(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => db.query('select pg_sleep(0.05)')));
  await db.nextProbe();
}

it('a name with one address at a time is one node', async () => {
  await use(3);
  expect(db.nodes().map((node) => node.name)).toEqual([`${name.host}:${name.port}`]);
  expect(connections()).toEqual([0, 4]);
});

it('the pool goes where the monitor is, although the name now has another address', async () => {
  await db.ready();
  expect(connections()).toEqual([0, 1]);
  name.shows = [FIRST];
  await use(5);
  expect(connections()).toEqual([0, 6]);
});

it('a monitor that comes back elsewhere takes the pool along, and what is leased when it is released', async () => {
  await use(5);
  const closed: string[] = [];
  db.on('connection:closed', ({ reason }) => closed.push(reason));
  const lease = await db.acquire();
  name.shows = [FIRST];
  await endMonitors(cluster.primary);
  await waitUntil(() => closed.length === 4, { what: 'the idle connections to leave' });
  expect(new Set(closed)).toEqual(new Set([`${db.nodes()[0]?.name} is at ${FIRST} now, was at ${SECOND}`]));
  expect((await lease.query('select 1')).rowCount).toBe(1);
  lease.release();
  await waitUntil(() => name.connectionsAt(SECOND) === 0, { what: 'the last connection to leave' });
  await use(5);
  expect(connections()).toEqual([6, 0]);
});

it('a name that moves to another server is followed: nothing of the old address is kept', async () => {
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('no standby');
  await name.lead(FIRST, standby);
  await db.query('insert into journal values (1)');
  await cluster.primary.kill();
  await cluster.failover();
  // As managed services do: the address changes after the new primary is there.
  const write = db.query('insert into journal values (2)');
  name.shows = [FIRST];
  expect((await write).rowCount).toBe(1);
  expect(db.nodes()).toHaveLength(1);
  expect(db.topology.floor).toBe(2);
  expect(await db.rows('select id from journal')).toContainEqual({ id: 2 });
});
