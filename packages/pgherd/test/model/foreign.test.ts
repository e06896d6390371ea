import { describe, expect, it } from 'vitest';
import { messageOf, PgHerdError } from '../../src/model/errors.ts';
import { foreign, printable, quoted } from '../../src/model/foreign.ts';

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('the words of a stranger', () => {
  it.each<[what: string, text: string, shown: string]>([
    ['plain text', 'relation "café" does not exist', 'relation "café" does not exist'],
    ['letters of any script', '数据库 δοκιμή 🐘', '数据库 δοκιμή 🐘'],
    ['line breaks', 'one\r\ntwo\tthree', 'one\\r\\ntwo\\tthree'],
    ['NUL', 'a\0b', 'a\\x00b'],
    ['an ANSI escape', '\u001b[2J\u001b]0;title\u0007', '\\x1b[2J\\x1b]0;title\\x07'],
    ['DEL and C1', '\u007f\u009b31m', '\\x7f\\x9b31m'],
    ['bidi overrides', 'abc\u202edcba\u2066x\u2069', 'abc\\u{202e}dcba\\u{2066}x\\u{2069}'],
    ['separators of lines', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
    ['invisible characters', 'a\u200bb\ufeffc\u{e0041}', 'a\\u{200b}b\\u{feff}c\\u{e0041}'],
    ['half a pair', 'a\ud83db', 'a\\u{d83d}b'],
  ])('%s', (_what, text, shown) => {
    expect(foreign(text)).toBe(shown);
    expect(foreign(shown)).toBe(shown);
    expect(messageOf(new Error(text))).toBe(shown);
    expect(messageOf(text)).toBe(shown);
    expect(messageOf(new AggregateError([new Error(text), new Error('b')], ''))).toBe(`${shown}; b`);
  });

  it('are cut, not between the halves of a pair', () => {
    expect(foreign('x'.repeat(1_048_576))).toBe(`${'x'.repeat(500)}… (1048576 characters)`);
    expect(foreign('🐘'.repeat(600))).toBe(`${'🐘'.repeat(250)}… (1200 characters)`);
    expect(foreign(`x${'🐘'.repeat(600)}`)).toBe(`x${'🐘'.repeat(249)}… (1201 characters)`);
    expect(foreign('\n'.repeat(10_000)).length).toBeLessThan(1_100);
  });

  it.each<[value: unknown, shown: string]>([
    ['a"b', '"a\\"b"'],
    ['a\u202eb', '"a\\u{202e}b"'],
    ['\u001b[2J', '"\\u001b[2J"'],
    [undefined, 'undefined'],
    [7, '7'],
    [{}, 'an object'],
    [[], 'an array'],
    [() => 1, 'a function'],
    [Symbol('a\nb'), 'Symbol(a\\nb)'],
  ])('as a value: %j', (value, shown) => {
    expect(quoted(value)).toBe(shown);
  });

  it('as a long value', () => {
    const shown = quoted('"'.repeat(100_000));
    expect(shown.length).toBeLessThan(200);
    expect(quoted('\u202e'.repeat(1_000)).length).toBeLessThan(200);
  });
});

describe('an error of ours', () => {
  it('is printable, whatever was put into it; its own lines stay', () => {
    const error = new PgHerdError('PGHERD_TIMEOUT', 'one\n  two \u001b[2J\u202e');
    expect(error.message).toBe('one\n  two \\x1b[2J\\u{202e}');
    expect(messageOf(error)).toBe(error.message);
    expect(printable('plain')).toBe('plain');
    expect(UNPRINTABLE.test(error.message.replaceAll('\n', ''))).toBe(false);
  });

  it('does not fail for a value that cannot be shown', () => {
    const silent = Object.create(null) as object;
    expect(messageOf(silent)).toBe('a value that cannot be shown');
    const broken = new Error('x');
    Object.defineProperty(broken, 'message', {
      get() {
        throw new Error('no message');
      },
    });
    expect(messageOf(broken)).toBe('a value that cannot be shown');
  });
});
