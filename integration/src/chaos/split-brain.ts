import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { createClusterOver } from 'pgherd/connection';
import { entriesOn, JOURNAL, misdirected, rangeOf, watchTimelines, writesBelow } from '../invariants.ts';
import { type Load, loadOn } from '../load.ts';
import { createTable, nameOf, PATIENT } from '../support.ts';
import { Wiretap } from '../wiretap.ts';

/** What one trial of a split brain showed. */
export interface SplitBrainTrial {
  /** Milliseconds from the log line that told of the second primary until the client had seen its timeline. */
  readonly seenAfterMs: number;
  /** Writes on the superseded primary between its successor's log line and the moment it was seen: nobody could know. */
  readonly writesBefore: number;
  /** Calls that failed for another reason than an unknown outcome. */
  readonly failedCalls: number;
  readonly unknownOutcome: number;
  /** Writes that reached the lower timeline after the higher one was seen, in sentences. */
  readonly violations: readonly string[];
}

/** A primary and one standby, asynchronous: nothing on the servers' side keeps the superseded primary from writing. */
export async function splitBrainCluster(): Promise<TestCluster> {
  const cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'journal', JOURNAL);
  return cluster;
}

/** How many acknowledged writes come before the promotion and after its discovery. */
const WRITES = 20;

/** How a trial differs from the usual one. */
export interface SplitBrainOptions {
  /** The number of the first write. */
  readonly firstId: number;
  /** Without reads of the standby only the next probe tells of its promotion. Default `true`. */
  readonly reads?: boolean | undefined;
  /** Called when the higher timeline was seen, with the superseded primary and the last number that was given out. */
  readonly afterSeen?: ((old: TestNode, lastId: number) => Promise<unknown>) | undefined;
}

/**
 * Promotes the standby while the old primary stays up and reachable, under load, and judges on the old primary what
 * reached it. Afterwards the old primary has become the standby: the next trial goes the other way.
 */
export async function splitBrainTrial(
  cluster: TestCluster,
  options: SplitBrainOptions,
): Promise<SplitBrainTrial> {
  const old = cluster.primary;
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('A split brain takes a standby.');
  const tap = new Wiretap();
  const db = createClusterOver(tap.driver, { url: cluster.url, ...PATIENT });
  const load = loadOn(db, 'journal', options.firstId, { reads: options.reads ?? true });
  try {
    await db.ready({ primaries: 1, standbys: 1 });
    await load.acknowledged(WRITES);
    const moments = watchTimelines(db, tap, () => rangeOf(load).to - 1);
    const ready = await standby.promote();
    await waitUntil(() => moments.length > 1, { what: 'the higher timeline to be seen' });
    const moment = moments[1];
    if (moment === undefined) throw new Error('The higher timeline was not seen.');
    await options.afterSeen?.(old, moment.lastId);
    await load.acknowledged(WRITES);
    await db.nextProbe();
    await load.acknowledged(WRITES);
    await load.stop();
    const violations = [
      ...misdirected(moments, tap.sent),
      ...(await writesBelow(old, moment, rangeOf(load), tap)),
    ];
    for (const write of load.writes) {
      if (write.outcome === 'acknowledged' && write.id > moment.lastId && write.node !== nameOf(standby))
        violations.push(
          `${write.id} was acknowledged by ${write.node} after timeline ${moment.timeline} was seen`,
        );
    }
    return {
      seenAfterMs: moment.at - ready.at,
      writesBefore: await writesSince(old, ready.at, load),
      failedCalls: load.failedCalls,
      unknownOutcome: load.unknownWrites.length,
      violations,
    };
  } finally {
    await load.stop();
    await db.close();
    if (cluster.primary === standby) await old.rejoin();
  }
}

async function writesSince(node: TestNode, at: number, load: Load): Promise<number> {
  return (await entriesOn(node, rangeOf(load))).filter((entry) => entry.at > at).length;
}
