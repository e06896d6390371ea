import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeOf, createTable, open, quiet } from '../../src/support.ts';

const WRITES = 3_000;
const CALLERS = 30;
const EVERY_MS = 60;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  await createTable(cluster, 'written', 'id int, way text');
});
afterAll(() => cluster?.close());

/** Ends sessions of the application, one at a time, until it is stopped; returns how many. */
function terminating(application: string): { stop(): Promise<number> } {
  let going = true;
  let ended = 0;
  const work = (async () => {
    const client = new pg.Client(cluster.primary.directUrl);
    await client.connect();
    const text = `select pg_terminate_backend(pid) as done from pg_stat_activity
      where application_name = $1 and pid <> pg_backend_pid() order by random() limit 1`;
    while (going) {
      const { rows } = await client.query<{ done: boolean }>(text, [application]);
      if (rows[0]?.done === true) ended++;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    await client.end();
  })();
  return {
    stop: async () => {
      going = false;
      await work;
      return ended;
    },
  };
}

const WAYS: Readonly<Record<string, (db: Cluster, id: number) => Promise<unknown>>> = {
  query: (db, id) => db.query('insert into written values ($1, $2)', [id, 'query']),
  transaction: (db, id) =>
    db.transaction((tx) => tx.query('insert into written values ($1, $2)', [id, 'transaction'])),
};

it.each(
  Object.keys(WAYS),
)('%s: sessions are ended all the time: no acknowledged write is lost, none is there twice', async (way) => {
  const application = `terminated ${way}`;
  const db = open(cluster, { applicationName: application, pool: { max: 6 } });
  await db.ready();
  const fates = new Map<number, unknown>();
  let next = 0;
  const terminator = terminating(application);
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let id = next++; id < WRITES; id = next++) {
        fates.set(id, await WAYS[way]?.(db, id).then(() => 'acknowledged', codeOf));
      }
    }),
  );
  const ended = await terminator.stop();
  await quiet(db);
  expect(ended).toBeGreaterThan(0);

  const stored = await db.rows<{ id: number; n: number }>(
    'select id, count(*)::int as n from written where way = $1 group by id',
    [way],
  );
  await db.close();
  const times = new Map(stored.map(({ id, n }) => [id, n]));
  const of = (fate: string) => [...fates].filter(([, one]) => one === fate).map(([id]) => id);
  expect(of('acknowledged').filter((id) => times.get(id) !== 1)).toEqual([]);
  expect(stored.filter(({ n }) => n > 1)).toEqual([]);
  // What was neither acknowledged nor left open was not written.
  const others = [...fates].filter(([, one]) => one !== 'acknowledged' && one !== 'PGHERD_OUTCOME_UNKNOWN');
  expect(others).toEqual([]);
});
