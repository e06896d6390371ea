import { expect } from 'vitest';
import { note, withCluster } from './support.ts';

withCluster('breaks its servers and fails', async ({ cluster }) => {
  note({ directories: cluster.nodes.map((node) => node.dataDirectory) });
  await cluster.primary.kill();
  await cluster.failover();
  throw new Error('as tests do');
});

withCluster('finds them whole again', async ({ cluster }) => {
  expect(cluster.nodes.map((node) => node.state)).toEqual(['running', 'running']);
  expect(await cluster.primary.appSql('select count(*)::int as n from animal')).toEqual([{ n: 2 }]);
  note({ whole: cluster.primary.name });
});
