import { describe, expect, it } from 'vitest';
import { explanationOf } from '../../src/recovery/refused-writes.ts';

describe('why a primary refuses writes', () => {
  const row = { kind: 'role', role: 'app', database: '"my shop"', value: 'on' };
  const TABLE = [
    ['role', /on for role app, .*: ALTER ROLE app RESET default_transaction_read_only/],
    ['role-in-database', /role app in database "my shop", .*ALTER ROLE app IN DATABASE "my shop" RESET/],
    ['database', /database "my shop", .*ALTER DATABASE "my shop" RESET/],
    ['all', /all roles, .*ALTER ROLE ALL RESET/],
  ] as const;

  it.each(TABLE)('%s', (kind, sentence) => {
    expect(explanationOf({ ...row, kind })).toMatch(sentence);
  });

  it('is not known without a row, with a setting that is off, or of another kind', () => {
    expect(explanationOf(undefined)).toBeUndefined();
    expect(explanationOf({ ...row, value: 'off' })).toBeUndefined();
    expect(explanationOf({ ...row, kind: 'weather' })).toBeUndefined();
  });

  it('shows names escaped and cut', () => {
    const sentence = explanationOf({ ...row, role: `\u001b[2J${'x'.repeat(5_000)}` });
    expect(sentence).not.toContain('\u001b');
    expect(sentence?.length).toBeLessThan(1_000);
  });
});
