import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AmbiguousPrimaryError,
  ERROR_CODES,
  ForeignClusterError,
  InvalidDsnError,
  InvalidOptionsError,
  NoSuitableNodeError,
  OutcomeUnknownError,
  PgHerdError,
} from '../../src/model/errors.ts';
import { formatLsn, parseLsn } from '../../src/model/lsn.ts';
import { REDACTED, Secret } from '../../src/model/secret.ts';

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

describe('a secret', () => {
  const VALUE = 'correct horse battery staple';
  const secret = new Secret(VALUE);
  const holder = { user: 'app', nested: [{ password: secret }], map: new Map([['password', secret]]) };

  it.each<[string, () => string]>([
    ['String', () => String(secret)],
    ['a template', () => `${secret}`],
    ['concatenation', () => `password: ${secret}`],
    ['toLocaleString', () => secret.toLocaleString()],
    ['JSON', () => JSON.stringify(holder)],
    ['inspect', () => inspect(holder, { depth: 10, showHidden: true })],
    ['inspect without its custom form', () => inspect(secret, { customInspect: false, showHidden: true })],
    ['its keys and values', () => JSON.stringify([Reflect.ownKeys(secret), Object.entries(secret)])],
    [
      'an error with it as details',
      () => inspect(new PgHerdError('PGHERD_TIMEOUT', 'late', { details: holder })),
    ],
    [
      'an error with it as cause',
      () => inspect(new PgHerdError('PGHERD_TIMEOUT', 'late', { cause: secret })),
    ],
    [
      'the JSON of an error',
      () => JSON.stringify({ ...new PgHerdError('PGHERD_TIMEOUT', 'late', { details: holder }) }),
    ],
    ['a structured clone', () => inspect(structuredClone(secret), { showHidden: true })],
    ['a coerced number', () => String(Number(secret))],
  ])('does not show itself in %s', (_name, shown) => {
    expect(shown()).not.toContain(VALUE);
  });

  it('stands there as stars', () => {
    expect([String(secret), JSON.stringify(secret), inspect(secret)]).toEqual([
      REDACTED,
      `"${REDACTED}"`,
      REDACTED,
    ]);
  });

  it('is told to whoever asks for it by name', () => {
    expect(secret.reveal()).toBe(VALUE);
  });

  it('can be compared without being shown', () => {
    expect(secret.equals(new Secret(VALUE))).toBe(true);
    expect(secret.equals(new Secret('other'))).toBe(false);
    expect(secret.equals(undefined)).toBe(false);
  });

  it('is never shown, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), (value) => {
        const text = `${inspect(new Secret(value))}${JSON.stringify({ value: new Secret(value) })}`;
        if (!`${REDACTED}{"value":"${REDACTED}"}`.includes(value)) expect(text).not.toContain(value);
      }),
    );
  });
});

describe('errors', () => {
  it.each<[PgHerdError, string]>([
    [new InvalidDsnError('x'), 'PGHERD_INVALID_DSN'],
    [new InvalidOptionsError(['x']), 'PGHERD_INVALID_OPTIONS'],
    [new NoSuitableNodeError('x'), 'PGHERD_NO_SUITABLE_NODE'],
    [new AmbiguousPrimaryError('x'), 'PGHERD_AMBIGUOUS_PRIMARY'],
    [new ForeignClusterError('x'), 'PGHERD_FOREIGN_CLUSTER'],
    [new OutcomeUnknownError('commit', 'x'), 'PGHERD_OUTCOME_UNKNOWN'],
  ])('%s carries its code and its name', (error, code) => {
    expect(error.code).toBe(code);
    expect(ERROR_CODES).toContain(error.code);
    expect(error).toBeInstanceOf(PgHerdError);
    expect(error.name).toBe(error.constructor.name);
    expect(Object.isFrozen(error.details)).toBe(true);
  });

  it('keep their cause, and have none where none was given', () => {
    const cause = new Error('why');
    expect(new PgHerdError('PGHERD_TIMEOUT', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new PgHerdError('PGHERD_TIMEOUT', 'x')).toBe(false);
  });

  it('list every violation', () => {
    expect(new InvalidOptionsError(['a is 1']).message).toBe('Invalid options: a is 1');
    const error = new InvalidOptionsError(['a is 1', 'b is 2']);
    expect(error.message).toBe('Invalid options, 2 violations:\n  - a is 1\n  - b is 2');
    expect(error.violations).toEqual(['a is 1', 'b is 2']);
    expect(Object.isFrozen(error.violations)).toBe(true);
  });

  it('have codes that are all different', () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
  });
});
