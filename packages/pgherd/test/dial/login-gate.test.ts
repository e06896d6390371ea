import { describe, expect, it } from 'vitest';
import { LoginGate } from '../../src/dial/login-gate.ts';
import { PgHerdError } from '../../src/model/errors.ts';
import { serverError } from '../support/scripted-connection.ts';

const NOT_LET_IN = serverError('no pg_hba.conf entry', '28000', 'FATAL');
const PASSWORD = serverError('password authentication failed', '28P01', 'FATAL');
const FULL = serverError('too many clients', '53300', 'FATAL');
const ITERATIONS = new PgHerdError('PGHERD_PROTOCOL_ERROR', 'it asks for 10000000 SCRAM iterations');

function gate(): { gate: LoginGate; changes: () => number } {
  let changes = 0;
  return { gate: new LoginGate(() => changes++), changes: () => changes };
}

describe('the gate of a node', () => {
  it('stays open after failures that pass', () => {
    const { gate: one, changes } = gate();
    one.noteFailure(FULL, 0, 10);
    one.noteFailure(new Error('ECONNREFUSED'), 0, 10);
    expect([one.refusal, one.isSettled, changes()]).toEqual([undefined, false, 0]);
  });

  it('closes with the first refused login, and opens with the first that succeeds', () => {
    const { gate: one, changes } = gate();
    one.noteSuccess();
    one.noteFailure(PASSWORD, 5, 10);
    expect(one.refusal).toEqual({ error: PASSWORD, kind: 'password', count: 1, at: 10, since: 10 });
    one.noteFailure(FULL, 11, 20);
    expect(one.refusal?.count).toBe(1);
    one.noteSuccess();
    expect([one.refusal, changes()]).toEqual([undefined, 2]);
  });

  it('counts one of several that were under way together', () => {
    const { gate: one, changes } = gate();
    one.noteSuccess();
    for (const startedAt of [1, 5, 9, 10]) one.noteFailure(NOT_LET_IN, startedAt, 10);
    expect(one.refusal).toMatchObject({ kind: 'lasting', count: 1 });
    expect([one.isSettled, changes()]).toEqual([false, 1]);
    one.noteFailure(NOT_LET_IN, 11, 1_000);
    expect(one.refusal).toMatchObject({ count: 2, at: 1_000, since: 10 });
    expect([one.isSettled, changes()]).toEqual([true, 2]);
  });

  it.each([
    ['a first login that is refused', [], NOT_LET_IN, true],
    ['one that was accepted before', ['accepted'], NOT_LET_IN, false],
    ['one that was accepted before, for what waiting cannot mend', ['accepted'], ITERATIONS, true],
  ])('is settled: %s', (_what, before, error, settled) => {
    const { gate: one } = gate();
    if (before.length > 0) one.noteSuccess();
    one.noteFailure(error, 5, 10);
    expect(one.isSettled).toBe(settled);
  });
});
