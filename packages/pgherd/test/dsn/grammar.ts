import fc from 'fast-check';
import type { OracleCase } from './libpq.ts';

/**
 * Connection strings, good and bad, that libpq of the given version can judge. Left out, because they are documented
 * differences: names from Node's world (`ssl=1`, `schema`, …), what pgherd refuses as unsupported (`gssencmode=require`,
 * `replication`, …), bytes that are not UTF-8, and for libpq before 17 blanks in a URI. Integers other than ports are left out
 * because libpq looks at them only once it has a socket. Hosts are names (never resolved) or loopback addresses.
 */
export function oracleCases(version: number): fc.Arbitrary<OracleCase> {
  return fc
    .record({ text: fc.oneof(uris(version), keywordStrings(version), noise()), env: environments() })
    .filter(({ text }) => version >= 170_000 || !(isUri(text) && text.includes(' ')))
    .filter(({ text }) => !SLASH_IN_PASSWORD.test(text));
}

/** Refused by pgherd: mostly a password with a slash, of which libpq makes a port and a database. */
const SLASH_IN_PASSWORD = /^postgres(?:ql)?:\/\/[^/]*:\d{1,4}\/[^@?]*@[^/]*\//;

function isUri(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

const host = fc.constantFrom(
  'db1',
  'db2',
  'Host_3',
  '',
  'db4.example.invalid',
  '127.0.0.1',
  '/tmp',
  '@abstract',
  'x%y',
  "o'h\\",
);
const goodPort = fc.constantFrom('', '5432', '6432', '1', '65535', '+7', '005432', ' 5432', '5432 ');
const badPort = fc.constantFrom('0', '65536', '-1', 'x', '1e3', '54 32', '99999999999', '5432x', '+', ' ');
const port = fc.oneof({ weight: 9, arbitrary: goodPort }, { weight: 1, arbitrary: badPort });
const address = fc.constantFrom('127.0.0.1', '127.0.0.2', '127.1.2.3', '::1', '');
const word = fc.constantFrom(
  'app',
  'Shop',
  'a b',
  "it's",
  'back\\slash',
  'ä€😀',
  'p@ss:w/o?r#d',
  '100%',
  'a+b',
  '',
  'a=b&c',
);

function listed(item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => items.join(','));
}

function parameters(version: number): fc.Arbitrary<[string, string]> {
  const one = (name: string, ...values: string[]) =>
    fc.constantFrom(...values).map((value): [string, string] => [name, value]);
  const all = [
    listed(host).map((value): [string, string] => ['host', value]),
    listed(address).map((value): [string, string] => ['hostaddr', value]),
    listed(port).map((value): [string, string] => ['port', value]),
    ...['dbname', 'password', 'application_name', 'options'].map((name) =>
      word.map((value): [string, string] => [name, value]),
    ),
    // An empty user makes libpq look up the operating system's, for which the oracle has no file descriptor.
    word.filter((value) => value !== '').map((value): [string, string] => ['user', value]),
    one('sslmode', 'disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'Require', '', 'yes'),
    one(
      'target_session_attrs',
      'any',
      'read-write',
      'read-only',
      'primary',
      'standby',
      'prefer-standby',
      'master',
      '',
    ),
    one('channel_binding', 'disable', 'prefer', 'require', 'on'),
    one('gssencmode', 'disable', 'prefer', 'never'),
    one('ssl_min_protocol_version', 'TLSv1', 'tlsv1.1', 'TLSv1.2', 'TLSv1.3', '', 'SSLv3'),
    one('ssl_max_protocol_version', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', '', '1.3'),
    one('requiressl', '0', '1', ''),
    one('sslsni', '0', '1'),
    one('fallback_application_name', 'fallback'),
    one('nosuch', 'x'),
    one('Host', 'x'),
    one('', 'x'),
  ];
  if (version >= 170_000) {
    all.push(
      one(
        'require_auth',
        'md5',
        'md5,scram-sha-256',
        '!md5',
        '!md5,!none',
        'md5,md5',
        'md5,!none',
        'x',
        'md5,',
        '',
      ),
      one('load_balance_hosts', 'disable', 'random', 'yes', ''),
      one('sslnegotiation', 'postgres', 'direct', ''),
      one('sslcertmode', 'disable', 'allow', 'never'),
      one('sslrootcert', 'system', '/no/such/file', ''),
    );
  }
  return fc.oneof(...all);
}

function keywordStrings(version: number): fc.Arbitrary<string> {
  const space = fc.constantFrom(' ', '  ', '\t', '\n');
  const around = fc.constantFrom('=', ' = ', '= ', ' =');
  const written = fc
    .tuple(parameters(version), around, fc.boolean(), space)
    .map(([[name, value], equals, quoted, after]) => {
      const escaped = value.replaceAll(/['\\]/g, (character) => `\\${character}`);
      const bare = !quoted && value !== '' && !value.includes(' ');
      return `${name}${equals}${bare ? escaped : `'${escaped}'`}${after}`;
    });
  const damage = fc.constantFrom('', '', '', '', "'", '\\', 'x', '=');
  return fc.tuple(fc.array(written, { maxLength: 6 }), damage).map(([parts, end]) => parts.join('') + end);
}

function uris(version: number): fc.Arbitrary<string> {
  const encode = encodeURIComponent;
  const userinfo = fc.oneof(
    fc.constant(''),
    word.map((user) => `${encode(user)}@`),
    fc.tuple(word, word).map(([user, password]) => `${encode(user)}:${encode(password)}@`),
  );
  const plain = fc.oneof(
    host.map((one) => encode(one)),
    fc.constantFrom(
      '[::1]',
      '[127.0.0.1]',
      '%64b1',
      'db%2Cb',
      '[::1',
      '[]',
      '[::1]x',
      '%',
      '%z1',
      '%00',
      ' db1 ',
    ),
  );
  const one = fc
    .tuple(plain, fc.option(port, { nil: undefined }))
    .map(([name, number]) => (number === undefined ? name : `${name}:${number}`));
  const path = fc.oneof(
    fc.constantFrom('', '/'),
    word.map((database) => `/${encode(database)}`),
  );
  const query = fc
    .tuple(
      fc.array(parameters(version), { maxLength: 4 }),
      fc.constantFrom('', '', '', '', '&', '&x', '&x=1=2', '&&'),
    )
    .map(([pairs, end]) => pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&') + end)
    .map((text) => (text === '' ? '' : `?${text}`));
  return fc
    .tuple(
      fc.constantFrom('postgres://', 'postgresql://'),
      userinfo,
      fc.array(one, { maxLength: 4 }),
      path,
      query,
    )
    .map(([prefix, user, hosts, database, rest]) => `${prefix}${user}${hosts.join(',')}${database}${rest}`);
}

/** Any order of the characters that mean something. No hexadecimal letters, so that `%..` stays ASCII. */
function noise(): fc.Arbitrary<string> {
  const character = fc.constantFrom(...":/?@=&%[],'\\ 024hostx");
  const body = fc.array(character, { maxLength: 24 }).map((characters) => characters.join(''));
  return fc
    .tuple(fc.constantFrom('postgres://', 'postgres://h', 'host=', ''), body)
    .map((parts) => parts.join(''));
}

function environments(): fc.Arbitrary<Record<string, string>> {
  const entry = fc.oneof(
    listed(host).map((value): [string, string] => ['PGHOST', value]),
    port.map((value): [string, string] => ['PGPORT', value]),
    fc.constantFrom('envdb', '').map((value): [string, string] => ['PGDATABASE', value]),
    fc.constant<[string, string]>(['PGUSER', 'envuser']),
    fc.constant<[string, string]>(['PGPASSWORD', 'envpassword']),
    fc.constantFrom('require', 'bad', '').map((value): [string, string] => ['PGSSLMODE', value]),
    fc.constantFrom('0', '1').map((value): [string, string] => ['PGREQUIRESSL', value]),
    fc.constantFrom('standby', 'bad').map((value): [string, string] => ['PGTARGETSESSIONATTRS', value]),
    fc.constant<[string, string]>(['PGHOSTADDR', '127.0.0.9']),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.array(entry, { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)) },
  );
}
