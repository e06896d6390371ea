import { expect, it } from 'vitest';
import type { DriverResult } from '../../src/connection/port.ts';
import type { Row } from '../../src/model/statement.ts';
import { LeftBehind } from '../../src/trial/left-behind.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const IDLE = {
  here: 'true',
  started: '1',
  age: '60000',
  state: 'idle',
  changed: '2',
  wait: 'Client/ClientRead',
};

function bench(backends: Row[]) {
  const clock = virtualClock(50_000);
  const ended: string[] = [];
  const state = { refuses: 0, isThere: true, asked: 0 };
  const ask = async (text: string): Promise<DriverResult> => {
    state.asked += 1;
    if (state.refuses-- > 0) throw new Error('not now');
    const isEnd = text.includes('pg_terminate_backend');
    if (isEnd) ended.push(...[...text.matchAll(/a\.pid = (\d+)/g)].map(([, pid = '']) => pid));
    const rows = isEnd ? [] : backends.filter(({ pid }) => new RegExp(`\\b${String(pid)}\\b`).test(text));
    return { rows, rowCount: rows.length, fields: [], command: 'SELECT' };
  };
  const left = new LeftBehind({ clock, timeoutMs: 1_000, ask });
  const add = (pid: number, openedAt = 0) =>
    left.add({ pid, openedAt, openedAtThere: '1', isThere: () => state.isThere });
  return { add, clock, ended, left, state };
}

it('ends what waits for its client, and is as old as the connection was', async () => {
  const { add, clock, ended, state } = bench([
    { ...IDLE, pid: '11' },
    { ...IDLE, pid: '12', state: 'idle in transaction' },
    { ...IDLE, pid: '13', state: 'active', wait: 'Lock/tuple' },
    { ...IDLE, pid: '14', started: '2' },
    { ...IDLE, pid: '15', here: 'false' },
    { ...IDLE, pid: '16', started: null },
  ]);
  for (const pid of [11, 12, 13, 14, 15, 16, 17]) add(pid);
  await clock.advance(1_000);
  expect(ended).toEqual(['11', '12']);
  // Two looks and one end for all of them, and nothing is left.
  expect([state.asked, clock.pending]).toEqual([3, 0]);
});

it('does not touch what changes between two looks', async () => {
  const backend: Row = { ...IDLE, pid: '11' };
  const { add, clock, ended } = bench([backend]);
  add(11);
  await clock.advance(300);
  backend['changed'] = '3';
  await clock.advance(1_000);
  expect(ended).toEqual([]);
});

it('tries again if the server cannot be asked, a few times', async () => {
  const { add, clock, ended, state } = bench([{ ...IDLE, pid: '11' }]);
  state.refuses = 2;
  add(11);
  await clock.advance(5_000);
  expect(ended).toEqual(['11']);
  state.refuses = 100;
  add(11);
  await clock.advance(60_000);
  expect([ended.length, clock.pending]).toEqual([1, 0]);
});

it('asks nothing once the node is another server, or it was stopped', async () => {
  const { add, clock, left, state } = bench([{ ...IDLE, pid: '11' }]);
  add(11);
  state.isThere = false;
  await clock.advance(5_000);
  expect(state.asked).toBe(0);
  state.isThere = true;
  add(11);
  left.stop();
  add(11);
  await clock.advance(5_000);
  expect([state.asked, clock.pending]).toEqual([0, 0]);
});
