import { describe, expect, it } from 'vitest';
import { excerptAt } from '../../src/model/excerpt.ts';

describe('the place in a statement', () => {
  it.each([
    ['of one line', 'select * form t', 10, 'LINE 1: select * form t\n                 ^'],
    ['in the second line', 'select *\n  form t', 12, 'LINE 2:   form t\n          ^'],
    ['at its end', 'select', 7, 'LINE 1: select\n              ^'],
    [
      'behind characters of two halves',
      "select '😀', x",
      13,
      "LINE 1: select '😀', x\n                    ^",
    ],
    ['behind a tabulator', 'select\tx', 8, 'LINE 1: select x\n               ^'],
  ])('%s', (_name, text, position, expected) => {
    expect(excerptAt(text, position)).toBe(expected);
  });

  it('is cut out of a long line, and escaped', () => {
    const excerpt = excerptAt(`select ${'a, '.repeat(200)}x\u001b[2J y ${', b'.repeat(200)}`, 608) ?? '';
    const [line = '', caret = ''] = excerpt.split('\n');
    expect(line.length).toBeLessThan(200);
    expect(line).toContain('x\\x1b[2J');
    expect(line[caret.indexOf('^')]).toBe('x');
  });

  it.each([0, -1, 99, 1.5, Number.NaN])('is not shown for %s', (position) => {
    expect(excerptAt('select 1', position)).toBeUndefined();
  });
});
