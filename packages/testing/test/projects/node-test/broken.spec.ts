import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterOfFile, note } from './support.ts';

const fixture = clusterOfFile();

test('breaks its servers and fails', async () => {
  const { cluster } = fixture;
  note({ directories: cluster.nodes.map((node) => node.dataDirectory) });
  await cluster.primary.kill();
  await cluster.failover();
  throw new Error('as tests do');
});

test('finds them whole again', async () => {
  const { cluster } = fixture;
  assert.deepEqual(
    cluster.nodes.map((node) => node.state),
    ['running', 'running'],
  );
  assert.deepEqual(await cluster.primary.appSql('select count(*)::int as n from animal'), [{ n: 2 }]);
  note({ whole: cluster.primary.name });
});
