import { note, withCluster } from './support.ts';

withCluster('ends its worker', async ({ cluster }) => {
  note({ directories: cluster.nodes.map((node) => node.dataDirectory) });
  if (process.env['PROJECT_CRASH']) process.kill(process.pid, 'SIGKILL');
});
