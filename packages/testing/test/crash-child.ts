// Makes a cluster with a frozen standby, tells about it, and ends in the way its argument names.
import { createTestCluster } from '../src/index.ts';

const how = process.argv[2];
const cluster = await createTestCluster({ standbys: 1 });
const [standby] = cluster.standbys;
await standby?.freeze();
const directories = cluster.nodes.map((node) => node.dataDirectory);
const pids = cluster.nodes.map((node) => node.server.pid);
process.stdout.write(`${JSON.stringify({ directories, pids })}\n`, () => {
  if (how === 'exit') process.exit(3);
  if (how === 'throw') throw new Error('as a test would');
});
setTimeout(() => {}, 60_000);
