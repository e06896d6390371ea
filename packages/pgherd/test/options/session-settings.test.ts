import { describe, expect, it } from 'vitest';
import { parseDsn, planConnection } from '../../src/dsn/index.ts';
import { InvalidOptionsError } from '../../src/model/errors.ts';
import { type SessionOptions, setsRole, withSession } from '../../src/options/session-settings.ts';
import { validateOptions } from '../../src/options/validate.ts';
import { localSettings } from '../../src/pooler/local-settings.ts';

const planOf = (url: string) => planConnection(parseDsn(url), { env: {}, random: () => 0, osUser: 'app' });

function violations(session: unknown): readonly string[] {
  try {
    validateOptions({ session });
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.violations;
    throw error;
  }
  return [];
}

describe('settings of the session', () => {
  it.each<[string, SessionOptions, Record<string, string>]>([
    ['postgres://a/b', { search_path: ['a"b', 'public'] }, { search_path: '"a""b", "public"' }],
    [
      'postgres://a/b',
      { jit: false, work_mem: 4096, role: 'x y' },
      { jit: 'off', work_mem: '4096', role: 'x y' },
    ],
    ['postgres://a/b', { jit: undefined }, {}],
    ['postgres://a/b?schema=url', { search_path: 'mine' }, { search_path: 'mine' }],
    ['postgres://a/b?options=-c%20jit%3Don', { jit: false }, { jit: 'off' }],
    [
      'postgres://a/b?options=-c%20jit%3Don',
      { 'app.name': 'a\\ b\tc' },
      { jit: 'on', 'app.name': 'a\\ b\tc' },
    ],
  ])('of %s and %o are %o, also behind a pooler', (url, session, wanted) => {
    const settings = Object.fromEntries(localSettings(withSession(planOf(url), session)));
    expect(settings).toEqual(wanted);
  });

  it('leave a plan alone where there are none', () => {
    const plan = planOf('postgres://a/b');
    expect(withSession(plan, undefined)).toBe(plan);
    expect(withSession(plan, {})).toBe(plan);
  });

  it.each([
    ['postgres://a/b', { Role: 'x' }, true],
    ['postgres://a/b?options=-c%20role%3Dx', {}, true],
    ['postgres://a/b?options=--role%3Dx', {}, true],
    ['postgres://a/b?options=-c%20app.role%3Dx', { jit: true }, false],
  ])('of %s and %o: whether they set a role is %s', (url, session, sets) => {
    expect(setsRole(withSession(planOf(url), session))).toBe(sets);
  });

  it('are refused by name, all at once, and without their values', () => {
    const told = violations({
      'a b': 1,
      "x'; drop": 'y',
      client_encoding: 'LATIN1',
      Default_Transaction_Read_Only: false,
      jit: { no: 'secret' },
      work_mem: Number.NaN,
      search_path: [],
      role: 'nul\0secret',
      fine: 'x',
    });
    expect(told).toHaveLength(8);
    expect(told.join('\n')).not.toContain('secret');
    expect(told[2]).toContain('client_encoding');
    expect(violations('search_path=x')).toEqual([
      'session is "search_path=x", but must be an object of settings by name',
    ]);
  });
});
