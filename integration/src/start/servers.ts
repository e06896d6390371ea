import { createInterface } from 'node:readline';
import { breakCluster, createTestCluster } from '@pgherd/testing';

const standbys = Number(process.argv[2] ?? 0);
await using cluster = await createTestCluster({
  standbys,
  // A standby confirms each commit, so that no acknowledged write is lost.
  ...(standbys > 0 ? { synchronous: { commit: 'on', any: 1 } } : {}),
});
console.log(`export DATABASE_URL='${cluster.url}'`);

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'kill') break;
  await breakCluster(cluster, 'primary killed'); // and promotes a standby one second later
  console.log('a standby was promoted');
}
