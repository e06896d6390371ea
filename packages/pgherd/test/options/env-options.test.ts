import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createCluster } from '../../src/cluster/cluster.ts';
import { InvalidOptionsError } from '../../src/model/errors.ts';
import { optionsFromEnv } from '../../src/options/env-options.ts';
import { resolveSettings } from '../../src/options/settings.ts';

const FULL = Object.freeze({
  DB_USERNAME: 'app user',
  DB_PASSWORD: 's3cret/@:#',
  DB_WRITER_HOST: 'primary.db.local',
  DB_READER_HOSTS: 'replica1.db.local, replica2.db.local:6432,',
  DB_PORT: '5433',
  DB_NAME: 'my app',
  DB_POOL_TIMEOUT: '30',
  DB_MIN_POOL_SIZE: '2',
  DB_MAX_POOL_SIZE: '12',
  DB_POOL_MAX_IDLE_TIME_SECONDS: '300',
});

function violations(env: Record<string, string>): readonly string[] {
  try {
    optionsFromEnv(env);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.violations;
    throw error;
  }
  return [];
}

/** Names of the nodes that a cluster with these variables would have. */
const nodesOf = (env: Record<string, string>): string[] =>
  createCluster(optionsFromEnv(env))
    .nodes()
    .map(({ name }) => name);

describe('options from the environment', () => {
  it('are the writer and its readers, with the pool in our units', () => {
    const options = optionsFromEnv(FULL);
    const { plan, pool, waitTimeoutMs } = resolveSettings(options);
    expect(nodesOf(FULL)).toEqual([
      'primary.db.local:5433',
      'replica1.db.local:5433',
      'replica2.db.local:6432',
    ]);
    expect(plan).toMatchObject({ user: 'app user', database: 'my app' });
    expect(pool).toMatchObject({ min: 2, max: 12, idleTimeoutMs: 300_000 });
    expect(waitTimeoutMs).toBe(30_000);
  });

  it('do not show the password, and still give it', () => {
    const options = optionsFromEnv(FULL);
    expect(inspect({ ...options, env: undefined }, { depth: 9 })).not.toContain('s3cret');
    const { password } = options;
    expect(typeof password === 'function' ? (password as () => unknown)() : password).toBe('s3cret/@:#');
  });

  it('are DATABASE_URL, with the pool beside it', () => {
    const options = optionsFromEnv({ DATABASE_URL: 'postgres://app@db1,db2/shop', DB_MAX_POOL_SIZE: '3' });
    expect(options).toMatchObject({ url: 'postgres://app@db1,db2/shop', pool: { max: 3 } });
  });

  it('leave to the variables of libpq what they do not say', () => {
    const env = { PGHOST: 'db7', PGPORT: '6000', PGUSER: 'pg', PGDATABASE: 'pgdb', DB_POOL_TIMEOUT: '0.5' };
    const { plan, waitTimeoutMs } = resolveSettings(optionsFromEnv(env));
    expect(plan).toMatchObject({ user: 'pg', database: 'pgdb' });
    expect(nodesOf(env)).toEqual(['db7:6000']);
    expect(waitTimeoutMs).toBe(500);
    const mixed = resolveSettings(optionsFromEnv({ DB_WRITER_HOST: 'w', PGUSER: 'pg', PGDATABASE: 'pgdb' }));
    expect(mixed.plan).toMatchObject({ user: 'pg', database: 'pgdb' });
  });

  it.each([
    ['10.0.0.1', '10.0.0.1:5432'],
    ['db:6000', 'db:6000'],
    ['::1', '::1:5432'],
    ['[fd00::2]:6000', 'fd00::2:6000'],
    ['[fd00::2]', 'fd00::2:5432'],
    ['fd00::10.0.0.1', 'fd00::10.0.0.1:5432'],
  ])('take the host %s', (host, name) => {
    const [only] = createCluster(optionsFromEnv({ DB_WRITER_HOST: host })).nodes();
    expect(`${only?.address.host}:${only?.address.port}`).toBe(name);
  });

  it('count an empty variable as not set, and name a host once', () => {
    expect(violations({ DATABASE_URL: '', DB_READER_HOSTS: '', DB_PORT: '', DB_MAX_POOL_SIZE: ' ' })).toEqual(
      [],
    );
    expect(nodesOf({ DB_WRITER_HOST: 'db', DB_READER_HOSTS: 'db,other' })).toEqual(['db:5432', 'other:5432']);
  });

  it('tell all violations at once, by the names of the variables', () => {
    expect(
      violations({
        DB_USERNAME: 'app',
        DB_READER_HOSTS: 'a b,c,user:hunter2@d',
        DB_PORT: '70000',
        DB_POOL_TIMEOUT: 'soon',
        DB_MIN_POOL_SIZE: '1.5',
        DB_MAX_POOL_SIZE: '0',
        DB_POOL_MAX_IDLE_TIME_SECONDS: '-1',
      }),
    ).toEqual([
      'DB_MIN_POOL_SIZE is "1.5", but must be a whole number, at least 0',
      'DB_MAX_POOL_SIZE is "0", but must be a whole number, at least 1',
      'DB_POOL_TIMEOUT is "soon", but must be a number of seconds, at least 0.001',
      'DB_POOL_MAX_IDLE_TIME_SECONDS is "-1", but must be a number of seconds, at least 0',
      'DB_WRITER_HOST is not set, but must be, since DB_USERNAME, DB_READER_HOSTS, DB_PORT are',
      'DB_PORT is "70000", but must be a whole number, from 1 to 65535',
      'DB_READER_HOSTS has "a b", but must be a host, or host:port',
      'DB_READER_HOSTS has something with an @, but must be a host, or host:port',
    ]);
  });

  it.each([
    [
      { DB_MIN_POOL_SIZE: '5', DB_MAX_POOL_SIZE: '2' },
      'DB_MAX_POOL_SIZE is 2, but must be at least DB_MIN_POOL_SIZE',
    ],
    [{ DATABASE_URL: 'postgres://x', DB_WRITER_HOST: 'y' }, 'DATABASE_URL and DB_WRITER_HOST are both set'],
    [{ DB_WRITER_HOST: 'h:0' }, 'DB_WRITER_HOST has "h:0"'],
    [{ DB_WRITER_HOST: 'h:99999' }, 'DB_WRITER_HOST has "h:99999"'],
    [{ DB_WRITER_HOST: 'h/../x' }, 'DB_WRITER_HOST has "h/../x"'],
    [{ DB_WRITER_HOST: 'h?sslmode=disable' }, 'DB_WRITER_HOST has'],
  ])('refuse %o', (env, sentence) => {
    const found = violations(env as Record<string, string>);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(sentence);
  });

  it('never show a secret in what they refuse', () => {
    const told = violations({ ...FULL, DATABASE_URL: 'postgres://u:topsecret@h/d', DB_PORT: 'x' }).join('\n');
    expect(told).not.toMatch(/topsecret|s3cret/);
  });
});
