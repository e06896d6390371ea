import { describe, expect, it } from 'vitest';
import { TARGETS, type Target } from '../../src/model/names.ts';
import { matchSession } from '../../src/routing/session-match.ts';

/** What a primary, a read-only primary and a standby are for each target. */
const TABLE: Readonly<Record<Target, readonly [primary: string, readOnlyPrimary: string, standby: string]>> =
  {
    any: ['first', 'first', 'first'],
    'read-write': ['first', 'is read-only (default_transaction_read_only is on)', 'is a standby'],
    'read-only': ['is a primary that accepts writes', 'first', 'first'],
    primary: ['first', 'first', 'is a standby'],
    standby: ['is a primary', 'is a primary', 'first'],
    'prefer-standby': ['second', 'second', 'first'],
    'prefer-primary': ['first', 'first', 'second'],
  };

describe('how well a session suits a target', () => {
  it.each(TARGETS)('%s', (target) => {
    const roles = [
      { inRecovery: false, readOnly: false },
      { inRecovery: false, readOnly: true },
      { inRecovery: true, readOnly: false },
    ];
    const words = roles.map((role) => {
      const match = matchSession(target, role);
      return typeof match === 'string' ? match : match.reason;
    });
    expect(words).toEqual(TABLE[target]);
    const [, , standby] = TABLE[target];
    const readOnlyStandby = matchSession(target, { inRecovery: true, readOnly: true });
    expect(typeof readOnlyStandby === 'string' ? readOnlyStandby : readOnlyStandby.reason).toBe(standby);
  });
});
