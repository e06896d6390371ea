import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConnectionPlan, type PlanOptions, parseDsn, planConnection } from '../../src/dsn/index.ts';
import { InvalidDsnError } from '../../src/model/errors.ts';
import { oracleCases } from './grammar.ts';
import { embeddedLibpq, type Libpq, type OracleAnswer, type OracleCase, systemLibpq } from './libpq.ts';

/**
 * Real libpq is asked about the same strings. It must accept and refuse the same, and mean the same hosts, ports, user,
 * database, password and modes. The one difference in reading is the port rule, so it is switched to libpq's here and shown
 * by itself below.
 */
const SEED = 20_240_601;
const GENERATED = 3_000;

const system = systemLibpq();
const embedded = embeddedLibpq();

describe('libpq of the operating system', () => {
  const required = process.env['CI'] !== undefined;
  it.skipIf(typeof system === 'string' && !required)(
    'is there (it is skipped without python3 and libpq5, except in CI)',
    () => {
      expect(typeof system === 'string' ? system : 'present').toBe('present');
    },
  );
});

for (const libpq of [system, embedded]) {
  if (typeof libpq === 'string') continue;
  const defaultHost = libpq.ask([{ text: '' }])[0]?.host ?? '';

  describe(`compared with ${libpq.name}`, () => {
    it('reads the hand-written strings the same way', () => {
      expect(disagreements(libpq, handWritten(libpq.version), defaultHost)).toEqual([]);
    });

    it(`reads ${GENERATED} generated strings the same way`, () => {
      const cases = fc.sample(oracleCases(libpq.version), { seed: SEED, numRuns: GENERATED });
      const valid = libpq.ask(cases).filter((answer) => answer.valid).length;
      // Neither kind may be rare, or the comparison would say little.
      expect(valid).toBeGreaterThan(GENERATED / 5);
      expect(valid).toBeLessThan((GENERATED * 4) / 5);
      expect(disagreements(libpq, cases, defaultHost)).toEqual([]);
    });

    it('differs only where one port at the end of a URI serves all hosts', () => {
      const text = 'postgres://db1,db2:6432/shop?user=u';
      const [answer] = libpq.ask([{ text }]);
      expect(answer?.options['port']).toBe(',6432');
      expect(portsOf(planConnection(text, { portRule: 'libpq' }))).toEqual([5432, 6432]);
      expect(portsOf(planConnection(text))).toEqual([6432, 6432]);
    });

    it('finds the same service and the same password in files', () => {
      const directory = mkdtempSync(join(tmpdir(), 'pgherd-dsn-'));
      try {
        expect(fileDisagreements(libpq, directory, defaultHost)).toEqual([]);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  });
}

function portsOf(plan: ConnectionPlan): number[] {
  return plan.hosts.map(({ port }) => port);
}

function disagreements(libpq: Libpq, cases: readonly OracleCase[], defaultHost: string): unknown[] {
  const answers = libpq.ask(cases);
  return cases.flatMap((one, index) => {
    const answer = answers[index];
    if (answer === undefined) return [{ ...one, problem: 'no answer' }];
    const env = { PGUSER: 'osuser', ...one.env };
    return disagreement(one, answer, { env, defaultHost, osUser: 'osuser', portRule: 'libpq' });
  });
}

function disagreement(one: OracleCase, answer: OracleAnswer, options: PlanOptions): unknown[] {
  // An empty user is the operating system's, and the oracle has no file descriptor left to look that up.
  if (answer.message.startsWith('could not look up local user')) return [];
  let plan: ConnectionPlan;
  try {
    plan = planConnection(one.text, options);
  } catch (error) {
    if (!(error instanceof InvalidDsnError)) throw error;
    // An "@" inside a host name: libpq fails when it resolves the name, and shows it; pgherd refuses it unseen.
    const doomed = /[^,]@/.test(answer.options['host'] ?? '');
    return answer.valid && !doomed ? [{ ...one, pgherd: error.message, libpq: answer.options }] : [];
  }
  if (!answer.valid) return [{ ...one, pgherd: 'accepted', libpq: answer.message }];
  const ours = summaryOf(plan);
  const theirs = summaryOfAnswer(answer, options.defaultHost ?? '');
  return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ ...one, pgherd: ours, libpq: theirs }];
}

function summaryOf(plan: ConnectionPlan) {
  return {
    hosts: plan.hosts.map(({ host, hostaddr, port }) => `${host}|${hostaddr ?? ''}|${port}`),
    user: plan.user,
    database: plan.database,
    password: plan.password?.reveal() ?? '',
    applicationName: plan.applicationName ?? '',
    options: plan.options ?? '',
    tlsMode: plan.tls.mode,
    target: plan.targetSessionAttrs,
    channelBinding: plan.channelBinding,
    minVersion: (plan.tls.minVersion ?? '').toLowerCase(),
    maxVersion: (plan.tls.maxVersion ?? '').toLowerCase(),
  };
}

/** From libpq's own lists, after it accepted them: written apart from the code under test. */
function summaryOfAnswer(answer: OracleAnswer, defaultHost: string) {
  const { options } = answer;
  const items = (name: string) =>
    options[name] === undefined || options[name] === '' ? [] : options[name].split(',');
  const [hosts, addresses, ports] = [items('host'), items('hostaddr'), items('port')];
  const count = addresses.length || hosts.length || 1;
  const all = Array.from({ length: count }, (_, index) => {
    const address = addresses[index] ?? '';
    const port = (ports.length === 1 ? ports[0] : ports[index]) || '5432';
    return `${hosts[index] || address || defaultHost}|${address}|${Number.parseInt(port, 10)}`;
  });
  return {
    hosts: [...new Set(all)],
    user: answer.user ?? '',
    database: answer.dbname ?? '',
    password: options['password'] ?? '',
    applicationName: options['application_name'] ?? options['fallback_application_name'] ?? '',
    options: options['options'] ?? '',
    tlsMode: options['sslmode'] ?? '',
    target: options['target_session_attrs'] ?? '',
    channelBinding: options['channel_binding'] ?? '',
    minVersion: (options['ssl_min_protocol_version'] ?? '').toLowerCase(),
    maxVersion: (options['ssl_max_protocol_version'] ?? '').toLowerCase(),
  };
}

const SERVICE_FILE = `# comment
[one]
host=127.0.0.3
port=7001
 dbname=indented  
user=first
user=second
[two]
host=127.0.0.4,127.0.0.5
port=1,2
requiressl=1

[nested]
service=one
[broken]
host
[unknown]
nosuch=1
[spaced]
host = 127.0.0.6
[one]
host=127.0.0.9
`;

const PASSWORD_FILE = `# comment:5432:*:*:no
db1:5432:shop:app:exact
db1:*:*:app:for app
db\\:2:*:*:*:colon \\: and \\\\ backslash:rest
too:few:fields
localhost:*:*:*:local
*:6000:*:*:
*:6000:*:*:second
*:*:*:odd\\\\user:odd
*:*:*:*:any
`;

function fileDisagreements(libpq: Libpq, directory: string, defaultHost: string): unknown[] {
  const serviceFile = join(directory, 'pg_service.conf');
  const passfile = join(directory, 'pgpass');
  writeFileSync(serviceFile, SERVICE_FILE);
  writeFileSync(passfile, PASSWORD_FILE, { mode: 0o600 });
  const env = { PGUSER: 'app', PGSERVICEFILE: serviceFile, PGSYSCONFDIR: directory };
  const services = [
    'one',
    'two',
    'nested',
    'broken',
    'unknown',
    'spaced',
    'missing',
    'on',
    '',
    'one]',
  ].flatMap((name) => [`service='${name}'`, `service='${name}' port=9999 dbname=explicit`]);
  const serviceCases = services.map((text): OracleCase => ({ text, env, readsFile: true }));
  const serviceAnswers = libpq.ask(serviceCases);
  const fromService = serviceCases.flatMap((one, index) => {
    const answer = serviceAnswers[index];
    const options: PlanOptions = { env, service: SERVICE_FILE, defaultHost, portRule: 'libpq' };
    return answer === undefined ? [one] : disagreement(one, answer, options);
  });
  const asked = [
    'host=db1 dbname=shop user=app',
    'host=db1 dbname=other user=app',
    'host=db1 port=5433 dbname=shop user=app',
    'host=db1 dbname=shop user=other',
    'host=db:2 user=app',
    'host=db3 user=app',
    'host=db3 port=6000 user=app',
    "host=db3 user='odd\\\\user'",
    'user=app',
    'host=db1 dbname=shop user=app password=given',
    "host=db1 dbname=shop user=app password=''",
  ];
  const passfileCases = asked.map(
    (text): OracleCase => ({ text: `${text} passfile='${passfile}' hostaddr=127.0.0.1`, readsFile: true }),
  );
  const passfileAnswers = libpq.ask(passfileCases);
  const fromPassfile = passfileCases.flatMap((one, index) => {
    const answer = passfileAnswers[index];
    const plan = planConnection(parseDsn(one.text), { passfile: PASSWORD_FILE, defaultHost });
    const found = (plan.password ?? plan.hosts[0]?.password)?.reveal() ?? '';
    return found === (answer?.password ?? '') ? [] : [{ ...one, pgherd: found, libpq: answer?.password }];
  });
  return [...fromService, ...fromPassfile];
}

function handWritten(version: number): OracleCase[] {
  const texts = [
    '',
    ' ',
    '=',
    'host',
    'host=',
    'host= ',
    'host=a host=b',
    "host='a'port=5433",
    "host='a",
    'host=a\\',
    "host='a\\",
    'host=a\\ b',
    "user='o\\'hara' password='back\\\\slash'",
    'host=a,b',
    'host=a,b port=1',
    'host=a,b port=1,2',
    'host=a,b port=1,',
    'host=a,b port=,',
    'host=a,b port=1,2,3',
    'host=a,b,c port=1,2',
    'host=a,,b port=1,2,3',
    'host=, port=1,2',
    'port=1,2',
    "port=''",
    'hostaddr=127.0.0.1',
    'hostaddr=127.0.0.1,127.0.0.2',
    'hostaddr=127.0.0.1,127.0.0.2 host=a',
    'hostaddr=127.0.0.1,127.0.0.2 host=a,b',
    'hostaddr=,127.0.0.2 host=a,b port=1,2',
    'hostaddr=,127.0.0.2 host=,',
    'hostaddr=,, port=5',
    'host=a,a,b,a port=1,1,1,2',
    'host=/tmp,@x,a port=1,2,3',
    "dbname=''",
    'dbname=postgres://other/db',
    "dbname='host=x'",
    "application_name='' fallback_application_name=f",
    'postgres://',
    'postgresql://',
    'Postgres://h',
    ' postgres://h',
    'postgres:/h',
    'postgre://h',
    'postgres:///',
    'postgres:///db',
    'postgres://@',
    'postgres://@h',
    'postgres://:@h',
    'postgres://:p@h',
    'postgres://u:@h',
    'postgres://u@',
    'postgres://u:p:q@h/d',
    'postgres://u%3Av:p%40q@h/d',
    'postgres://h:/',
    'postgres://:5433/',
    'postgres://h:5433?',
    'postgres://h?user=a@b',
    'postgres://h/?user=a@b',
    'postgres://h/db/with/slashes',
    'postgres://h/db%2Fslash',
    'postgres://h/db?dbname=',
    'postgres://h/db?dbname=other',
    'postgres://h:1/db?host=i&port=2',
    'postgres://a:1,b:2/?port=3',
    'postgres://a,b/?port=3',
    'postgres://a,b,c:3/',
    'postgres://a:1,b/',
    'postgres://a:1,b,c:3/',
    'postgres://a,:6432/',
    'postgres://[::1],b:6432/',
    'postgres://[::1]:5433,[::2]:5434/',
    'postgres://[::1',
    'postgres://[]',
    'postgres://[::1]z',
    'postgres://[::1]?user=x',
    'postgres://[::1%25lo]/',
    'postgres://%5B%3A%3A1%5D/',
    'postgres://%2Fvar%2Frun:5433/db',
    'postgres://%40abstract/db',
    'postgres:///db?host=/tmp',
    'postgres:///db?host=/tmp,/var/run&port=1,2',
    'postgres://a%2Cb:1/',
    'postgres://a%2Cb:1,c:2',
    'postgres://a+b/c+d?application_name=e+f',
    'postgres://h?a',
    'postgres://h?=',
    'postgres://h?user=a&',
    'postgres://h?&user=a',
    'postgres://h?user=a&&port=1',
    'postgres://h?user=a=b',
    'postgres://h?u%73er=x',
    'postgres://h?ssl=true',
    'postgres://h?sslmode=verify-full&ssl=true',
    'postgres://h?ssl=maybe',
    'postgres://h?requiressl=1',
    'postgres://%zz',
    'postgres://%1',
    'postgres://%',
    'postgres://a%00b',
    'postgres://h#fragment',
    'postgres://h/d#fragment',
    'postgres://h/d?user=a#b',
    'postgres://h:5432x/',
    'postgres://h:99999/',
    'postgres://h:0/',
    'postgres://h:%35432/',
  ];
  const spaced = [
    'postgres://h /d',
    'postgres:// h/ d ',
    'postgres://a b/',
    'postgres://h/?user= a ',
    'postgres://h?user=a b',
  ];
  const environments: OracleCase[] = [
    { text: 'postgres://a,b/', env: { PGPORT: '7000' } },
    { text: 'postgres://a/', env: { PGPORT: '7000' } },
    { text: 'host=a,b', env: { PGPORT: '7000' } },
    { text: 'host=a,b', env: { PGPORT: '7000,7001' } },
    { text: 'host=a', env: { PGPORT: '7000,7001' } },
    { text: '', env: { PGHOST: '', PGPORT: '' } },
    { text: '', env: { PGHOST: 'a,b', PGDATABASE: 'd', PGUSER: 'u', PGPASSWORD: 'p', PGAPPNAME: 'n' } },
    { text: 'host=a', env: { PGHOSTADDR: '127.0.0.1,127.0.0.2' } },
    { text: 'postgres://h/', env: { PGDATABASE: 'd' } },
    { text: "dbname=''", env: { PGDATABASE: 'd' } },
    { text: 'sslmode=disable', env: { PGSSLMODE: 'require', PGREQUIRESSL: '1' } },
    { text: '', env: { PGREQUIRESSL: '1' } },
    { text: '', env: { PGSSLMODE: 'verify-ca', PGREQUIRESSL: '1' } },
  ];
  return [...texts.concat(version >= 170_000 ? spaced : []).map((text) => ({ text })), ...environments];
}
