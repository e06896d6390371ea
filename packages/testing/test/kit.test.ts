import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { createUndo, inRollback, recordingLogger, sharedTestCluster, waitUntil } from '../src/index.ts';
import { compareVersions } from '../src/postgres/ensure.ts';
import { forkPoint, formatLsn, parseLsn } from '../src/server/control-file.ts';
import { renderSettings, synchronousSettings } from '../src/server/settings.ts';
import { withClient } from './helpers.ts';

const options = { standbys: 0, proxy: true, auth: 'scram-sha-256', freshIdentity: true } as const;

afterAll(async () => {
  const cluster = await sharedTestCluster(options);
  await cluster.close();
});

describe('waitUntil', () => {
  it('returns the first true answer, whatever failed before', async () => {
    let asked = 0;
    const answer = await waitUntil(
      () => {
        asked += 1;
        if (asked < 3) throw new Error('not yet');
        return `answer ${asked}`;
      },
      { everyMs: 0 },
    );
    expect(answer).toBe('answer 3');
  });

  it('tells what it waited for and what it last saw', async () => {
    await expect(waitUntil(() => 0, { timeoutMs: 10, what: 'the moon' })).rejects.toThrow(
      /^Waited 10 ms for the moon \(asked \d+ times\); the last answer was 0\.$/,
    );
    await expect(
      waitUntil(() => Promise.reject(new Error('clouds')), { timeoutMs: 10, what: 'the moon' }),
    ).rejects.toThrow('the last attempt failed: clouds');
  });
});

describe('an undo', () => {
  it('happens once', async () => {
    let undone = 0;
    const undo = createUndo(async () => {
      undone += 1;
    });
    {
      await using _ = undo;
      await undo.undo();
    }
    expect(undone).toBe(1);
  });
});

describe('recordingLogger', () => {
  it('keeps what it is given, by level', () => {
    const logger = recordingLogger();
    logger.info('a', 1);
    logger.warn({ b: 2 });
    expect(logger.records).toEqual([
      { level: 'info', args: ['a', 1] },
      { level: 'warn', args: [{ b: 2 }] },
    ]);
    expect(logger.at('warn')).toHaveLength(1);
    logger.clear();
    expect(logger.records).toEqual([]);
  });
});

describe('small truths', () => {
  it('LSNs are numbers with a slash', () => {
    expect(parseLsn('16/B374D848')).toBe(0x16b374d848n);
    expect(formatLsn(0x16b374d848n)).toBe('16/B374D848');
  });

  it('a history file tells where a timeline was left', () => {
    const history =
      '1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tno recovery target specified\n';
    expect(forkPoint(history, 1)).toBe(0x3000148n);
    expect(forkPoint(history, 3)).toBeUndefined();
  });

  it('versions are ordered by their numbers', () => {
    const versions = ['18.10.0-beta.1', '18.4.0-beta.17', '18.4.0-beta.9', '9.6.1'];
    expect([...versions].sort(compareVersions)).toEqual([
      '9.6.1',
      '18.4.0-beta.9',
      '18.4.0-beta.17',
      '18.10.0-beta.1',
    ]);
  });

  it('settings are quoted, and the quorum names every node', () => {
    expect(renderSettings({ fsync: true, application_name: "it's" })).toMatch(
      /^fsync = on$[\s\S]*^application_name = 'it''s'$/m,
    );
    expect(synchronousSettings({ commit: 'remote_apply', any: 2 }, ['a', 'b'])).toEqual({
      synchronous_commit: 'remote_apply',
      synchronous_standby_names: 'ANY 2 ("a", "b")',
    });
  });
});

describe('a shared cluster', () => {
  it('is the same for the same options, in whatever order, and has an identity of its own', async () => {
    const [one, other] = await Promise.all([
      sharedTestCluster(options),
      sharedTestCluster({ freshIdentity: true, auth: 'scram-sha-256', proxy: true, standbys: 0 }),
    ]);
    expect(one).toBe(other);
  });

  it('checks the password, when told to', async () => {
    const { primary } = await sharedTestCluster(options);
    await expect(
      withClient(primary.url.replace('app:app', 'app:wrong'), async () => {}),
    ).rejects.toMatchObject({
      code: '28P01',
    });
    await withClient(primary.url, (client) => client.query('select 1'));
  });

  it('inRollback leaves nothing, with a client and with a pool', async () => {
    const { primary } = await sharedTestCluster(options);
    const pool = new pg.Pool({ connectionString: primary.url });
    const made = await inRollback(pool, async (client) => {
      await client.query('create table gone ()');
      return 'made';
    });
    expect(made).toBe('made');
    await withClient(primary.url, async (client) => {
      await expect(inRollback(client, (same) => same.query('select * from gone'))).rejects.toMatchObject({
        code: '42P01',
      });
      const found = await client.query(`select to_regclass('gone') as gone`);
      expect(found.rows).toEqual([{ gone: null }]);
    });
    await pool.end();
  });

  it('cuts a connection between COMMIT and its answer', async () => {
    const { primary } = await sharedTestCluster(options);
    await withClient(primary.directUrl, (client) => client.query('create table committed ()'));
    await withClient(primary.url, async (client) => {
      await client.query('begin');
      await client.query('drop table committed');
      await using _cut = primary.proxy.cutWhen(
        (chunk, way) => way === 'to-client' && chunk.includes('COMMIT\0'),
      );
      await expect(client.query('commit')).rejects.toThrow(/ECONNRESET|terminated/);
    });
    const left = await primary.sql(
      `select 1 from pg_stat_activity where datname = 'app' and state = 'active'`,
    );
    expect(left).toEqual([]);
    const found = await withClient(primary.directUrl, (client) =>
      client.query(`select to_regclass('committed') as it`),
    );
    expect(found.rows).toEqual([{ it: null }]);
  });
});
