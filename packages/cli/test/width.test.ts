import { describe, expect, it } from 'vitest';
import { cutLine, lineText, lineWidth, spreadLine, wrapLine } from '../src/shell/line.ts';
import { inColor, withoutColor } from '../src/shell/paint.ts';
import { cutTo, widthOf } from '../src/shell/width.ts';

describe('the width of texts on a terminal', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['e\u0301', 1],
    ['a\u001b[2Jb', 11],
    ['\u202e', 6],
    ['', 0],
  ])('of %j is %i', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
    ['\u001b[2J', 4, '\\u0…'],
  ])('%j in %i columns is %j', (text, columns, shown) => {
    expect(cutTo(text, columns)).toBe(shown);
    expect(widthOf(shown)).toBeLessThanOrEqual(columns);
  });
});

describe('lines', () => {
  const line = ['ab', { tone: 'bad', text: 'cdef' }, 'gh'] as const;

  it.each([
    [8, 'abcdefgh'],
    [7, 'abcdef…'],
    [4, 'abc…'],
    [2, 'a…'],
    [0, ''],
  ])('are cut to %i columns', (columns, text) => {
    const cut = cutLine(line, columns);
    expect(lineText(cut, withoutColor)).toBe(text);
    expect(lineWidth(cut)).toBeLessThanOrEqual(columns);
  });

  it('keep their tones when they are cut, and are escaped before they are painted', () => {
    expect(lineText(cutLine(line, 4), inColor)).toBe('ab\u001b[31mc…\u001b[39m');
    expect(lineText([{ tone: 'bad', text: '\u001b[2J' }], inColor)).toBe('\u001b[31m\\u001b[2J\u001b[39m');
  });

  it.each([
    [100, ['  one two three-four']],
    [10, ['  one two', '  three-four']],
    [6, ['  one', '  two', '  three-four']],
    [Number.POSITIVE_INFINITY, ['  one two three-four']],
  ])('are broken between words to %d columns, with their indent', (columns, texts) => {
    const parts = wrapLine(['one ', { tone: 'bad', text: 'two three' }, '-four'], columns, '  ');
    expect(parts.map((part) => lineText(part, withoutColor))).toEqual(texts);
  });

  it('have a part at each end if there is room for both', () => {
    expect(lineText(spreadLine(['ab'], ['cd'], 6), withoutColor)).toBe('ab  cd');
    expect(lineText(spreadLine(['ab'], ['cd'], 4), withoutColor)).toBe('ab');
  });
});
