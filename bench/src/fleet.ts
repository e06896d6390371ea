import { seededRandom } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { type Charge, type Cost, countedNodes } from './counted-nodes.ts';
import { slowMotion } from './slow-motion.ts';

/** How a fleet of clients goes through a failover. */
export interface FleetPlan {
  readonly processes: number;
  readonly nodes: number;
  readonly seed: number;
  /** From the loss of the primary to the promotion, ms. */
  readonly withoutPrimaryMs: number;
  /** Writes that wait in each process when the primary is there again. */
  readonly waitingCalls: number;
  /** Pause between two reads of each process, ms; `undefined` for no traffic. */
  readonly trafficEveryMs: number | undefined;
}

/** What the fleet did, and when. Times are ms after the start. */
export interface FleetRecord {
  readonly charges: readonly Charge[];
  readonly lostAt: number;
  readonly promotedAt: number;
  readonly rejoinedAt: number;
  readonly endedAt: number;
  /** From the promotion until the first waiting write of each process was answered, ms, sorted. */
  readonly firstWrites: readonly number[];
}

/** Time at rest before the loss, from the promotion to the old primary's return, and after it, ms. */
const REST_MS = 20_000;

/** Runs real clusters on a virtual clock, over servers that count. The same plan gives the same record. */
export async function runFleet(plan: FleetPlan): Promise<FleetRecord> {
  const clock = slowMotion();
  const names = Array.from({ length: plan.nodes }, (_, index) => `n${index}`);
  const [first = '', second = ''] = names;
  const nodes = countedNodes(names, clock);
  const dice = seededRandom(plan.seed);
  // Redials, of which the host names would cause one each half minute, are counted apart. With a password: where there is none each connection looks into the password file, which takes time of
  // the real clock.
  const url = `postgresql://app:secret@${names.join(',')}/app`;
  const fleet = Array.from({ length: plan.processes }, () =>
    createClusterOver(nodes.driver, { url, clock, random: dice, env: {}, probe: { redialMs: 0 } }),
  );
  // Processes do not start in one moment.
  for (const db of fleet) clock.schedule(dice.next() * 1_000, () => void begin(db).catch(() => undefined));
  if (plan.trafficEveryMs !== undefined) startTraffic(fleet, plan.trafficEveryMs, clock, dice);
  await clock.advance(REST_MS);

  const lostAt = clock.now();
  nodes.kill(first);
  await clock.advance(plan.withoutPrimaryMs);
  const promotedAt = clock.now();
  const written = fleet.map((db) => firstWrite(db, plan.waitingCalls, () => clock.now() - promotedAt));
  nodes.promote(second);
  await clock.advance(REST_MS);

  const rejoinedAt = clock.now();
  nodes.rejoin(first);
  await clock.advance(REST_MS);
  const endedAt = clock.now();
  for (const db of fleet) db.terminate();
  const firstWrites = (await Promise.all(written)).sort((a, b) => a - b);
  return { charges: nodes.charges, lostAt, promotedAt, rejoinedAt, endedAt, firstWrites };
}

/** What processes do that have something to lose: they have written already. */
async function begin(db: Cluster): Promise<void> {
  await db.warmUp();
  await db.query('insert into t values (0)');
}

async function firstWrite(db: Cluster, calls: number, tookMs: () => number): Promise<number> {
  const one = async () => {
    await db.query('insert into t values (1)');
    return tookMs();
  };
  return Promise.any(Array.from({ length: Math.max(1, calls) }, one));
}

function startTraffic(
  fleet: readonly Cluster[],
  everyMs: number,
  clock: ReturnType<typeof slowMotion>,
  dice: { next(): number },
): void {
  for (const db of fleet) {
    const read = () => {
      void db.read.query('select 1').catch(() => undefined);
      clock.schedule(everyMs, read);
    };
    clock.schedule(2_000 + dice.next() * everyMs, read);
  }
}

/** What one node was asked in a stretch of time. */
export interface Rate {
  /** Per second, on average. */
  readonly mean: number;
  /** Most in any second. */
  readonly peak: number;
}

/** Of one kind, at one node, from `from` to `to`. */
export function rateOf(charges: readonly Charge[], node: string, cost: Cost, from: number, to: number): Rate {
  const times = charges
    .filter((one) => one.node === node && one.cost === cost && one.at >= from && one.at < to)
    .map((one) => one.at)
    .sort((a, b) => a - b);
  let peak = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) >= 1_000) first++;
    peak = Math.max(peak, last - first + 1);
  }
  return { mean: (times.length * 1_000) / (to - from), peak };
}
