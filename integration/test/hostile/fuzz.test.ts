import { setTimeout as lasting } from 'node:timers/promises';
import { createTestCluster, seededRandom, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, isOutcomeUnknown } from 'pgherd';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isCoded } from '../../src/fakes.ts';
import { drawCall, type FuzzCall, OwnError, PASSING_FAULTS } from '../../src/fuzz.ts';
import { createTable, grouped, open, quiet } from '../../src/support.ts';

const NAME = 'fuzz';
/** Another one each time where it is asked for: `PGHERD_FUZZ_SEED=7`. */
const SEEDS = (process.env['PGHERD_FUZZ_SEED'] ?? (process.env['CI'] === undefined ? '1' : '1,2,3'))
  .split(',')
  .map(Number);
const CALLS = Number(process.env['PGHERD_FUZZ_CALLS'] ?? 600);
const CALLERS = 12;
/** What a busy machine may add before a call counts as not ended by its limit. */
const MARGIN_MS = 30_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, proxy: true });
  await createTable(cluster, 'fuzz', 'id bigint not null');
});
afterAll(() => cluster?.close());

/** What was found wrong, and what became of the rows. */
class Books {
  readonly wrong: string[] = [];
  readonly kept = new Set<number>();
  readonly refused = new Set<number>();

  note({ name, id, writes }: FuzzCall, limitMs: number, tookMs: number, error: unknown): void {
    if (tookMs > limitMs + MARGIN_MS) this.wrong.push(`${name} took ${Math.round(tookMs)} of ${limitMs} ms`);
    if (!writes) this.refused.add(id);
    else if (error === undefined) this.kept.add(id);
    else if (!isOutcomeUnknown(error)) this.refused.add(id);
    if (error !== undefined && !isCoded(error) && !(error instanceof OwnError)) {
      this.wrong.push(`${name} ended without a code: ${String(error)}`);
    }
  }
}

async function bookOne(call: FuzzCall, limitMs: number, books: Books): Promise<void> {
  const startedAt = performance.now();
  let error: unknown;
  try {
    await call.run({ timeoutMs: limitMs });
  } catch (thrown) {
    error = thrown ?? new Error('nothing was thrown');
  }
  books.note(call, limitMs, performance.now() - startedAt, error);
}

async function underFaults(seed: number, work: Promise<unknown>): Promise<void> {
  const random = seededRandom(seed + 1_000);
  let over = false;
  const done = work.finally(() => {
    over = true;
  });
  const names = Object.keys(PASSING_FAULTS);
  while (!over) {
    const node = cluster.nodes[Math.floor(random.next() * cluster.nodes.length)];
    const strike = PASSING_FAULTS[names[Math.floor(random.next() * names.length)] ?? ''];
    const holdMs = 50 + random.next() * 300;
    const hold = () => Promise.race([lasting(holdMs), done.then(() => undefined)]);
    if (node !== undefined) await strike?.(node, hold).catch(() => undefined);
    await Promise.race([lasting(200), done]);
  }
  await done;
}

/** Sessions of the client that are not at rest. */
async function restless(): Promise<Record<string, unknown>[]> {
  const text = `select pid, state, query from pg_stat_activity
    where application_name = $1 and state is distinct from 'idle'`;
  return (await Promise.all(cluster.nodes.map((node) => node.sql(text, [NAME])))).flat();
}

let lastId = 0;

it.each(
  SEEDS,
)('calls right and wrong, under faults, end in time with a code and leave nothing behind (seed %i)', async (seed) => {
  const random = seededRandom(seed);
  const books = new Books();
  const db: Cluster = open(cluster, { applicationName: NAME, pool: { max: 6 }, retry: { baseMs: 5 } });
  const firstId = lastId + 1;
  const nextId = () => ++lastId;
  try {
    await db.ready({ primaries: 1, standbys: 1 });
    let left = CALLS;
    const caller = async (): Promise<void> => {
      while (left-- > 0) await bookOne(drawCall({ db, random, nextId }), 30 + random.next() * 700, books);
    };
    await underFaults(seed, Promise.all(Array.from({ length: CALLERS }, caller)));
    await Promise.all(cluster.nodes.map((node) => node.heal()));
    await db.ready({ primaries: 1, standbys: 1, timeoutMs: 60_000 });
    await quiet(db);
    const rest = async () => (await restless()).length === 0;
    await waitUntil(rest, { what: 'nothing to run or to be open on the servers' });
    const rows = await db.rows<{ id: string; n: number }>(
      'select id::text, count(*)::int as n from fuzz where id between $1 and $2 group by id',
      [firstId, lastId],
    );
    const there = new Map(rows.map(({ id, n }) => [Number(id), n]));
    const lost = [...books.kept].filter((id) => !there.has(id));
    const risen = [...books.refused].filter((id) => there.has(id));
    const twice = [...there].filter(([, n]) => n > 1);
    expect({ wrong: grouped(books.wrong), lost, risen, twice }, `seed ${seed}`).toEqual({
      wrong: [],
      lost: [],
      risen: [],
      twice: [],
    });
    expect(books.kept.size).toBeGreaterThan(CALLS / 20);
  } finally {
    await db.close({ timeoutMs: 1_000 });
  }
});
