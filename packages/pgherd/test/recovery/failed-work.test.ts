import { describe, expect, it } from 'vitest';
import { beginCall, prepareCall } from '../../src/call/call.ts';
import { Session } from '../../src/node/session.ts';
import { failedWork } from '../../src/recovery/failed-work.ts';
import { fixedRandom } from '../support/random.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';

const DEFAULTS = { target: 'read-write', fallback: undefined, timeoutMs: undefined } as const;

function callFor(target: 'read-write' | 'standby') {
  return beginCall(prepareCall({ target }, DEFAULTS), 0, fixedRandom(0));
}

describe('whether failed work could have written', () => {
  it.each([
    'read-write',
    'standby',
  ] as const)('is decided by what its own call used the session for: %s', (target) => {
    const session = new Session('n:1', 0, new ScriptedConnection(), 'read-write');
    // The pool gives it to the next call before the failure of the last one is looked into.
    session.lease(target === 'standby' ? 'read-write' : 'read-only', 1, undefined);
    const { readOnlyConnection } = failedWork(new Error('lost'), session, callFor(target), 'select f()');
    expect(readOnlyConnection).toBe(target === 'standby');
  });
});
