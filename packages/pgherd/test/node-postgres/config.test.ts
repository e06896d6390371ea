import { describe, expect, test } from 'vitest';
import type { GuestFacts } from '../../src/engine/guests.ts';
import { Secret } from '../../src/model/secret.ts';
import { assertAgrees, configOf, routingOf, wishesOf } from '../../src/node-postgres/config.ts';

const facts: GuestFacts = {
  user: 'app',
  database: 'shop',
  hosts: [
    { names: ['db1', '10.0.0.1'], port: 5432 },
    { names: ['db2'], port: 6432 },
    { names: ['/var/run'], port: 5432 },
  ],
  tls: { mode: 'require', verify: 'none' },
  password: { kind: 'known', password: new Secret('secret') },
};
const usual = { names: ['me'], hosts: ['localhost', 'from-env'], ports: ['5432', '7777'] };

/** The options that are refused; none if all agree. */
function refused(given: unknown, known: Partial<GuestFacts> = {}): readonly string[] {
  const config = configOf(given);
  try {
    assertAgrees(config, wishesOf(config), { ...facts, ...known }, usual);
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    expect(String(error)).not.toMatch(/secret|guess/);
    return (error as { details: { arguments: string[] } }).details.arguments;
  }
}

describe('options of pg beside a cluster', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['no options', {}],
    ['options of pg alone', { max: 5, statement_timeout: 100, application_name: 'x' }],
    ['the same user and database', { user: 'app', database: 'shop' }],
    ['the same password', { password: 'secret' }],
    ['what the environment says', { user: 'me', database: 'me', host: 'from-env', port: 7777 }],
    ['the default of libraries', { host: 'localhost', port: 5432 }],
    ['empty texts', { user: '', password: '', host: '', port: '' }],
    ['one host', { host: 'db1' }],
    ['one host and its port', { host: 'db2', port: 6432 }],
    ['its address', { host: '10.0.0.1' }],
    ['a socket', { host: '/var/run' }],
    ['all hosts', { host: 'db1,db2', port: '5432,6432' }],
    ['a port alone', { port: '6432' }],
    ['a connection string', 'postgres://app:secret@db1:5432,db2:6432/shop?target_session_attrs=standby'],
    [
      'a connection string with what only pg knows',
      'postgres://db1/shop?statement_timeout=100&query_timeout=7',
    ],
    [
      'a connection string that wins',
      { connectionString: 'postgres://app@db1/shop', user: 'another', host: 'db9' },
    ],
    ['keywords', "host=db1 user=app password='secret'"],
    ['TLS that the cluster has', { ssl: true }],
    ['TLS that nothing checks', { ssl: { rejectUnauthorized: false } }],
    ['no TLS, since pgherd has it', { ssl: false }],
    ['TLS in a connection string', 'postgres://db1/shop?sslmode=require'],
  ])('%s agrees', (_name, given) => expect(refused(given)).toEqual([]));

  test.each<[unknown, readonly string[]]>([
    [{ user: 'another' }, ['user']],
    ['postgres://another@db1/shop', ['user']],
    [{ database: 'another' }, ['database']],
    [{ password: 'guess' }, ['password']],
    ['postgres://app:guess@db1/shop', ['password']],
    [{ password: async () => 'guess' }, ['password']],
    [{ host: 'db9' }, ['host']],
    [{ host: 'db1,db9' }, ['host']],
    [{ host: 'db2', port: 5433 }, ['host']],
    [{ port: 5433 }, ['port']],
    [{ ssl: { ca: 'pem' } }, ['ssl.ca']],
    [{ ssl: { cert: 'pem', key: 'pem', rejectUnauthorized: false } }, ['ssl.cert, ssl.key']],
    [{ ssl: { rejectUnauthorized: true } }, ['ssl']],
    [{ stream: () => undefined }, ['stream']],
    [{ connection: {} }, ['connection']],
    [{ user: 'another', host: 'db9', password: 'guess' }, ['user', 'password', 'host']],
  ])('%j is refused', (given, names) => expect(refused(given)).toEqual(names));

  test('TLS is refused where the cluster may do without', () => {
    const tls = { mode: 'prefer', verify: 'none' } as const;
    expect(refused({ ssl: true }, { tls })).toEqual(['ssl']);
    expect(refused('postgres://db1/shop?sslmode=require', { tls })).toEqual(['sslmode']);
    expect(refused('postgres://db1/shop?sslmode=prefer', { tls })).toEqual([]);
  });

  test('a certificate that is checked may be asked for', () => {
    expect(
      refused({ ssl: { rejectUnauthorized: true } }, { tls: { mode: 'verify-full', verify: 'full' } }),
    ).toEqual([]);
  });

  test('where a discovery names the nodes, any host agrees', () => {
    expect(refused({ host: 'db9', port: 1 }, { hosts: undefined })).toEqual([]);
  });

  test('the same function for the password agrees', () => {
    const ask = () => 'token';
    expect(refused({ password: ask }, { password: { kind: 'asked', ask } })).toEqual([]);
    expect(refused({ password: 'guess' }, { password: { kind: 'asked', ask } })).toEqual(['password']);
    expect(refused({ password: 'guess' }, { password: { kind: 'known', password: undefined } })).toEqual([
      'password',
    ]);
  });
});

describe('the routing among options of pg', () => {
  const routing = (given: unknown) => {
    const config = configOf(given);
    return routingOf(config, wishesOf(config), { target: 'read-write', fallback: 'any' });
  };

  test.each<[unknown, object]>([
    [{}, { target: 'read-write', fallback: 'any' }],
    [{ target: 'standby' }, { target: 'standby', fallback: 'any' }],
    [{ target_session_attrs: 'standby' }, { target: 'standby', fallback: 'any' }],
    [
      'postgres://db1/shop?target_session_attrs=prefer-standby',
      { target: 'prefer-standby', fallback: 'any' },
    ],
    [
      { connectionString: 'postgres://db1?target_session_attrs=primary', target: 'standby' },
      { target: 'standby', fallback: 'any' },
    ],
    [
      { maxLagMs: 10, max: 3 },
      { target: 'read-write', fallback: 'any', maxLagMs: 10 },
    ],
  ])('%j', (given, expected) => expect(routing(given)).toEqual(expected));

  test('an unknown target is refused', () => {
    expect(() => routing({ target_session_attrs: 'master' })).toThrow(/must be one of any, read-write/);
  });
});
