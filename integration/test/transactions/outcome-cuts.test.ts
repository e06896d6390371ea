import { createTestCluster, seededRandom, type TestCluster } from '@pgherd/testing';
import { type Cluster, OutcomeUnknownError, type TransactionOptions } from 'pgherd';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BY_TABLE, BY_XID, Ledger } from '../../src/ledger.ts';
import { createTable } from '../../src/support.ts';

const CALLERS = 8;
const TRANSACTIONS = 160;
const COUNTERS = 16;
/** Chance of a chunk that tells of a COMMIT, either way, to be the last of its connection; and that of any other. */
const CUT_COMMIT = 0.25;
const CUT_ANY = 0.005;

let cluster: TestCluster;
let ledger: Ledger;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
  ledger = await Ledger.create(cluster);
  await createTable(cluster, 'counter', 'id int primary key, n int not null default 0');
  await cluster.primary.appSql('insert into counter select generate_series(0, $1)', [COUNTERS - 1]);
});

afterAll(() => cluster?.close());

type Fate = 'acknowledged' | 'unknown' | 'rolled back';

/** One transaction: a row without a key, and one more on a counter that others count on as well. */
async function attempt(db: Cluster, id: number, options: TransactionOptions): Promise<Fate> {
  try {
    await db.transaction(
      async (tx) => {
        await tx.query('insert into ledger values ($1)', [id]);
        await tx.query('update counter set n = n + 1 where id = $1', [id % COUNTERS]);
      },
      { ...options, timeoutMs: 20_000 },
    );
    return 'acknowledged';
  } catch (error) {
    return error instanceof OutcomeUnknownError ? 'unknown' : 'rolled back';
  }
}

it.each([
  ['nothing', {}, 20261121],
  ['xid', BY_XID, 20261122],
  ['table', BY_TABLE, 20261123],
] as const)('under random cuts every acknowledged transaction is applied once, finding out by %s', async (_name, way, seed) => {
  const random = seededRandom(seed);
  const db = await ledger.open();
  const before = await sums();
  const fates = new Map<number, Fate>();
  const cuts = cluster.primary.proxy.cutWhen(
    (chunk) => random.next() < (chunk.includes('COMMIT\0') ? CUT_COMMIT : CUT_ANY),
  );
  const caller = async (): Promise<void> => {
    while (fates.size < TRANSACTIONS) {
      const id = ledger.newId();
      fates.set(id, 'rolled back');
      fates.set(id, await attempt(db, id, way));
    }
  };
  try {
    await Promise.all(Array.from({ length: CALLERS }, caller));
  } finally {
    await cuts.undo();
  }
  await ledger.closeAll();

  const counts = await ledger.counts();
  const wrong: string[] = [];
  for (const [id, fate] of fates) {
    const count = counts.get(id) ?? 0;
    const right = fate === 'unknown' ? count <= 1 : count === (fate === 'acknowledged' ? 1 : 0);
    if (!right) wrong.push(`${id}, ${fate}, is there ${count} times`);
  }
  expect(wrong, `seed ${seed}`).toEqual([]);
  const after = await sums();
  expect(after.counted - before.counted, 'what was counted').toBe(after.rows - before.rows);
  const unknown = [...fates.values()].filter((fate) => fate === 'unknown').length;
  // The cuts did hit, and who has a way of finding out found out.
  if (way === BY_TABLE) expect(unknown).toBe(0);
  else expect(unknown).toBeGreaterThanOrEqual(way === BY_XID ? 0 : 5);
});

async function sums(): Promise<{ readonly rows: number; readonly counted: number }> {
  const text =
    'select (select count(*) from ledger)::int as rows, (select sum(n) from counter)::int as counted';
  const [row] = await cluster.primary.appSql(text);
  return { rows: Number(row?.['rows']), counted: Number(row?.['counted']) };
}
