import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PgHerdError } from '../../src/model/errors.ts';
import { REDACTED, Secret } from '../../src/model/secret.ts';

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

  it('is revealed to code that asks for it by name', () => {
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
