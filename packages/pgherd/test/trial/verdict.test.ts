import { describe, expect, it } from 'vitest';
import { type Backend, readBackends, readEnded } from '../../src/trial/backend.ts';
import { type Looks, type Verdict, verdictOn } from '../../src/trial/verdict.ts';

const IDLE: Backend = {
  pid: 7,
  here: true,
  startedAt: '1700000000000000',
  ageMs: 60_000,
  state: 'idle',
  changedAt: '1700000050000000',
  unchangedMs: 10_000,
  wait: 'Client/ClientRead',
};
const OPEN_FOR_MS = 59_990;
/** What the server's clock showed when the connection was open. */
const OPENED_AT_THERE = '1700000000010000';

const is = (change: Partial<Backend>): Backend => ({ ...IDLE, ...change });

describe('the verdict on a connection that waits for an answer and was silent between two looks', () => {
  it.each<[string, Pick<Looks, 'first' | 'second'>, Verdict]>([
    ['the server has no such backend', { first: undefined, second: undefined }, 'gone'],
    ['it had one at the first look: its end is on its way', { first: IDLE, second: undefined }, 'gone'],
    ['idle both times', { first: IDLE, second: IDLE }, 'end'],
    [
      'idle in a transaction both times',
      { first: is({ state: 'idle in transaction' }), second: is({ state: 'idle in transaction' }) },
      'end',
    ],
    [
      'in a failed transaction both times',
      {
        first: is({ state: 'idle in transaction (aborted)' }),
        second: is({ state: 'idle in transaction (aborted)' }),
      },
      'end',
    ],
    ['it worked in between', { first: IDLE, second: is({ changedAt: '1700000050000001' }) }, 'keep'],
    ['it began to work', { first: IDLE, second: is({ state: 'active', wait: undefined }) }, 'keep'],
    ['it works', { first: is({ state: 'active', wait: undefined }), second: IDLE }, 'keep'],
    ...['Timeout/PgSleep', 'Lock/transactionid', 'IPC/SyncRep', 'Client/ClientRead', undefined].map(
      (wait): [string, Pick<Looks, 'first' | 'second'>, Verdict] => [
        `it executes and waits for ${wait}`,
        { first: is({ state: 'active', wait }), second: is({ state: 'active', wait }) },
        'keep',
      ],
    ),
    [
      'nobody takes its answer',
      {
        first: is({ state: 'active', wait: 'Client/ClientWrite' }),
        second: is({ state: 'active', wait: 'Client/ClientWrite' }),
      },
      'end',
    ],
    [
      'its answer was taken in between',
      {
        first: is({ state: 'active', wait: 'Client/ClientWrite' }),
        second: is({ state: 'active', wait: undefined }),
      },
      'keep',
    ],
    [
      'idle, but waiting for something else',
      { first: is({ wait: 'IPC/x' }), second: is({ wait: 'IPC/x' }) },
      'keep',
    ],
    [
      'hidden from our role',
      {
        first: is({ startedAt: undefined, state: undefined, changedAt: undefined, wait: undefined }),
        second: is({ startedAt: undefined, state: undefined, changedAt: undefined, wait: undefined }),
      },
      'keep',
    ],
    ['its state is not shown', { first: is({ state: undefined }), second: is({ state: undefined }) }, 'keep'],
    [
      'when its state changed is not shown',
      { first: is({ changedAt: undefined }), second: is({ changedAt: undefined }) },
      'keep',
    ],
    [
      'another backend got its number before both looks',
      {
        first: is({ ageMs: 20_000, startedAt: '1700000040000000' }),
        second: is({ ageMs: 20_000, startedAt: '1700000040000000' }),
      },
      'gone',
    ],
    [
      'the clock of the server was set back',
      {
        first: is({ ageMs: 20_000, state: 'active', wait: undefined }),
        second: is({ ageMs: 20_000, state: 'active', wait: undefined }),
      },
      'keep',
    ],
    [
      'the clock of the server was set back, and it waits for us',
      { first: is({ ageMs: 20_000 }), second: is({ ageMs: 20_000 }) },
      'end',
    ],
    [
      'the clock of the server was set forward, and another backend got its number',
      { first: is({ startedAt: '1700003600000000' }), second: is({ startedAt: '1700003600000000' }) },
      'gone',
    ],
    ['another one of another database', { first: is({ here: false }), second: is({ here: false }) }, 'gone'],
    [
      'another one between the looks, as old as ours by its clock',
      { first: is({ startedAt: '1699999999999999' }), second: IDLE },
      'keep',
    ],
    ['its clock runs a little slower', { first: IDLE, second: is({ ageMs: 59_200 }) }, 'end'],
    ['it was not listed before', { first: undefined, second: IDLE }, 'keep'],
  ])('%s', (_what, looks, verdict) => {
    expect(verdictOn({ ...looks, openForMs: OPEN_FOR_MS, openedAtThere: OPENED_AT_THERE })).toBe(verdict);
  });

  it('is that nothing is known of one that seems too young, if the server was not asked for its clock', () => {
    const looks = { openForMs: OPEN_FOR_MS, openedAtThere: undefined };
    const young = is({ ageMs: 20_000 });
    expect(verdictOn({ ...looks, first: young, second: young })).toBe('keep');
    expect(verdictOn({ ...looks, first: IDLE, second: IDLE })).toBe('end');
  });
});

describe('what the server answers', () => {
  const row = {
    pid: '7',
    here: 'true',
    started: '1700000000000000',
    age: '60000.0000000000',
    state: 'idle',
    changed: '1700000050000000',
    unchanged: '10000',
    wait: 'Client/ClientRead',
  };

  it('is read', () => {
    expect([...readBackends([row]).values()]).toEqual([IDLE]);
    expect(readEnded([{ pid: '7', ended: 'true' }])).toEqual(new Set([7]));
    expect(readEnded([{ pid: '7', ended: 'false' }, {}])).toEqual(new Set());
  });

  it.each([
    ['a state of a stranger', { state: 'idle; drop' }, { state: undefined }],
    [
      'a time that is none',
      { started: "1' or true", changed: '' },
      { startedAt: undefined, changedAt: undefined },
    ],
    ['a clock that went back', { age: '-5', unchanged: '-0.1' }, { ageMs: 0, unchangedMs: 0 }],
    ['nothing but a number', { started: null, state: null, changed: null, wait: null }, { wait: undefined }],
  ])('is not believed beyond its form: %s', (_what, change, expected) => {
    expect(readBackends([{ ...row, ...change }]).get(7)).toMatchObject(expected);
  });

  it('without a number it is left out, and so is what was not asked for', () => {
    expect(readBackends([{ ...row, pid: '7 or 8' }]).size).toBe(0);
    expect(readBackends(Array.from({ length: 300 }, (_, n) => ({ ...row, pid: String(n) }))).size).toBe(100);
  });
});
