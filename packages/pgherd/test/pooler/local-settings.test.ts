import { describe, expect, it } from 'vitest';
import { planFrom, readSurroundings } from '../../src/login/surroundings.ts';
import { localSettings, localSettingsText } from '../../src/pooler/local-settings.ts';

describe('settings that a session cannot keep', () => {
  const settingsOf = (url: string, env: Record<string, string> = {}) =>
    Object.fromEntries(
      localSettings(planFrom(readSurroundings({ url, env, random: { next: () => 0 }, portRule: 'libpq' }))),
    );

  it.each([
    ['', {}],
    ['-c geqo=off', { geqo: 'off' }],
    ['-cgeqo=off  --statement-timeout=7s', { geqo: 'off', statement_timeout: '7s' }],
    ['-c search_path=a\\ b,c\\\\d', { search_path: 'a b,c\\d' }],
    ['-c my.setting=a=b', { 'my.setting': 'a=b' }],
    ['-c geqo=', { geqo: '' }],
  ])('options "%s"', (options, expected) => {
    expect(settingsOf(`postgres://h/?options=${encodeURIComponent(options)}`)).toEqual(expected);
  });

  it('come from options, schema and environment', () => {
    expect(settingsOf('postgres://h/?schema=Shop', { PGTZ: 'UTC' })).toEqual({
      search_path: '"Shop"',
      timezone: 'UTC',
    });
  });

  it.each([
    '-B 20',
    '-c',
    '-c geqo',
    'geqo=off',
    '--=1',
  ])('"%s" cannot be made for a transaction', (options) => {
    expect(() => settingsOf(`postgres://h/?options=${encodeURIComponent(options)}`)).toThrow(
      expect.objectContaining({ code: 'PGHERD_UNSUPPORTED' }),
    );
  });

  it('are made by one statement, whatever they contain', () => {
    expect(localSettingsText(new Map())).toBe('');
    const settings = new Map([
      ['a', "it's"],
      ['b', 'back\\slash'],
    ]);
    expect(localSettingsText(settings)).toBe(
      "SELECT pg_catalog.set_config(E'a', E'it''s', true), pg_catalog.set_config(E'b', E'back\\\\slash', true)",
    );
  });
});
