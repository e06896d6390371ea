import { describe, expect, it } from 'vitest';
import { StandbyWaits, waitIn } from '../../src/node/standby-waits.ts';
import type { ClusterEvents } from '../../src/observe/events.ts';
import { virtualClock } from '../support/virtual-clock.ts';

describe('an answer about waits', () => {
  it.each([
    [
      'commits that wait',
      { names: 'a', pids: '7,8', waited: '1500.4' },
      { pids: new Set([7, 8]), waitedMs: 1_500 },
    ],
    ['none', { names: 'a', pids: null, waited: null }, undefined],
    ['no standby', { names: '', pids: '7', waited: '5' }, undefined],
    ['another form', { names: 'a', pids: 7, waited: 'x' }, undefined],
    ['no row', undefined, undefined],
  ])('%s', (_what, row, wait) => {
    if (wait === undefined) expect(waitIn(row)).toBeUndefined();
    else expect(waitIn(row)).toEqual({ names: 'a', ...wait });
  });
});

describe('a look behind a probe', () => {
  function watched() {
    const clock = virtualClock(10_000);
    const state = {
      row: { names: 'ANY 1 (b)', pids: '7' as string | null, waited: '300' as string | null },
      oldest: undefined as number | undefined,
      isPrimary: true,
      asked: 0,
      fails: undefined as unknown,
      events: [] as ClusterEvents['node:commits-waiting'][],
    };
    const waits = new StandbyWaits({
      node: 'a:5432',
      clock,
      timeoutMs: 1_000,
      ask: () => async () => {
        state.asked++;
        if (state.fails !== undefined) throw state.fails;
        return { rows: [state.row], rowCount: 1, fields: [], command: 'SELECT' };
      },
      oldestSince: () => state.oldest,
      isPrimary: () => state.isPrimary,
      changed: (event) => state.events.push(event),
    });
    return { clock, state, waits };
  }

  it('is taken only of a primary, while a statement takes long', async () => {
    const { clock, state, waits } = watched();
    await waits.probed(undefined);
    state.oldest = clock.now() - 199;
    await waits.probed(undefined);
    state.oldest = clock.now() - 200;
    state.isPrimary = false;
    await waits.probed(undefined);
    state.isPrimary = true;
    await waits.probed(new Error('not answered'));
    expect(state.asked).toBe(0);
    await waits.probed(undefined);
    expect(state.asked).toBe(1);
    expect(waits.of(7)).toMatchObject({ waitedMs: 300 });
    expect(waits.of(8)).toBeUndefined();
    expect(waits.of(undefined)).toBeUndefined();
    expect([state.events, waits.concern]).toEqual([[], undefined]);
  });

  it('reports a wait of a second once, and its end', async () => {
    const { clock, state, waits } = watched();
    state.oldest = 0;
    for (const waited of ['300', '1000', '2000']) {
      state.row = { ...state.row, waited };
      await waits.probed(undefined);
    }
    const names = { standbyNames: 'ANY 1 (b)' };
    expect(state.events).toEqual([{ node: 'a:5432', sessions: 1, waitedMs: 1_000, ...names }]);
    expect(waits.concern).toMatch(
      /^1 commits on a:5432 wait .* 2000 ms: synchronous_standby_names is "ANY 1/,
    );
    state.oldest = clock.now();
    await waits.probed(undefined);
    expect(state.events.at(-1)).toEqual({
      node: 'a:5432',
      sessions: 0,
      waitedMs: 0,
      standbyNames: undefined,
    });
    expect([waits.concern, state.events.length]).toEqual([undefined, 2]);
  });

  it('is not repeated for a minute where no standby is waited for, and never where it is forbidden', async () => {
    const { clock, state, waits } = watched();
    state.oldest = 0;
    state.row = { names: '', pids: null, waited: null };
    for (let round = 0; round < 3; round++) await waits.probed(undefined);
    expect(state.asked).toBe(1);
    await clock.advance(60_000);
    state.fails = Object.assign(new Error('permission denied'), { severity: 'ERROR', code: '42501' });
    for (let round = 0; round < 3; round++) await waits.probed(undefined);
    expect(state.asked).toBe(2);
  });
});
