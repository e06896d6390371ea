import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CausalToken, formatToken, readToken } from '../../src/model/causal-token.ts';

const token: CausalToken = {
  systemIdentifier: '7423918273645546352',
  timeline: 3,
  lsn: 0x16_b374d848n,
  at: 1_800_000_000_123,
  node: 'db1.example.com:5432',
};

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const anyToken: fc.Arbitrary<CausalToken> = fc.record({
  systemIdentifier: optional(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String)),
  timeline: optional(fc.integer({ min: 0, max: 0xffff_ffff })),
  lsn: optional(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
  at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  node: fc.oneof(
    fc.webAuthority(),
    fc.constant('[::1]:5432'),
    fc.constant('/run/my.sock et:5432'),
    fc.string({ maxLength: 20 }),
  ),
});

describe('a token as text', () => {
  it('is short and says what it is made of', () => {
    expect(formatToken(token)).toBe(
      '1.7423918273645546352.3.16-B374D848.mywpiwzf.db1%2Eexample%2Ecom%3A5432',
    );
  });

  it('reads back as it was, whatever is in it', () => {
    fc.assert(
      fc.property(anyToken, (one) => {
        expect(readToken(formatToken(one))).toEqual({ kind: 'token', token: one });
      }),
    );
  });

  it('fits a header and a cookie', () => {
    fc.assert(
      fc.property(anyToken, (one) => {
        expect(formatToken(one)).toMatch(/^[A-Za-z0-9._%~!*'()-]+$/);
      }),
    );
  });

  it('of a later version is told from no token', () => {
    expect(readToken('2.something.else')).toEqual({ kind: 'later-version' });
    expect(readToken('17')).toEqual({ kind: 'later-version' });
  });

  it.each([
    '',
    '.',
    '0.1.1.0-0.0.a',
    '1',
    '1.x.3.16-B374D848.a.db1',
    '1.1.3.16/B374D848.a.db1',
    '1.1.3.16-B374D84800.a.db1',
    '1.1.-3.16-B374D848.a.db1',
    '1.1.3.16-B374D848..db1',
    '1.1.3.16-B374D848.a.db1.more',
    `1.1.3.16-B374D848.a.${'x'.repeat(301)}`,
    '1.1.3.16-B374D848.a.db1\n',
    'select 1',
  ])('%j is none', (text) => {
    expect(readToken(text)).toEqual({ kind: 'malformed' });
  });

  it('of any text is told without an error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(['token', 'later-version', 'malformed']).toContain(readToken(text).kind);
      }),
    );
  });
});
