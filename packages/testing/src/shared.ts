import type { TestCluster } from './cluster.ts';
import { createTestCluster } from './create.ts';
import type { TestClusterOptions } from './options.ts';

const shared = new Map<string, Promise<TestCluster>>();

/**
 * The same cluster for every caller with the same options in this process; made by the first. It need not be closed: it goes with
 * the process. Who closes it nevertheless makes the next caller start a new one. Undo your faults.
 *
 * @throws {@link TestClusterError} as `createTestCluster` does; the next call tries anew.
 */
export async function sharedTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const key = keyOf(options);
  for (let known = shared.get(key); known; known = shared.get(key)) {
    const cluster = await known;
    if (!cluster.closed) return cluster;
    if (shared.get(key) === known) shared.delete(key);
  }
  const making = createTestCluster(options);
  shared.set(key, making);
  making.catch(() => {
    if (shared.get(key) === making) shared.delete(key);
  });
  return making;
}

/** The same text for the same options, in whatever order they stand. */
export function keyOf(options: TestClusterOptions): string {
  return JSON.stringify(options, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
