import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { median } from './statistics.ts';

/** One row of the table. */
export interface CallFigure {
  readonly what: string;
  /** Processor time of the client's process for one call, µs: the median of all runs. */
  readonly clientUs: number;
  /** Time that one call takes a caller that makes one after the other, µs; `undefined` where they are made together. */
  readonly wallUs: number | undefined;
  /** Most that is allowed, µs. */
  readonly limit: number | undefined;
  readonly runs: number;
}

export interface CallsPlan {
  /** Calls made together. */
  readonly callers: number;
  /** Leases taken one after the other. */
  readonly leases: number;
  readonly runs: number;
}

/** Processor time that a call may cost which is refused because too many wait, µs. */
const REFUSED_US = 10;
/** Longer than any measurement takes. */
const LONG_MS = 600_000;

interface Measured {
  readonly clientUs: number;
  readonly wallUs: number;
}

async function measured(work: () => Promise<unknown>, calls: number): Promise<Measured> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  return { clientUs: (user + system) / calls, wallUs: (wallMs * 1_000) / calls };
}

/**
 * Calls of which nearly all are refused, since all connections are held and the queue is full: they are made in one turn of the event
 * loop, and only they are counted.
 * @throws Error when another number was refused than must be.
 */
async function refusedCalls(url: string, callers: number): Promise<Measured> {
  const waiting = 1_000;
  await using db = createCluster({
    url,
    timeoutMs: LONG_MS,
    waitTimeoutMs: LONG_MS,
    pool: { max: 2, maxWaiting: waiting },
  });
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  // By functions: then the calls below are not made by what holds the connections.
  const held: Promise<void>[] = [];
  for (let n = 0; n < 2; n++)
    await new Promise<void>((taken) => {
      const hold = () => {
        taken();
        return ended;
      };
      held.push(db.use(hold));
    });
  const queued = Array.from({ length: waiting }, () => db.query('select 1'));
  let refused = 0;
  const count = (error: { readonly code?: unknown }) => {
    if (error.code === 'PGHERD_POOL_FULL') refused++;
  };
  const result = await measured(async () => {
    await Promise.all(Array.from({ length: callers }, () => db.query('select 1').catch(count)));
  }, callers);
  end();
  await Promise.all([...held, ...queued]);
  if (refused !== callers) throw new Error(`${refused} of ${callers} calls were refused`);
  return result;
}

/** Leases with one statement each, one after the other. */
async function leases(options: ClusterOptions, text: string, count: number): Promise<Measured> {
  await using db = createCluster({ ...options, timeoutMs: LONG_MS });
  const one = (cluster: Cluster) => cluster.use((lease) => lease.query(text));
  for (let n = 0; n < count / 4; n++) await one(db);
  return await measured(async () => {
    for (let n = 0; n < count; n++) await one(db);
  }, count);
}

/** Each figure in turn, as often as `runs` says, so that neighbours on the machine meet all of them. */
export async function measureCalls(
  url: string,
  { callers, leases: count, runs }: CallsPlan,
): Promise<CallFigure[]> {
  const unknown = 'select bench_nothing()';
  await using db = createCluster({ url });
  await db.query(
    'create or replace function bench_nothing() returns int language plpgsql as $$ begin return 1; end $$',
  );
  const rows: readonly [what: string, measure: () => Promise<Measured>, limit?: number][] = [
    ['refused, the queue is full', () => refusedCalls(url, callers), REFUSED_US],
    ["lease, pool.reset: 'never'", () => leases({ url, pool: { reset: 'never' } }, unknown, count)],
    [
      "lease, 'auto', a known function",
      () => leases({ url, pool: { reset: 'auto' } }, 'select now()', count),
    ],
    ["lease, 'auto', an unknown function", () => leases({ url, pool: { reset: 'auto' } }, unknown, count)],
    ["lease, 'always'", () => leases({ url, pool: { reset: 'always' } }, unknown, count)],
  ];
  const results = rows.map((): Measured[] => []);
  for (let run = 0; run < runs; run++) {
    for (const [index, [, measure]] of rows.entries()) results[index]?.push(await measure());
  }
  return rows.map(([what, , limit], index) => ({
    what,
    clientUs: median((results[index] ?? []).map(({ clientUs }) => clientUs)) ?? Number.NaN,
    wallUs: limit === undefined ? median((results[index] ?? []).map(({ wallUs }) => wallUs)) : undefined,
    limit,
    runs,
  }));
}
