import { describe, expect, it } from 'vitest';
import { readConnection } from '../src/connection/plan.ts';
import { understood } from '../src/dsn/understood.ts';

function read(url: string, env: Record<string, string> = {}) {
  const all = { HOME: '/nonexistent', ...env };
  return understood(readConnection(url, all), readConnection(url, all, 'libpq').plan, all);
}

describe('how a connection string is understood', () => {
  it('names what set each parameter, and shows no secret', () => {
    const found = read('postgres://app:geheim@db1/shop', { PGSSLMODE: 'require', PGPASSWORD: 'other' });
    expect(found.parameters).toEqual([
      { name: 'user', value: 'app', origin: 'connection string', support: 'honoured' },
      { name: 'host', value: 'db1', origin: 'connection string', support: 'honoured' },
      { name: 'dbname', value: 'shop', origin: 'connection string', support: 'honoured' },
      { name: 'password', value: '***', origin: 'connection string', support: 'honoured' },
      { name: 'sslmode', value: 'require', origin: 'PGSSLMODE', support: 'honoured' },
    ]);
    expect(found.password).toBe('given');
    expect(JSON.stringify(found)).not.toMatch(/geheim|other/);
  });

  it.each([
    ['postgres://app@db1,db2:6432/shop', 'reads the ports differently: db1:5432, db2:6432'],
    ['postgres://app@db1,db2/shop', 'to the first of the 2 servers'],
    ['postgres://app@db1/shop', 'takes any server'],
    ['postgres://app@db1/shop?connection_limit=3&schema=a', 'does not know connection_limit, schema'],
    ['postgres://app@db1/shop?sslmode=no-verify', 'refuses sslmode=no-verify'],
    ['postgres://app@db1/shop', 'waits for a server without limit'],
    ['postgres://app@db1/shop?sslmode=verify-full', 'needs ~/.postgresql/root.crt'],
  ])('%s: psql %s', (url, part) => {
    expect(read(url).psql.join('\n')).toContain(part);
  });

  it('has nothing to say where psql does the same', () => {
    expect(read('postgres://app@db1:5432/shop?target_session_attrs=primary&connect_timeout=5').psql).toEqual(
      [],
    );
  });
});
