import type { TestNode } from './server/node.ts';
import { notStreaming } from './server/streaming.ts';
import { waitUntil } from './wait.ts';

/** What {@link repair} sees of a cluster. */
export interface BrokenCluster {
  readonly nodes: readonly TestNode[];
  readonly primary: TestNode;
  readonly standbys: readonly TestNode[];
  waitForStreaming(): Promise<void>;
}

/** How long a standby that runs may take to be seen streaming before it is made anew, milliseconds. */
const STREAMS_SOON_MS = 1_000;

/** Takes back what faults have left: afterwards the present primary runs, and all others are its standbys. */
export async function repair(cluster: BrokenCluster): Promise<void> {
  const { primary } = cluster;
  for (const node of cluster.nodes) await node.quieten();
  if (primary.state === 'stopped') await primary.start();
  if (await isStandby(primary)) await primary.promote();
  const follow = await Promise.all(cluster.standbys.map((node) => follows(primary, node)));
  const astray = cluster.standbys.filter((_node, index) => follow[index] === false);
  // All of them first: a node that comes back waits for every standby that runs.
  for (const node of astray) if (node.state !== 'stopped') await node.kill();
  for (const node of astray) await node.rejoin();
  await cluster.waitForStreaming();
}

async function isStandby(node: TestNode): Promise<boolean> {
  const [row] = await node.sql('select pg_is_in_recovery() as standby');
  return row?.['standby'] === true;
}

async function follows(primary: TestNode, node: TestNode): Promise<boolean> {
  if (node.state !== 'running' || !(await isStandby(node))) return false;
  const streams = async (): Promise<boolean> => (await notStreaming(primary, [node])).length === 0;
  return waitUntil(streams, { timeoutMs: STREAMS_SOON_MS }).catch(() => false);
}
