import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { open, rejection } from '../../src/support.ts';

const setUp = itemClient();

describe('starting', () => {
  it('opens no connection before the first use', async () => {
    await using own = open(setUp.cluster, { applicationName: 'lazy' });
    await own.close();
    expect(await sessionsOf('lazy')).toBe(0);
  });

  it('ready waits for what was asked for, and says what each node is when it does not come', async () => {
    await using own = open(setUp.cluster);
    await own.ready();
    await own.ready({ standbys: 2 });
    await own.ready({ primaries: 0 });
    const error = await rejection(own.ready({ primaries: 1, standbys: 3, timeoutMs: 50 }));
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect(String(error)).toContain(`${setUp.primaryName()}: its role is primary`);
    expect(await rejection(own.ready({ primaries: 2 }))).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('a cluster has one primary'),
    });
    expect(await rejection(own.ready({ standbys: -1 }))).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await rejection(own.ready({ standbys: 3, signal }))).toMatchObject({
      code: 'PGHERD_ABORTED',
      cause: { message: 'enough' },
    });
  });

  it('warmUp opens pool.min connections on every node', async () => {
    await using own = open(setUp.cluster, { pool: { min: 2 } });
    await own.ready({ primaries: 1, standbys: 2 });
    await own.warmUp();
    for (const node of own.stats().nodes) expect(node.pool).toMatchObject({ size: 2, idle: 2 });
  });

  it('shows application_name, of the option, of the URL, and of the monitor', async () => {
    await using own = open(setUp.cluster, { applicationName: 'shop' });
    expect(await own.one('show application_name')).toEqual({ application_name: 'shop' });
    await own.nextProbe();
    expect(await sessionsOf('shop monitor')).toBe(1);
    await using byUrl = open(setUp.cluster, { url: `${setUp.cluster.url}?application_name=till` });
    expect(await byUrl.one('show application_name')).toEqual({ application_name: 'till' });
    await using silent = open(setUp.cluster);
    expect(await silent.one('show application_name')).toEqual({ application_name: 'pgherd' });
  });
});

async function sessionsOf(name: string): Promise<number> {
  const [row] = await setUp.cluster.primary.sql(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [name],
  );
  return Number(row?.['n']);
}
