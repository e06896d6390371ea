import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, nameOf, open, rejection } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
});
afterAll(() => cluster?.close());

const NAMES = `select distinct application_name as name from pg_stat_activity
  where usename = 'app' and backend_type = 'client backend' order by 1`;

/** The names of the sessions that the server shows, once there are so many. */
async function shown(count: number): Promise<string[]> {
  let names: string[] = [];
  await waitUntil(
    async () => {
      names = (await cluster.primary.sql(NAMES)).map(({ name }) => String(name));
      return names.length === count;
    },
    { what: `${count} names of sessions` },
  );
  return names;
}

describe('the names that the server shows', () => {
  it('are those of the option, and say which connection is the monitor', async () => {
    await using db = open(cluster, { applicationName: 'api' });
    await db.query('select 1');
    expect(await shown(2)).toEqual(['api', 'api monitor']);
  });

  it('say so also of a name that is longer than the server keeps', async () => {
    const name = 'n'.repeat(80);
    await using db = open(cluster, { applicationName: name });
    await db.query('select 1');
    expect(await shown(2)).toEqual([`${'n'.repeat(55)} monitor`, 'n'.repeat(63)]);
  });

  it('are what a function returns for the node and the purpose', async () => {
    const node = nameOf(cluster.primary);
    await using db = open(cluster, {
      applicationName: ({ node: of, purpose }) => (purpose === 'monitor' ? 'api (monitor)' : `api to ${of}`),
    });
    await db.query('select 1');
    await using sub = await db.listen('hay', () => undefined);
    expect(sub.channel).toBe('hay');
    expect(await shown(2)).toEqual(['api (monitor)', `api to ${node}`]);
  });

  it('cannot be missing: a connection without a name is not opened, and the error says why', async () => {
    await using db = open(cluster, { applicationName: () => '', waitTimeoutMs: 1_000 });
    const error = await rejection(db.query('select 1'));
    expect(codeOf(error)).toBe('PGHERD_NO_SUITABLE_NODE');
    expect(String((error as Error).message)).toContain('applicationName');
  });
});
