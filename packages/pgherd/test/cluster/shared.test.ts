import { afterEach, describe, expect, it } from 'vitest';
import { closeSharedClusters, sharedCluster } from '../../src/cluster/shared.ts';
import { onShutdown } from '../../src/cluster/shutdown.ts';
import { InvalidOptionsError } from '../../src/model/errors.ts';

const URL_A = 'postgres://app:wonderland@a/shop';
const OPTIONS = { url: URL_A, env: {}, pool: { max: 3 } };

afterEach(() => closeSharedClusters());

describe('a shared cluster', () => {
  it('is the same one for each call with its name', () => {
    const db = sharedCluster('shop', OPTIONS);
    expect(sharedCluster('shop', { ...OPTIONS, pool: { max: 3 } })).toBe(db);
    expect(sharedCluster('shop')).toBe(db);
    expect(sharedCluster('other', OPTIONS)).not.toBe(db);
  });

  it('is the same one for a second copy of the module', async () => {
    const db = sharedCluster('shop', OPTIONS);
    // Another query is another module to Node, as after a hot reload.
    const again = (await import('../../src/cluster/shared.ts?again' as string)) as {
      sharedCluster: typeof sharedCluster;
    };
    expect(again.sharedCluster).not.toBe(sharedCluster);
    expect(again.sharedCluster('shop', OPTIONS)).toBe(db);
  });

  it('is refused with other options, whose values are not told', () => {
    sharedCluster('shop', OPTIONS);
    const other = { ...OPTIONS, url: 'postgres://app:hunter2@b/shop', pool: { max: 4 }, waitTimeoutMs: 5 };
    let error: unknown;
    try {
      sharedCluster('shop', other);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(String(error)).toContain('(pool.max, url, waitTimeoutMs)');
    expect(String(error)).not.toMatch(/hunter2|wonderland/);
  });

  it('takes functions for equal: each reload makes new ones', () => {
    const options = () => ({ ...OPTIONS, hooks: { beforeConnect: () => undefined }, logger: { ...console } });
    expect(sharedCluster('shop', options())).toBe(sharedCluster('shop', options()));
    expect(() => sharedCluster('shop', OPTIONS)).toThrow('hooks');
  });

  it('is a new one after it was closed, alone or with all', async () => {
    const first = sharedCluster('shop', OPTIONS);
    await first.close();
    const second = sharedCluster('shop', { ...OPTIONS, pool: { max: 9 } });
    expect(second).not.toBe(first);
    const third = sharedCluster('third', OPTIONS);
    await closeSharedClusters({ timeoutMs: 10 });
    expect([second.isOpen, third.isOpen]).toEqual([false, false]);
    expect(sharedCluster('third', OPTIONS)).not.toBe(third);
    third.terminate();
    expect(sharedCluster('third', OPTIONS).isOpen).toBe(true);
  });

  it('stays the one of its name if it refuses to be closed', async () => {
    const db = sharedCluster('shop', OPTIONS);
    const invalid = { code: 'PGHERD_INVALID_ARGUMENT' };
    await expect(closeSharedClusters({ timeoutMs: Number.NaN })).rejects.toMatchObject(invalid);
    expect(db.isOpen).toBe(true);
    expect(sharedCluster('shop', OPTIONS)).toBe(db);
  });

  it('is not there when its options cannot be used', () => {
    expect(() => sharedCluster('bad', { ...OPTIONS, pool: { max: 0 } })).toThrow(InvalidOptionsError);
    expect(sharedCluster('bad', OPTIONS).isOpen).toBe(true);
  });

  it.each([[''], [7], [undefined]])('needs a name, not %o', (name) => {
    expect(() => sharedCluster(name as string, OPTIONS)).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }),
    );
  });
});

describe('the shutdown hook', () => {
  const listeners = () => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');

  it('leaves no listener behind, taken off or closed', async () => {
    const before = listeners();
    const db = sharedCluster('shop', OPTIONS);
    const off = onShutdown(db);
    expect(listeners()).toBe(before + 2);
    off();
    off();
    expect(listeners()).toBe(before);
    onShutdown([db, sharedCluster('other', OPTIONS)]);
    await db.close();
    expect(listeners()).toBe(before + 2);
    await closeSharedClusters();
    expect(listeners()).toBe(before);
  });

  it('refuses what is no signal', () => {
    const db = sharedCluster('shop', OPTIONS);
    expect(() => onShutdown(db, { signals: ['SIGKILL' as never] })).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }),
    );
  });
});
