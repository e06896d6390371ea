import { createTestCluster } from '@pgherd/testing';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { median } from './statistics.ts';

const ROUNDS = 9;
const CHECKOUTS = 20_000;
const CALLERS = 100;
/** Statements of one round, all callers together. */
const STATEMENTS = 10_000;
const CONNECTIONS = 10;
const USAGE = `Usage: npm run bench:guests -- [options]

Pools of pg, plain and as guests, in turn, on a cluster of three real servers: processor time of taking an idle client and giving it back,
and statements per second of ${CALLERS} callers of pool.query().

  --runs N   rounds, of which the median counts (default ${ROUNDS})
  --json     print an array for programs instead of a table
  --help     print this
`;

interface Figure {
  readonly who: string;
  /** Processor time, ns. */
  readonly checkoutNs: number;
  readonly perSecond: number;
  /** Of the median to that of `pg.Pool`. */
  readonly checkoutRatio: number;
  readonly speedRatio: number;
  readonly runs: number;
}

async function checkoutNs(pool: pg.Pool): Promise<number> {
  const before = process.cpuUsage();
  for (let turn = 0; turn < CHECKOUTS; turn++) (await pool.connect()).release();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / CHECKOUTS;
}

async function perSecond(pool: pg.Pool): Promise<number> {
  const startedAt = performance.now();
  const caller = async () => {
    for (let turn = 0; turn < STATEMENTS / CALLERS; turn++)
      await pool.query('select id, name from item where id = $1', [1 + (turn % 100)]);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (STATEMENTS * 1_000) / (performance.now() - startedAt);
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 2 });
  await using db = createCluster(cluster.url);
  await db.query('create table item (id int primary key, name text not null)');
  await db.query("insert into item select n, 'item ' || n from generate_series(1, 100) n");
  const options = { max: CONNECTIONS, idleTimeoutMillis: 0 };
  const contenders = [
    { who: 'pg.Pool', pool: new pg.Pool({ ...options, connectionString: cluster.primary.url }) },
    { who: 'createPool', pool: createPool(db, { ...options, pg }) },
    { who: "createPool, query: 'shared'", pool: createPool(db, { ...options, pg, query: 'shared' }) },
  ].map((one) => ({ ...one, ns: [] as number[], speed: [] as number[] }));
  // One round is for the compiler.
  for (let round = 0; round <= runs; round++) {
    for (const { pool, ns, speed } of contenders) {
      const [checkout, rate] = [await checkoutNs(pool), await perSecond(pool)];
      if (round === 0) continue;
      ns.push(checkout);
      speed.push(rate);
    }
  }
  await Promise.all(contenders.map(({ pool }) => pool.end()));
  const of = (values: readonly number[] = []) => median(values) ?? Number.NaN;
  const [base] = contenders;
  const figures = contenders.map(
    ({ who, ns, speed }): Figure => ({
      who,
      checkoutNs: Math.round(of(ns)),
      perSecond: Math.round(of(speed)),
      checkoutRatio: of(ns) / of(base?.ns),
      speedRatio: of(speed) / of(base?.speed),
      runs,
    }),
  );
  if (json) return toJson(figures);
  return renderGrid<Figure>(
    [
      left(['', 'who'], (row) => row.who),
      right(['checkout', 'CPU ns'], (row) => String(row.checkoutNs)),
      right(['×', 'pg.Pool'], (row) => row.checkoutRatio.toFixed(2)),
      right([`${CALLERS} callers`, 'per s'], (row) => String(row.perSecond)),
      right(['×', 'pg.Pool'], (row) => row.speedRatio.toFixed(2)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, ROUNDS), run);
