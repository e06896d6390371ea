import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';

const VERBS = [
  'query',
  'rows',
  'one',
  'maybeOne',
  'sql',
  'batch',
  'stream',
  'copyFrom',
  'copyTo',
  'notify',
  'script',
  'transaction',
  'begin',
  'acquire',
  'use',
  'with',
] as const;

const db = createCluster({ url: 'postgres://app:wonderland@127.0.0.1:1/shop', env: {} });

it.each(VERBS)('a cluster, its reads and a part of it have the verb %s', (verb) => {
  for (const querier of [db, db.read, db.with({ target: 'any' })])
    expect(querier[verb]).toBeTypeOf('function');
});

it('a verb needs no cluster before the dot', async () => {
  const { query, with: part } = createCluster({ url: 'postgres://app@127.0.0.1:1/shop', env: {} });
  await expect(query('select 1', [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'PGHERD_ABORTED',
  });
  expect(part({ target: 'standby' }).query).toBeTypeOf('function');
});

it('outside of a transaction the current querier is the cluster itself', () => {
  expect(db.current()).toBe(db);
});

it('shows no secret', () => {
  expect(inspect(db, { depth: 20, showHidden: true })).not.toContain('wonderland');
});
