import { waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster } from 'pgherd';
import { patroniDiscovery } from 'pgherd/discovery-patroni';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LoadSeries } from '../../src/load.ts';
import { type PatroniCluster, startPatroni } from '../../src/patroni/cluster.ts';
import type { PatroniNode } from '../../src/patroni/node.ts';
import { findPrograms } from '../../src/patroni/programs.ts';

/** Longer than Patroni may take on a busy machine, milliseconds. */
const WAIT_MS = 60_000;

const programs = findPrograms();
const missing = typeof programs === 'string' ? programs : undefined;
const wanted = process.env['CI'] !== undefined || process.env['PGHERD_TEST_PATRONI'] !== undefined;
const skipped = !wanted || (missing !== undefined && process.env['CI'] === undefined);

describe.skipIf(skipped)(
  skipped ? `a lease of Patroni (${missing ?? 'PGHERD_TEST_PATRONI=1 runs it'})` : 'a lease of Patroni',
  () => {
    let patroni: PatroniCluster;
    const series = new LoadSeries('journal');
    const open: Cluster[] = [];

    beforeAll(async () => {
      patroni = await startPatroni({ nodes: [{}, {}, { nosync: true }, { nosync: true }] });
      await using db = createCluster({ url: patroni.urlOf(await patroni.leader()), env: {} });
      await db.query('create table journal (id int)');
    });
    afterEach(async () => {
      for (const db of open.splice(0)) await db.close();
    });
    afterAll(() => patroni?.[Symbol.asyncDispose]());

    function connect(): Cluster {
      const db = createCluster({
        url: `postgresql://app:app@${patroni.nodes.map(({ name }) => name).join(',')}/app`,
        discovery: patroniDiscovery({
          endpoints: patroni.nodes.map((node) => node.endpoint),
          refreshMs: 500,
        }),
        waitTimeoutMs: WAIT_MS,
        env: {},
      });
      open.push(db);
      return db;
    }

    /** A replica that no commit waits for, and that was not promoted before. */
    async function replica(index: number): Promise<PatroniNode> {
      const node = patroni.nodes[index];
      if (node === undefined) throw new Error(`there is no node ${index + 1}`);
      await waitUntil(async () =>
        (await patroni.members()).some((one) => one.name === node.member && one.role === 'replica'),
      );
      return node;
    }

    /** Patroni may take the server down before the answer has come. */
    async function promote(node: PatroniNode): Promise<void> {
      await patroni.sql(node, 'select pg_promote()').catch(() => undefined);
    }

    it('a replica promoted by hand under load: no write goes there, and none is lost', async () => {
      const leader = await patroni.leader();
      const stray = await replica(2);
      const db = connect();
      const contested: ClusterEvents['cluster:contested'][] = [];
      db.on('cluster:contested', (event) => contested.push(event));
      await db.ready({ primaries: 1, standbys: 3 });
      const load = await series.run(db, async (running) => {
        await running.acknowledged();
        // Else Patroni may take it down before anybody has seen it.
        await stray.killPatroni();
        await promote(stray);
        await waitUntil(() => contested.length > 0, { what: 'the contest', timeoutMs: WAIT_MS });
        await running.acknowledged();
        // Its member key lapses, and it leaves the list.
        await waitUntil(() => db.topology.contest === undefined, { what: 'its end', timeoutMs: WAIT_MS });
        await running.acknowledged();
      });
      expect(contested[0]).toMatchObject({ holder: leader.name });
      expect(load.failedWrites).toEqual([]);
      expect(load.unknownWrites).toEqual([]);
      expect(load.writes.filter(({ node }) => node === stray.name)).toEqual([]);
      const rows = await patroni.sql(leader, 'select id from journal');
      const there = new Set(rows.map((row) => Number(row['id'])));
      expect([...load.idsOf('acknowledged')].filter((id) => !there.has(id))).toEqual([]);
      expect(db.topology).toMatchObject({ writable: leader.name, barred: undefined });
    });

    it('a program that starts while a stray is there writes to the node that leads', async () => {
      const leader = await patroni.leader();
      const stray = await replica(3);
      await promote(stray);
      const writes = Array.from({ length: 8 }, () => connect().query('insert into journal values (-1)'));
      const nodes = (await Promise.all(writes)).map(({ node }) => node);
      expect(new Set(nodes)).toEqual(new Set([leader.name]));
    });

    it('the stray is a standby of another timeline once Patroni has taken it down, as a program that is there sees', async () => {
      const stray = await replica(3);
      const db = connect();
      // A cluster watches its nodes from its first call on.
      await db.query('insert into journal values (-1)');
      await waitUntil(() => db.nodes().find(({ name }) => name === stray.name)?.diverged === true, {
        what: 'the stray to be seen as diverged',
        timeoutMs: WAIT_MS,
      });
    });
  },
);
