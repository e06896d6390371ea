import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLsn, parseLsn } from '../../src/model/lsn.ts';

describe('a log position', () => {
  it.each([
    ['0/0', 0n],
    ['0/3000148', 0x3000148n],
    ['16/B374D848', 0x16b374d848n],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
  ])('%s', (text, lsn) => {
    expect(parseLsn(text)).toBe(lsn);
    expect(formatLsn(lsn)).toBe(text);
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }), (lsn) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn);
        expect(parseLsn(formatLsn(lsn).toLowerCase())).toBe(lsn);
      }),
    );
  });

  it('is ordered as the log is', () => {
    const half = fc.nat(0xffff_ffff);
    fc.assert(
      fc.property(half, half, half, (high, low, other) => {
        const text = (a: number, b: number) => `${a.toString(16)}/${b.toString(16)}`;
        const [one = 0n, two = 0n] = [parseLsn(text(high, low)), parseLsn(text(high, other))];
        expect(one < two).toBe(low < other);
      }),
    );
  });

  it.each([
    '',
    '0',
    '/',
    '0/',
    '/0',
    'x/0',
    '0/x',
    ' 0/0',
    '0/0 ',
    '0/0/0',
    '123456789/0',
    '0/123456789',
    '-1/0',
    null,
    undefined,
  ])('%o is none', (text) => {
    expect(parseLsn(text)).toBeUndefined();
  });
});
