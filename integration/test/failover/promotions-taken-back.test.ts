import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';
import type { Cluster, ClusterEvents, ClusterOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MovableAddress } from '../../src/movable-address.ts';
import { createTable, described, nameOf, open, rejection, restore } from '../../src/support.ts';
import { serverVersions } from '../../src/versions.ts';

const LONG = { timeout: 3 * PATIENCE_MS };
/** A floor falls a second after its witnesses follow the primary, so that what must not fall would have long since. */
const SOON: ClusterOptions = { fencing: { withdrawAfterMs: 1_000 } };
/** Rounds of probes in which a floor that may fall has fallen. */
const ROUNDS = 40;

function nodesOf({ primary, standbys }: TestCluster): [TestNode, TestNode, TestNode] {
  const [one, other] = standbys;
  if (one === undefined || other === undefined) throw new Error('there must be two standbys');
  return [primary, one, other];
}

/** Promotes by SQL, as a person does: to the kit the primary stays the primary. Resolves when the cluster object knows. */
async function promoteByMistake(db: Cluster, node: TestNode): Promise<void> {
  const before = db.topology.floor ?? 0;
  await node.sql('select pg_promote()');
  await waitUntil(() => (db.topology.floor ?? 0) > before, { what: 'the promotion to be seen' });
}

/** Starts a stopped server as a standby of another, with the files that it has. */
async function startAsStandby(node: TestNode, upstream: TestNode): Promise<void> {
  await node.markAsStandby(true);
  await node.follow(upstream);
  await node.start();
}

/** Asks all nodes again and again; the floor stays, and nobody is written to. */
async function expectFloorStays(db: Cluster, floor: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await db.nextProbe();
    expect(db.topology).toMatchObject({ floor, writable: undefined });
  }
}

function saidOf(db: Cluster) {
  const withdrawn: ClusterEvents['cluster:floor-withdrawn'][] = [];
  const barred: ClusterEvents['cluster:writes-barred'][] = [];
  db.on('cluster:floor-withdrawn', (event) => withdrawn.push(event));
  db.on('cluster:writes-barred', (event) => barred.push(event));
  return { withdrawn, barred };
}

/** The versions whose control files differ most; 13 where its servers are there. */
describe.each(serverVersions())('promotions that are taken back, PostgreSQL %s', (version) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2, ...(version !== undefined && { version }) });
    await createTable(cluster, 'kept', 'id int');
  }, PATIENCE_MS);
  afterEach(() => restore(cluster), PATIENCE_MS);
  afterAll(() => cluster?.close());

  it(
    'a stray that was rebuilt gives the writes back; one that was only made a standby does not',
    LONG,
    async () => {
      const [truth, , stray] = nodesOf(cluster);
      await using db = open(cluster, SOON);
      await db.ready({ primaries: 1, standbys: 2 });
      const said = saidOf(db);
      const floor = (db.topology.floor ?? 0) + 1;
      await promoteByMistake(db, stray);
      await waitUntil(async () => (await db.query('insert into kept values (1)')).node === nameOf(stray));

      // Before its first checkpoint: the checkpoint in the control file is of the timeline before.
      await stray.kill();
      await startAsStandby(stray, truth);
      await waitUntil(() => described(db, stray).dataTimeline === floor, { what: 'the stray as a standby' });
      await waitUntil(() => said.barred.length > 0, { what: 'the event' });
      expect(said.barred[0]).toMatchObject({ floor, barred: [nameOf(truth)], witnesses: [nameOf(stray)] });
      await expectFloorStays(db, floor);
      const error = await rejection(db.query('insert into kept values (2)', [], { timeoutMs: 200 }));
      expect(String(error)).toContain('rebuild it from');
      // Once it was stopped in order as a primary, its control file shows the stray timeline twice.
      await stray.stop('fast');
      await stray.markAsStandby(false);
      await stray.start();
      await waitUntil(() => db.topology.writable === nameOf(stray), { what: 'the stray as a primary' });
      await stray.stop('fast');
      await startAsStandby(stray, truth);
      await waitUntil(() => described(db, stray).timelineAtLeast === floor, {
        what: 'the stray, stopped in order',
      });
      await expectFloorStays(db, floor);
      expect(said.withdrawn).toEqual([]);

      await stray.rejoin();
      const write = await db.query('insert into kept values (3)');
      expect(write.node).toBe(nameOf(truth));
      expect(said.withdrawn).toMatchObject([
        { from: floor, to: floor - 1, primary: nameOf(truth), witnesses: [nameOf(stray)] },
      ]);
      expect(described(db, stray)).toMatchObject({ role: 'standby', standing: 'current', diverged: false });
    },
  );

  it(
    'a standby of the stray has data of its timeline, which its control file shows once it was copied',
    LONG,
    async () => {
      const [truth, follower, stray] = nodesOf(cluster);
      await using db = open(cluster, SOON);
      await db.ready({ primaries: 1, standbys: 2 });
      await follower.follow(stray);
      await waitUntil(async () => (await stray.sql('select 1 from pg_stat_replication')).length > 0);
      await promoteByMistake(db, stray);
      const floor = db.topology.floor ?? 0;
      await db.query('insert into kept values (10)');
      await waitUntil(async () => {
        const [row] = await follower.sql('select received_tli from pg_stat_wal_receiver');
        return row?.['received_tli'] === floor;
      });
      // Its data are of the stray timeline, and nothing that an ordinary role may ask shows it.
      expect(described(db, follower).timelineAtLeast).toBe(floor - 1);
      await follower.stop('fast');
      await stray.rejoin();
      await waitUntil(() => db.topology.writable === nameOf(truth), {
        what: 'the writes to come back',
        timeoutMs: PATIENCE_MS,
      });
      // A standby that starts shows how far its data need the log.
      await follower.start();
      await waitUntil(() => described(db, follower).dataTimeline === floor, {
        what: 'the data of the follower',
      });
      expect(described(db, follower)).toMatchObject({
        diverged: true,
        lag: { bytes: undefined, ms: undefined },
      });
      for (let round = 0; round < 20; round++) {
        expect((await db.read.query('select 1')).node).not.toBe(nameOf(follower));
      }
    },
  );

  it(
    'after a true failover a zombie of the first timeline gets nothing while the new primary restarts',
    LONG,
    async () => {
      const [zombie, heir, test] = nodesOf(cluster);
      await using db = open(cluster, SOON);
      await db.ready({ primaries: 1, standbys: 2 });
      const first = db.topology.floor ?? 0;
      await db.query('insert into kept values (20)');
      await zombie.kill();
      await heir.promote();
      await test.follow(heir);
      await waitUntil(async () => (await db.query('insert into kept values (21)')).node === nameOf(heir));
      await cluster.waitForStreaming().catch(() => undefined);
      await promoteByMistake(db, test);
      await test.rejoin();
      await heir.stop('immediate');
      await zombie.start();
      await waitUntil(() => described(db, zombie).role === 'primary', { what: 'the zombie' });
      for (let round = 0; round < ROUNDS; round++) {
        await db.nextProbe();
        expect(db.topology.writable).toBeUndefined();
        expect(db.topology.floor).toBeGreaterThan(first);
      }
      await heir.start();
      const write = await db.query('insert into kept values (22)');
      expect(write.node).toBe(nameOf(heir));
      await zombie.rejoin();
    },
  );

  it(
    'an address that moves from the promoted server to a standby of the primary gives nothing back',
    LONG,
    async () => {
      const [truth, standby, stray] = nodesOf(cluster);
      await using address = await MovableAddress.leadingTo(stray);
      const at = `127.0.0.1:${address.port}`;
      const hosts = cluster.nodes.map(nameOf).join(',');
      await using db = open(cluster, { ...SOON, url: cluster.url.replace(hosts, `${nameOf(truth)},${at}`) });
      await db.ready({ primaries: 1, standbys: 1 });
      await promoteByMistake(db, stray);
      const floor = db.topology.floor ?? 0;
      address.moveTo(standby);
      await waitUntil(() => db.topology.barred?.missing.join().includes('already ran') === true, {
        what: 'the reason',
      });
      await expectFloorStays(db, floor);
      address.moveTo(stray);
      await waitUntil(() => db.topology.writable === at, {
        what: 'the stray to come back',
      });
    },
  );
});

/** The value that the operator writes, by the clock of the server. */
async function epochOf(node: TestNode): Promise<string> {
  const [row] = await node.sql(`select (select system_identifier from pg_control_system())::text || '/'
    || ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int || '/'
    || to_char(clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.USOF') as value`);
  return String(row?.['value']);
}

describe.each(
  serverVersions(),
)('an epoch that the operator writes into the database, PostgreSQL %s', (version) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1, ...(version !== undefined && { version }) });
    await createTable(cluster, 'kept', 'id int');
  }, PATIENCE_MS);
  afterEach(() => restore(cluster), PATIENCE_MS);
  afterAll(() => cluster?.close());

  /** The standby was promoted and is gone for good; the primary serves below it, and has been asked since. */
  async function abandoned(db: Cluster): Promise<{ truth: TestNode; lost: TestNode }> {
    const [lost] = cluster.standbys;
    if (lost === undefined) throw new Error('there must be a standby');
    await db.ready({ primaries: 1, standbys: 1 });
    await promoteByMistake(db, lost);
    await lost.kill();
    await waitUntil(() => db.topology.barred !== undefined, { what: 'barred writes' });
    return { truth: cluster.primary, lost };
  }

  const places = {
    'a setting of the database': {
      write: (value: string) => `alter database app set pgherd.accept_epoch = '${value}'`,
      remove: 'alter database app reset pgherd.accept_epoch',
    },
    'a word in the comment on the database': {
      write: (value: string) =>
        `comment on database app is 'the shop, pgherd.accept_epoch=${value} until Monday'`,
      remove: 'comment on database app is null',
    },
  };

  it.each(Object.entries(places))(
    'as %s lifts the floor, in every process, without a deploy',
    LONG,
    async (_name, place) => {
      await using db = open(cluster);
      const { truth, lost } = await abandoned(db);
      const accepted: ClusterEvents['cluster:epoch-accepted'][] = [];
      db.on('cluster:epoch-accepted', (event) => accepted.push(event));
      const floor = db.topology.floor ?? 0;
      const value = await epochOf(truth);
      await truth.sql(place.write(value));
      try {
        expect((await db.query('insert into kept values (1)')).node).toBe(nameOf(truth));
        expect(accepted).toEqual([
          { by: 'database', node: nameOf(truth), value, from: floor, to: floor - 1 },
        ]);
        // The abandoned one comes back, higher than the accepted: it was given up.
        await lost.start();
        await waitUntil(
          () => described(db, lost).health === 'ok' && described(db, lost).standing === 'stale',
        );
        expect((await db.query('insert into kept values (2)')).node).toBe(nameOf(truth));
        // A value that was written before the last promotion lowers nothing.
        await lost.rejoin();
        await waitUntil(() => db.topology.givenUp.length === 0, { what: 'the lost one as a standby' });
        await promoteByMistake(db, lost);
        await lost.kill();
        await waitUntil(() => db.topology.barred !== undefined, { what: 'barred writes again' });
        await expectFloorStays(db, db.topology.floor ?? 0);
        expect(accepted).toHaveLength(1);
      } finally {
        await truth.sql(place.remove);
      }
    },
  );

  it('counts neither for another timeline nor as a setting of a session', LONG, async () => {
    await using db = open(cluster, {
      url: `${cluster.url}?options=-c%20pgherd.accept_epoch%3D${'1'.repeat(9)}`,
    });
    const warned: string[] = [];
    db.on('cluster:warned', ({ message }) => warned.push(message));
    const { truth } = await abandoned(db);
    const value = (await epochOf(truth)).replace(
      /\/(\d+)\//,
      (_all, timeline: string) => `/${Number(timeline) + 1}/`,
    );
    await truth.sql(places['a setting of the database'].write(value));
    try {
      await waitUntil(() => warned.some((message) => message.includes(value)), { what: 'the refusal' });
      expect(warned.join()).toContain('is refused: the server is on timeline');
      await expectFloorStays(db, db.topology.floor ?? 0);
    } finally {
      await truth.sql(places['a setting of the database'].remove);
    }
  });
});
