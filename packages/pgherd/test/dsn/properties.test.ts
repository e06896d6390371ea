import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DSN_STYLES,
  type Dsn,
  formatDsn,
  PORT_RULES,
  parseDsn,
  planConnection,
} from '../../src/dsn/index.ts';
import { InvalidDsnError } from '../../src/model/errors.ts';
import { oracleCases } from './grammar.ts';

const NEWEST = 180_000;
const someText = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((text) => !/[\0\p{Surrogate}]/u.test(text));
const someDsn = fc
  .dictionary(
    fc.constantFrom(
      ...[
        'host',
        'hostaddr',
        'port',
        'user',
        'password',
        'dbname',
        'options',
        'sslpassword',
        'schema',
        'service',
      ],
    ),
    fc.oneof(
      someText,
      fc.constantFrom('', ',', 'a,b', '::1', '1,2', ',6432', '6432', "it's", 'a b', '\\', ' x '),
    ),
  )
  .map((values) => {
    const quote = (value: string) => `'${value.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
    return Object.entries(values)
      .map(([name, value]) => `${name}=${quote(value)}`)
      .join(' ');
  });

/** A secret has no visible state, so that equality of objects says nothing about it. */
function visible(dsn: Dsn) {
  const secrets = Object.entries(dsn.secrets).map(([name, secret]) => [name, secret.reveal()]);
  return { ...dsn, secrets: Object.fromEntries(secrets) };
}

function parsed(text: string, portRule: (typeof PORT_RULES)[number]): Dsn | undefined {
  try {
    return parseDsn(text, { portRule });
  } catch (error) {
    if (error instanceof InvalidDsnError) return undefined;
    throw error;
  }
}

describe('for every connection string', () => {
  it.each(DSN_STYLES)('parsing what formatDsn writes in the style %s gives the same again', (style) => {
    const texts = fc.oneof(
      someDsn,
      oracleCases(NEWEST).map(({ text }) => text),
    );
    fc.assert(
      fc.property(
        texts,
        fc.constantFrom(...PORT_RULES),
        fc.constantFrom(...PORT_RULES),
        (text, first, second) => {
          const dsn = parsed(text, first);
          fc.pre(dsn !== undefined);
          const again = parseDsn(formatDsn(dsn, { style }), { portRule: second });
          expect(visible(again)).toEqual(visible(dsn));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('only InvalidDsnError is ever thrown', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 60 }).map((text) => `postgres://${text}`),
      oracleCases(NEWEST).map(({ text }) => text),
    );
    fc.assert(
      fc.property(anything, anything, (text, files) => {
        try {
          planConnection(text, { osUser: 'me', service: files, passfile: files });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidDsnError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a password', () => {
  const [head, tail] = ['hunterseven', 'foxtrotnine'] as const;
  /** In the middle whatever people put there without encoding it. */
  const password = fc
    .array(fc.constantFrom(...":/?#@&=%+ '\\[],!$", '%zz', '%00', '%20'), { maxLength: 4 })
    .map((middle) => `${head}${middle.join('')}${tail}`);
  const rest = fc.constantFrom(
    '',
    'x',
    '/d',
    '/d?sslmode=wrong',
    '/d?nosuch=1',
    ':0/',
    ':99999',
    ',b,c:1,2',
    '/?port=x',
    '[::1',
  );
  const written = fc.oneof(
    fc.tuple(password, rest).map(([secret, end]) => `postgres://app:${secret}@db1${end}`),
    fc.tuple(password, rest).map(([secret, end]) => `postgres://app:${encodeURIComponent(secret)}@db1${end}`),
    fc.tuple(password, rest).map(([secret, end]) => `postgres://db1/d?user=app&password=${secret}&${end}`),
    fc.tuple(password, rest).map(([secret, end]) => `host=db1 port=0 password=${secret} ${end}`),
    fc.tuple(password, rest).map(([secret, end]) => `password='${secret}' user=app ${end}`),
    fc.tuple(password, rest).map(([secret, end]) => `sslpassword=${secret} sslmode=${end}`),
  );

  it('never appears in an error, however it was written', () => {
    fc.assert(
      fc.property(written, (text) => {
        try {
          planConnection(text, { osUser: 'me' });
        } catch (error) {
          const { message, details } = error as InvalidDsnError;
          const said = `${message} ${JSON.stringify(details)}`;
          expect(said).not.toContain(head);
          expect(said).not.toContain(tail);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('never appears in a plan, a DSN or a redacted text, where it was written correctly', () => {
    fc.assert(
      fc.property(password, fc.constantFrom(...DSN_STYLES), (secret, style) => {
        const text = `postgres://app:${encodeURIComponent(secret)}@db1/d?sslpassword=${encodeURIComponent(secret)}`;
        const dsn = parseDsn(text);
        const shown = [
          JSON.stringify(dsn),
          JSON.stringify(planConnection(dsn)),
          formatDsn(dsn, { redact: true, style }),
        ].join(' ');
        expect(shown).not.toContain(head);
        expect(planConnection(dsn).password?.reveal()).toBe(secret);
      }),
    );
  });
});
