import { seededRandom } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { type Charge, countedNodes } from './counted-nodes.ts';
import { slowMotion } from './slow-motion.ts';

/** How a fleet of clients of one server goes through its outage. */
export interface OutagePlan {
  readonly processes: number;
  readonly seed: number;
  /** Calls of each process that wait; another one begins when one has ended. */
  readonly waitingCalls: number;
  /** What happens to the server: it restarts, or refuses logins with this SQLSTATE. */
  readonly how: 'restart' | '28000' | '28P01';
  readonly outMs: number;
}

/** What came of it. Times are of the virtual clock, milliseconds. */
export interface OutageRecord {
  readonly charges: readonly Charge[];
  readonly outAt: number;
  readonly backAt: number;
  /** How long after the end of the outage each process had its first write acknowledged, in order. */
  readonly firstWrites: readonly number[];
}

/** Time at rest before the outage, and after it, ms. */
const REST_MS = 5_000;
/** Pause of a caller whose call failed, ms. */
const CALLER_PAUSE_MS = 100;

/** Runs real clusters on a virtual clock, over a server that counts. The same plan gives the same record. */
export async function runOutage(plan: OutagePlan): Promise<OutageRecord> {
  const clock = slowMotion();
  const nodes = countedNodes(['n0'], clock);
  const random = seededRandom(plan.seed);
  const options = { url: 'postgresql://app:secret@n0/app', clock, random, env: {}, probe: { redialMs: 0 } };
  const fleet = Array.from({ length: plan.processes }, () => createClusterOver(nodes.driver, options));
  for (const db of fleet) clock.schedule(random.next() * 1_000, () => void write(db));
  await clock.advance(REST_MS);

  const outAt = clock.now();
  let backAt = Number.POSITIVE_INFINITY;
  if (plan.how === 'restart') nodes.kill('n0');
  else nodes.refuse('n0', plan.how);
  const firstWrites: number[] = [];
  const call = async (db: Cluster, firstWrite: { found: boolean }) => {
    while (!firstWrite.found) {
      const isWritten = await write(db);
      if (isWritten && clock.now() >= backAt && !firstWrite.found) {
        firstWrite.found = true;
        firstWrites.push(clock.now() - backAt);
      }
      await new Promise<void>((resolve) => {
        clock.schedule(CALLER_PAUSE_MS, resolve);
      });
    }
  };
  for (const db of fleet) {
    const firstWrite = { found: false };
    for (let index = 0; index < plan.waitingCalls; index++) void call(db, firstWrite);
  }
  await clock.advance(plan.outMs);
  backAt = clock.now();
  if (plan.how === 'restart') nodes.rejoin('n0', 'primary');
  else nodes.refuse('n0', undefined);
  await clock.advance(REST_MS);
  for (const db of fleet) db.terminate();
  return { charges: nodes.charges, outAt, backAt, firstWrites: firstWrites.sort((a, b) => a - b) };
}

function write(db: Cluster): Promise<boolean> {
  return db.query('insert into t values (0)').then(
    () => true,
    () => false,
  );
}
