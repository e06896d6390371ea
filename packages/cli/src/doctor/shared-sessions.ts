import type { ClusterQuerier, Lease } from 'pgherd';

/**
 * Which of the two connections is asked, one question after the other. A pooler that gives out the session that was used last shows by the first two
 * that it shares, and one that gives them out by turns by asking the same connection twice: strictly alternating, two of each would
 * meet the same ones for ever.
 */
const ORDER = Object.freeze([0, 1, 1, 0, 0, 1, 1, 0]);

/**
 * Whether several connections to a server are served by the same session: two are held, and asked which process serves them. `null` if
 * that could not be found out, as where no second connection is to be had.
 */
export async function sharesSessions(verbs: Pick<ClusterQuerier, 'use'>): Promise<boolean | null> {
  try {
    return await verbs.use((first) => verbs.use((second) => areServedByOne(first, second)));
  } catch {
    return null;
  }
}

async function areServedByOne(...connections: readonly Lease[]): Promise<boolean> {
  const servedBy = connections.map(() => new Set<number>());
  for (const index of ORDER) {
    const answer = await connections[index]?.one<{ pid: number }>(
      'select pg_catalog.pg_backend_pid() as pid',
    );
    if (answer !== undefined) servedBy[index]?.add(answer.pid);
  }
  const seen = servedBy.flatMap((pids) => [...pids]);
  // Each has one process, and no other has it: then sessions are kept.
  return seen.length !== connections.length || new Set(seen).size !== seen.length;
}
