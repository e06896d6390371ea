import type { ClusterQuerier, Lease } from 'pgherd';

/** How often both connections are asked: a pooler that hands out its sessions in turn shows it by the second round. */
const ROUNDS = 3;

/**
 * Whether several connections to a server are served by the same session: two are held, and asked by turns which process serves them. `null` if
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
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, connection] of connections.entries()) {
      const { pid } = await connection.one<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
      servedBy[index]?.add(pid);
    }
  }
  const seen = servedBy.flatMap((pids) => [...pids]);
  // Each has one process, and no other has it: then sessions are kept.
  return seen.length !== connections.length || new Set(seen).size !== seen.length;
}
