import pg from 'pg';
import { Pool, poolErrors, systemClock, systemRandom } from 'pgherd/internal';

/** Resources of each pool. */
const SIZE = 10;
/** Callers where more want one than there are. */
const CROWD = 100;

/** One way to take a resource and give it back. */
export interface Cycles {
  readonly pool: 'pgherd' | 'pg-pool';
  /**
   * `at once`: an idle one, as nearly every call takes it; `promised`: an idle one by promise; `queued`: 100
   * callers share 10.
   */
  readonly way: 'at once' | 'promised' | 'queued';
  /** Does it so many times. */
  readonly run: (times: number) => Promise<void>;
}

/** A resource that is nothing. */
class Nothing {}

/** What pg-pool asks of a client, and nothing behind it. */
class NoClient {
  readonly _queryable = true;
  readonly _ending = false;
  connect(done: () => void): void {
    done();
  }
  end(done?: () => void): void {
    done?.();
  }
  on(): void {}
  once(): void {}
  removeListener(): void {}
  ref(): void {}
  unref(): void {}
}

/** All of them, with their resources open. */
export async function openCycles(): Promise<Cycles[]> {
  const ours = await ourPool();
  const theirs = pgPool();
  return [
    {
      pool: 'pgherd',
      way: 'at once',
      run: async (times) => {
        // What was idle for long is asked first whether it still works, which takes a promise.
        ours.release(await ours.acquire(NO_HURRY));
        for (let turn = 0; turn < times; turn++) {
          const resource = ours.tryAcquire();
          if (resource === undefined) throw new Error('nothing is idle');
          ours.release(resource);
        }
      },
    },
    { pool: 'pgherd', way: 'promised', run: (times) => alone(ours, times, false) },
    { pool: 'pgherd', way: 'queued', run: (times) => crowd((share) => alone(ours, share, true), times) },
    { pool: 'pg-pool', way: 'promised', run: (times) => pgAlone(theirs, times, false) },
    { pool: 'pg-pool', way: 'queued', run: (times) => crowd((share) => pgAlone(theirs, share, true), times) },
  ];
}

async function ourPool(): Promise<Pool<Nothing>> {
  const settings = {
    max: SIZE,
    min: 0,
    maxWaiting: 10_000,
    maxConnecting: SIZE,
    idleTimeoutMs: 30_000,
    maxLifetimeMs: 1_800_000,
    maxUses: 0,
    validateAfterMs: 500,
  };
  const factory = {
    open: async () => new Nothing(),
    close: () => undefined,
    destroy: () => undefined,
    validate: async () => undefined,
  };
  const pool = new Pool<Nothing>(settings, factory, {
    clock: systemClock,
    random: systemRandom,
    errors: poolErrors('node'),
  });
  await pool.warmUp(SIZE);
  return pool;
}

function pgPool(): pg.Pool {
  const config: pg.PoolConfig = { max: SIZE };
  return new pg.Pool(Object.assign(config, { Client: NoClient }));
}

async function alone(pool: Pool<Nothing>, times: number, hold: boolean): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const resource = await pool.acquire(NO_HURRY);
    if (hold) await undefined;
    pool.release(resource);
  }
}

async function pgAlone(pool: pg.Pool, times: number, hold: boolean): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const client = await pool.connect();
    if (hold) await undefined;
    client.release();
  }
}

/**
 * A hundred at once; each holds what it got for a turn of the microtask queue, so that the others do queue.
 */
async function crowd(share: (times: number) => Promise<void>, times: number): Promise<void> {
  await Promise.all(Array.from({ length: CROWD }, () => share(Math.ceil(times / CROWD))));
}

const NO_HURRY = Object.freeze({ deadline: Number.POSITIVE_INFINITY });
