import { mock } from 'node:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createClusterOver } from '../../src/cluster/over.ts';
import { systemClock } from '../../src/time/system.ts';
import { scriptedDriver } from '../support/scripted-driver.ts';

/** Clocks that stand still, as tests of programs use them. */
const FAKES: readonly (readonly [string, () => void])[] = [
  [
    'vi.useFakeTimers',
    () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }),
  ],
  ['mock.timers of node:test', () => mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })],
];

afterEach(() => {
  vi.useRealTimers();
  mock.timers.reset();
});

describe.each(FAKES)('%s', (_name, standStill) => {
  it('does not stop the clock', async () => {
    standStill();
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
    expect(systemClock.now()).toBeGreaterThanOrEqual(before + 4);
  });

  it('does not stop the first call of a program, nor what follows', async () => {
    standStill();
    const db = createClusterOver(
      scriptedDriver(async () => ({ rows: [{ n: '1' }], rowCount: 1, command: 'SELECT' })),
      { url: 'postgres://app@a,b,c,d,e,f/shop', env: {}, password: 'scripted', fencing: 'report' },
    );
    expect((await db.query('select 1')).rowCount).toBe(1);
    await db.nextProbe();
    await db.close();
  });
});
