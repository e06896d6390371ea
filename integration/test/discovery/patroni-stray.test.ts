import { waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { patroniDiscovery } from 'pgherd/discovery-patroni';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  skipped
    ? `a replica that is promoted by hand (${missing ?? 'PGHERD_TEST_PATRONI=1 runs it'})`
    : 'a replica that is promoted by hand, and taken down by Patroni, without pg_rewind',
  () => {
    let patroni: PatroniCluster;
    let leader: PatroniNode;
    let stray: PatroniNode;
    let db: Cluster;

    beforeAll(async () => {
      patroni = await startPatroni({ nodes: [{}, {}, { nosync: true }] });
      leader = await patroni.leader();
      const last = patroni.nodes[2];
      if (last === undefined) throw new Error('there is no third node');
      stray = last;
      db = createCluster({
        url: `postgresql://app:app@${patroni.nodes.map(({ name }) => name).join(',')}/app`,
        discovery: patroniDiscovery({
          endpoints: patroni.nodes.map((node) => node.endpoint),
          refreshMs: 500,
        }),
        waitTimeoutMs: WAIT_MS,
        env: {},
      });
      await db.query('create table journal (id int)');
    });
    afterAll(async () => {
      await db?.close();
      await patroni?.[Symbol.asyncDispose]();
    });

    const described = () => db.nodes().find(({ name }) => name === stray.name);

    it('gets no write of those that go on, and none of them is lost', async () => {
      await db.ready({ primaries: 1, standbys: 2 });
      const load = await new LoadSeries('journal').run(db, async (running) => {
        await running.acknowledged();
        // Patroni may take the server down before the answer has come.
        await patroni.sql(stray, 'select pg_promote()').catch(() => undefined);
        await running.acknowledged();
        await waitUntil(() => described()?.diverged === true, {
          what: 'the stray to be a standby again',
          timeoutMs: WAIT_MS,
        });
        await running.acknowledged();
      });
      expect(load.failedWrites).toEqual([]);
      expect(load.unknownWrites).toEqual([]);
      expect(new Set(load.writes.map(({ node }) => node))).toEqual(new Set([leader.name]));
      const rows = await patroni.sql(leader, 'select id from journal');
      const there = new Set(rows.map((row) => Number(row['id'])));
      expect([...load.idsOf('acknowledged')].filter((id) => !there.has(id))).toEqual([]);
    });

    it('is a standby of another timeline for ever: it is read only if no other node is left', async () => {
      await waitUntil(() => described()?.health === 'ok' && described()?.diverged === true, {
        what: 'the stray to be seen',
        timeoutMs: WAIT_MS,
      });
      const read = async () => (await db.read.query('select 1')).node;
      expect(await Promise.all(Array.from({ length: 50 }, read))).not.toContain(stray.name);
      const seen = await db.causal(async () => {
        await db.query('insert into journal values (-2)');
        return db.with({ target: 'standby' }).query('select id from journal where id = -2');
      });
      expect(seen).toMatchObject({ rowCount: 1 });
      expect(seen.node).not.toBe(stray.name);
      const alone = await db.with({ target: 'standby', node: stray.name }).query('select 1');
      expect(alone.node).toBe(stray.name);
      expect(db.topology).toMatchObject({ writable: leader.name, barred: undefined });
    });
  },
);
