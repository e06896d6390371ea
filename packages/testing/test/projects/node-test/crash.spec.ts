import { test } from 'node:test';
import { clusterOfFile, databaseOfFile, note } from './support.ts';

const servers = clusterOfFile();
const fixture = databaseOfFile();

test('ends its process', async () => {
  note({
    directories: servers.cluster.nodes.map((node) => node.dataDirectory),
    database: fixture.database.name,
  });
  if (process.env['PROJECT_CRASH']) process.kill(process.pid, 'SIGKILL');
});
