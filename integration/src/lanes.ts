import type { Cluster } from 'pgherd';
import { codeOf } from './support.ts';

/** One lane on which hundreds of statements stand one behind the other, whatever they are expected to take. */
export const ONE_LANE = Object.freeze({
  pool: { max: 1 },
  lanes: { maxDepth: 1_000, maxWrites: 1_000, maxQueueMs: 60_000 },
});

/** Settles all; gives the codes of those that failed, `ok` for those that did not. */
export async function fates(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((one) => (one.status === 'fulfilled' ? 'ok' : codeOf(one.reason)));
}

/** What `fn` gives for each number from 0 on. */
export function times<T>(count: number, fn: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => fn(index));
}

/** A statement that takes `$1` seconds. */
export const SLEEP = 'select pg_sleep($1)';

/** Lets a cluster object learn that to sleep takes long: many times as long as the quickest answer, on a busy machine too. */
export async function learnSleep(db: Cluster): Promise<void> {
  for (let round = 0; round < 20; round++) await db.query('select 1');
  for (let round = 0; round < 2; round++) await db.query(SLEEP, [0.5]);
}
