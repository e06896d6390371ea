import type { CallOptions, Cluster, ClusterQuerier, Lease, NodeDescription } from 'pgherd';

/** How many connections to a server are held at a time. */
const HELD = 6;
/** Rounds of new connections, at most, while they lead to several servers and that is not yet proved. */
const ROUNDS = 5;
/** How much longer than the first connection the others may take, and so long at least, ms. */
const TIMES_LONGER = 5;
const SHORTEST_MS = 500;

/** What connections to one node have shown. */
export interface Met {
  /** What is known of the node after them; `undefined` if it has gone. */
  readonly picture: NodeDescription | undefined;
  /** Whether one of them met a server that is out of recovery. */
  readonly isPrimaryMet: boolean;
}

/**
 * Opens connections to a node until it is known whether they all lead to one server. A balancer shows by that alone: each single connection
 * to it is as good as one to a server. Connections that cannot be had are done without.
 */
export async function meetServers(
  db: Cluster,
  name: string,
  verbs: Pick<ClusterQuerier, 'acquire'>,
): Promise<Met> {
  const picture = (): NodeDescription | undefined => db.nodes().find((node) => node.name === name);
  let isPrimaryMet = false;
  for (let round = 0; round < ROUNDS; round++) {
    const before = picture();
    const held = await hold(verbs);
    isPrimaryMet ||= held.some(({ inRecovery }) => inRecovery === false);
    const after = picture();
    const isOne = after === undefined || after.shown.length <= 1;
    // Only once several are known, connections to all of them are used; the next round has to be of new ones.
    const goesOn = !isOne && before?.several === undefined;
    for (const { lease } of held) lease.release({ destroy: goesOn });
    if (!goesOn) break;
  }
  return { picture: picture(), isPrimaryMet };
}

interface Held {
  readonly lease: Lease;
  /** `undefined` if the connection was lost, as one that led to another server than the node. */
  readonly inRecovery: boolean | undefined;
}

/** One connection, and then the others: what takes much longer than the first one did waits for a server that gives no more. */
async function hold(verbs: Pick<ClusterQuerier, 'acquire'>): Promise<readonly Held[]> {
  const before = Date.now();
  const first = await Promise.allSettled([holdOne(verbs)]);
  const timeoutMs = Math.max(SHORTEST_MS, TIMES_LONGER * (Date.now() - before));
  const others = await Promise.allSettled(
    Array.from({ length: HELD - 1 }, () => holdOne(verbs, { timeoutMs })),
  );
  return [...first, ...others].flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

async function holdOne(verbs: Pick<ClusterQuerier, 'acquire'>, options: CallOptions = {}): Promise<Held> {
  const lease = await verbs.acquire(options);
  const answer = await lease
    .one<{ in_recovery: boolean }>('select pg_catalog.pg_is_in_recovery() as in_recovery')
    .catch(() => undefined);
  return { lease, inRecovery: answer?.in_recovery };
}
