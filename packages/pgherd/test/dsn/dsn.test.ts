import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  formatDsn,
  isMultiHost,
  parseDsn,
  planConnection,
  requiredFiles,
  shuffled,
  type TargetSessionAttrs,
  withDatabase,
  withTarget,
} from '../../src/dsn/index.ts';
import { InvalidDsnError } from '../../src/model/errors.ts';

describe('parseDsn', () => {
  it('gives what was written, and adds nothing', () => {
    const dsn = parseDsn('postgres://app@db1,[::1]:6432/shop?hostaddr=,::1');
    expect(dsn.parameters).toEqual({
      user: 'app',
      host: 'db1,::1',
      port: '6432',
      dbname: 'shop',
      hostaddr: ',::1',
    });
    expect(dsn.hosts).toEqual([
      { host: 'db1', hostaddr: '', port: '6432' },
      { host: '::1', hostaddr: '::1', port: '6432' },
    ]);
    expect(parseDsn('').hosts).toEqual([]);
  });

  it('is frozen and keeps passwords apart', () => {
    const dsn = parseDsn('host=db1 password=hunter2');
    expect(Object.isFrozen(dsn) && Object.isFrozen(dsn.parameters) && Object.isFrozen(dsn.hosts[0])).toBe(
      true,
    );
    expect(dsn.parameters).not.toHaveProperty('password');
    expect(dsn.secrets['password']?.reveal()).toBe('hunter2');
    expect(inspect(dsn, { depth: 5, showHidden: true }) + JSON.stringify(dsn)).not.toContain('hunter2');
  });

  it('refuses what is no string and a port rule that does not exist', () => {
    expect(() => parseDsn(undefined as unknown as string)).toThrow(
      'The connection string must be a string, not undefined.',
    );
    expect(() => parseDsn('', { portRule: 'best' as 'libpq' })).toThrow('portRule "best" is not one of');
  });
});

describe('formatDsn', () => {
  it.each([
    [
      'postgres://app:p%40ss@db1:6432/shop?sslmode=require',
      'postgresql://app:p%40ss@db1:6432/shop?sslmode=require',
    ],
    ['postgres://a,b:6432/', 'postgresql:///?host=a,b&port=6432'],
    ['host=a,b port=,6432', 'postgresql://a:,b:6432'],
    ['postgres://[::1]:1,%2Ftmp:2/', 'postgresql://[::1]:1,%2Ftmp:2'],
    ["user='' dbname=''", 'postgresql:///?user=&dbname='],
    ['', 'postgresql://'],
  ])('writes %s as %s', (text, uri) => {
    expect(formatDsn(text)).toBe(uri);
  });

  it('writes keyword strings, quoted where needed', () => {
    expect(formatDsn("postgres://db1/it's?options=-c%20a", { style: 'keywords' })).toBe(
      "host=db1 dbname='it\\'s' options='-c a'",
    );
  });

  it('hides every secret on demand', () => {
    const text = 'host=db1 user=u password=one sslpassword=two';
    expect(formatDsn(text, { redact: true })).toBe('postgresql://u:***@db1/?sslpassword=***');
    expect(formatDsn(text, { redact: true, style: 'keywords' })).toBe(
      'host=db1 user=u password=*** sslpassword=***',
    );
  });
});

describe('isMultiHost, withDatabase, withTarget', () => {
  it('tell and change one thing', () => {
    expect(isMultiHost('postgres://a,b/')).toBe(true);
    expect(isMultiHost(parseDsn('host=a'))).toBe(false);
    expect(formatDsn(withDatabase('postgres://u:p@a/one', 'two'))).toBe('postgresql://u:p@a/two');
    expect(formatDsn(withTarget('postgres://a/one', 'standby'))).toBe(
      'postgresql://a/one?target_session_attrs=standby',
    );
  });

  it('refuse what cannot be', () => {
    expect(() => withDatabase('', '')).toThrow(InvalidDsnError);
    expect(() => withTarget('', 'replica' as TargetSessionAttrs)).toThrow('is not one of any, read-write');
  });
});

describe('planConnection', () => {
  it('is deeply frozen and shows no secret', () => {
    const plan = planConnection('host=a,b user=u sslpassword=hunter1', { passfile: '*:*:*:*:hunter2' });
    expect(
      [plan, plan.hosts, plan.hosts[0], plan.tls, plan.keepalive, plan.warnings].every(Object.isFrozen),
    ).toBe(true);
    expect(inspect(plan, { depth: 9 }) + JSON.stringify(plan)).not.toMatch(/hunter/);
    expect(plan.tls.keyPassword?.reveal()).toBe('hunter1');
  });

  it('reads nothing but its arguments', () => {
    vi.stubEnv('PGHOST', 'from-the-process');
    try {
      expect(planConnection('', { osUser: 'me' }).hosts[0]?.host).toBe('/var/run/postgresql');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('shuffles the hosts only for load_balance_hosts=random, and only with a source of randomness', () => {
    const order = (text: string, random?: () => number) =>
      planConnection(text, { random })
        .hosts.map(({ host }) => host)
        .join('');
    expect(order('host=a,b,c user=u', () => 0)).toBe('abc');
    expect(order('host=a,b,c user=u load_balance_hosts=random')).toBe('abc');
    expect(order('host=a,b,c user=u load_balance_hosts=random', () => 0)).toBe('bca');
  });

  it('takes a parsed DSN, whose port rule was applied already', () => {
    const dsn = parseDsn('postgres://u@a,b:1/', { portRule: 'libpq' });
    expect(planConnection(dsn).hosts.map(({ port }) => port)).toEqual([5432, 1]);
  });
});

describe('shuffled', () => {
  it('gives every order equally often and leaves its argument alone', () => {
    const hosts = Object.freeze(['a', 'b', 'c']);
    const counts = new Map<string, number>();
    // All pairs of numbers that the two steps of the shuffle can tell apart, once each.
    for (const first of [0, 1, 2]) {
      for (const second of [0, 1]) {
        const numbers = [first / 3, second / 2];
        const order = shuffled(hosts, () => numbers.shift() ?? 0).join('');
        counts.set(order, (counts.get(order) ?? 0) + 1);
      }
    }
    expect([...counts.keys()].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    expect(new Set(counts.values())).toEqual(new Set([1]));
  });
});

describe('requiredFiles', () => {
  const homeDirectory = '/home/me';

  it('asks for the password file of the home directory unless a password is there', () => {
    expect(requiredFiles('host=a', { homeDirectory })).toEqual({
      service: [],
      passfile: { path: '/home/me/.pgpass', mustExist: false },
    });
    expect(requiredFiles('host=a password=x', { homeDirectory }).passfile).toBeUndefined();
    expect(requiredFiles('host=a', { homeDirectory, env: { PGPASSWORD: 'x' } }).passfile).toBeUndefined();
    expect(requiredFiles('host=a').passfile).toBeUndefined();
  });

  it('asks for a named password file instead', () => {
    const named = { path: '/p', mustExist: true };
    expect(requiredFiles('passfile=/p', { homeDirectory }).passfile).toEqual(named);
    expect(requiredFiles('', { homeDirectory, env: { PGPASSFILE: '/p' } }).passfile).toEqual(named);
  });

  it('asks for the service files first, and for the password file once the service is known', () => {
    const first = requiredFiles('service=s', { homeDirectory, env: { PGSYSCONFDIR: '/etc/pg' } });
    expect(first).toEqual({
      service: [
        { path: '/home/me/.pg_service.conf', mustExist: false },
        { path: '/etc/pg/pg_service.conf', mustExist: false },
      ],
      passfile: undefined,
    });
    const second = requiredFiles('service=s', { homeDirectory, service: '[s]\npassfile=/from/service\n' });
    expect(second.passfile).toEqual({ path: '/from/service', mustExist: true });
    expect(requiredFiles('service=s', { env: { PGSERVICEFILE: '/svc' } }).service[0]).toEqual({
      path: '/svc',
      mustExist: true,
    });
  });
});

describe('many hosts', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  function hostList(count: number): string {
    return Array.from({ length: count }, (_, index) => `node-${index}`).join(',');
  }

  it.each(['uri', 'keywords'])('1,024 are planned in order, and duplicates dropped (%s)', (form) => {
    const list = `${hostList(1024)},${hostList(1024)}`;
    const text = form === 'uri' ? `postgres://u@${list}:6432/d` : `user=u port=6432 host=${list}`;
    const { hosts } = planConnection(text);
    expect(hosts).toHaveLength(1024);
    expect(hosts.at(-1)).toEqual({ host: 'node-1023', port: 6432, transport: 'tcp' });
  });

  it.each([
    ['hosts of a URI', (count: number) => `postgres://u@${hostList(count)}:1/d`],
    ['hosts of a keyword string', (count: number) => `user=u host=${hostList(count)}`],
    ['blanks', (count: number) => `user=u${' '.repeat(count)}dbname=d`],
    ['escapes', (count: number) => `user=u dbname=${'\\x'.repeat(count)}`],
    ['percent signs', (count: number) => `postgres://u@h/${'%41'.repeat(count)}`],
    ['parameters', (count: number) => `postgres://u@h/?${'user=u&'.repeat(count)}`],
  ])('twice the %s is twice the work, not four times', (_, text) => {
    const [once, twice] = [work(() => planConnection(text(1000))), work(() => planConnection(text(2000)))];
    expect(twice).toBeLessThan(once * 2.5);
  });

  /** Characters that string methods may have looked at, added up. Loops by index are linear by their form. */
  function work(run: () => void): number {
    let characters = 0;
    const count = (name: 'split' | 'includes' | 'indexOf' | 'slice' | 'replaceAll' | 'startsWith') => {
      const original = String.prototype[name] as (...given: unknown[]) => unknown;
      const counted = function (this: string, ...given: unknown[]) {
        const result = original.apply(this, given);
        characters +=
          typeof result === 'string'
            ? result.length
            : name === 'startsWith'
              ? 1
              : lookedAt(this, result, given);
        return result;
      };
      vi.spyOn(String.prototype, name).mockImplementation(counted as never);
    };
    for (const name of ['split', 'includes', 'indexOf', 'slice', 'replaceAll', 'startsWith'] as const)
      count(name);
    run();
    vi.restoreAllMocks();
    return characters;
  }

  /** A search goes from its start to what it found, or to the end. */
  function lookedAt(text: string, result: unknown, [, from]: unknown[]): number {
    const start = typeof from === 'number' ? from : 0;
    return (typeof result === 'number' && result >= 0 ? result : text.length) - start;
  }
});
