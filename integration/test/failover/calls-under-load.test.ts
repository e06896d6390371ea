import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Load, LoadSeries } from '../../src/load.ts';
import { createTable, nameOf, PATIENT, quiet, restore } from '../../src/support.ts';

const POOL_MAX = 10;
/** Writes that may be in flight on one connection. */
const WRITES_DEEP = 16;
/** Silence that alone makes a node dead: longer than any wait of these tests, so that only a proof moves a read away. */
const NEVER_MS = 600_000;

let cluster: TestCluster;
const series = new LoadSeries('journal');

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'remote_apply', any: 1 } });
  // No key: a write that ran twice must show.
  await createTable(cluster, 'journal', 'id int');
});

afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

/** Runs a scenario under load, waits until every call has settled, and checks what holds after every scenario. */
async function underLoad(
  scenario: (load: Load, db: Cluster) => Promise<void>,
  options: ClusterOptions = {},
): Promise<Load> {
  const db = createCluster({ url: cluster.url, ...PATIENT, pool: { max: POOL_MAX }, ...options });
  try {
    await db.ready({ primaries: 1, standbys: 2 });
    const load = await series.run(db, (load) => scenario(load, db));
    expect(load.failedReads).toEqual([]);
    expect(load.failedWrites).toEqual([]);
    await checkBooks(load, cluster.primary);
    await quiet(db);
    expect(db.stats().total).toMatchObject({ leased: 0, waiting: 0, inFlight: 0 });
    return load;
  } finally {
    await db.close();
  }
}

/** No acknowledged write is lost, none ran twice, and what is there was acknowledged or is unknown. */
async function checkBooks(load: Load, node: TestNode): Promise<void> {
  const found = await idsOn(node, load);
  const present = new Set(found);
  expect(found.length, 'a write ran twice').toBe(present.size);
  const [acknowledged, unknown] = [load.idsOf('acknowledged'), load.idsOf('unknown')];
  expect(
    [...acknowledged].filter((id) => !present.has(id)),
    'acknowledged writes that are lost',
  ).toEqual([]);
  expect(
    found.filter((id) => !acknowledged.has(id) && !unknown.has(id)),
    'writes that nobody reported',
  ).toEqual([]);
}

/** The load's rows on a server, asked of itself as the ordinary role. */
async function idsOn(node: TestNode, load: Load): Promise<number[]> {
  const client = new pg.Client({ connectionString: node.directUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number }>('select id from journal where id >= $1 and id < $2', [
      load.firstId,
      load.firstId + load.writes.length,
    ]);
    return rows.map((row) => row.id);
  } finally {
    await client.end();
  }
}

/** The highest number a write had got by the time pgherd knew that `node` is superseded. */
function lastIdBeforeStale(load: Load, db: Cluster, node: TestNode): () => number | undefined {
  let last: number | undefined;
  db.on('node:standing-changed', (event) => {
    if (event.node === nameOf(node) && event.after === 'stale') last ??= load.writes.at(-1)?.id;
  });
  return () => last;
}

describe('the primary is lost', () => {
  it('killed: what was in flight is unknown, nothing else fails, and the old one comes back as a standby', async () => {
    const load = await underLoad(async (load) => {
      const old = cluster.primary;
      const killed = await old.kill();
      const { promoted } = await cluster.failover({ afterMs: 200 });
      await load.acknowledged();
      expect(load.writes.findLast((one) => one.outcome === 'acknowledged')?.node).toBe(nameOf(promoted));
      await killed.undo();
      await load.served(5, nameOf(old));
    });
    expect(load.idsOf('unknown').size).toBeLessThanOrEqual(POOL_MAX * WRITES_DEEP);
  });

  it('stopped fast: nothing fails and nothing is unknown', async () => {
    // A commit that waits for its standby when the stop comes is unknown by nature: here none waits.
    const url = `${cluster.url}?options=${encodeURIComponent('-c synchronous_commit=local')}`;
    const load = await underLoad(
      async (load) => {
        await cluster.primary.stop('fast');
        await cluster.failover({ afterMs: 200 });
        await load.acknowledged();
      },
      { url },
    );
    expect(load.unknownWrites).toEqual([]);
  });

  it('stopped immediately: what was in flight is unknown, nothing else fails', async () => {
    const load = await underLoad(async (load) => {
      await cluster.primary.stop('immediate');
      await cluster.failover({ afterMs: 200 });
      await load.acknowledged();
    });
    expect(load.idsOf('unknown').size).toBeLessThanOrEqual(POOL_MAX * WRITES_DEEP);
  });

  it('frozen and thawed: nothing is written to it once its successor was seen', async () => {
    const load = await underLoad(async (load, db) => {
      const old = cluster.primary;
      const lastId = lastIdBeforeStale(load, db, old);
      await old.freeze();
      const { promoted } = await cluster.failover({ afterMs: 200 });
      await load.acknowledged();
      expect(load.writes.findLast((one) => one.outcome === 'acknowledged')?.node).toBe(nameOf(promoted));
      await old.thaw();
      const seen = () => db.nodes().find((node) => node.name === nameOf(old));
      await waitUntil(() => seen()?.standing === 'stale' && seen()?.health === 'ok', {
        what: 'the thawed primary to be seen alive and stale',
      });
      await load.acknowledged();
      await load.served();
      const onlyThere = new Set(await idsOn(old, load));
      for (const id of await idsOn(promoted, load)) onlyThere.delete(id);
      const unknown = load.idsOf('unknown');
      expect([...onlyThere].filter((id) => !unknown.has(id))).toEqual([]);
      const last = lastId();
      expect(last).toBeDefined();
      expect([...onlyThere].filter((id) => id > (last ?? 0))).toEqual([]);
      expect(db.stats().nodes.find((node) => node.node === nameOf(old))?.pool.size).toBe(0);
    });
    expect(load.idsOf('unknown').size).toBeLessThanOrEqual(POOL_MAX * WRITES_DEEP);
  });
});

function successor(): TestNode {
  const [first] = cluster.standbys;
  if (first === undefined) throw new Error('there is no standby');
  return first;
}

describe('the primary changes its role', () => {
  it('switched over: no call fails', async () => {
    const load = await underLoad(async (load) => {
      const old = cluster.primary;
      await cluster.switchover(successor());
      await load.acknowledged();
      await load.served(5, nameOf(old));
    });
    expect(load.writes.findLast((one) => one.outcome === 'acknowledged')?.node).toBe(nameOf(cluster.primary));
  });
});

describe('a standby is lost', () => {
  it('killed and started: no call fails', async () => {
    const load = await underLoad(async (load) => {
      const [standby] = cluster.standbys;
      const killed = await standby?.kill();
      await load.served(60);
      await killed?.undo();
      await load.served(5, nameOf(standby));
    });
    expect(load.unknownWrites).toEqual([]);
  });

  it('frozen: no call fails, and its reads move away while it is frozen', async () => {
    const load = await underLoad(
      async (load, db) => {
        const [standby] = cluster.standbys;
        const frozen = await standby?.freeze();
        const health = () => db.nodes().find((node) => node.name === nameOf(standby))?.health;
        await waitUntil(() => health() === 'offline', { what: 'the frozen standby to be given up' });
        await load.settled();
        await load.served(60);
        expect(health()).toBe('offline');
        await frozen?.undo();
        await load.served(5, nameOf(standby));
      },
      { deadAfterMs: NEVER_MS },
    );
    expect(load.unknownWrites).toEqual([]);
  });
});
