import { describe, expect, test } from 'vitest';
import { checkPatterns } from '../patterns.ts';
import { repository } from './fixture.ts';

const FILE = 'packages/pgherd/src/dsn/words.ts';
const findings = (expression: string) =>
  checkPatterns(repository({ [FILE]: `\nexport const x = ${expression};\n` }));

describe('patterns', () => {
  test('lets a clean repository pass', () => {
    expect(checkPatterns(repository())).toEqual([]);
  });

  test.each([
    '/^(a+)+$/',
    '/^(a|aa)+$/',
    '/^[0-9:]*:[0-9:]*$/',
    '/;*$/',
    '/\\s+;/u',
    '/a.*b.*c/s',
    'new RegExp("a")',
    'RegExp("a", "u")',
  ])('objects to %s', (expression) => {
    expect(findings(expression)).toEqual([expect.objectContaining({ file: FILE, line: 2 })]);
  });

  test.each([
    '/^[a-z_][a-z0-9_$]*$/',
    '/^\\d+(\\.\\d+)?$/',
    '/\\p{Cc}/u',
    '/^(?:a|b)+$/',
  ])('allows %s', (one) => {
    expect(findings(one)).toEqual([]);
  });

  test('names the growth and an example', () => {
    expect(findings('/^(a+)+$/')[0]?.message).toMatch(
      /^\/\^\(a\+\)\+\$\/ takes exponential time, for example for 'a'/,
    );
  });
});
