import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestCluster, refuseLogins, type TestCluster, type TestNode, waitUntil } from '../src/index.ts';
import { withClient } from './helpers.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await withClient(cluster.primary.url, (client) => client.query('create table t (word text)'));
});

afterEach(() => cluster.repair());
afterAll(() => cluster.close());

function standby(): TestNode {
  const [node] = cluster.standbys;
  if (!node) throw new Error('no standby');
  return node;
}

async function write(word: string): Promise<void> {
  await withClient(cluster.primary.url, (client) => client.query('insert into t values ($1)', [word]));
}

async function has(node: TestNode, word: string): Promise<boolean> {
  const rows = await node.admin.withSession((query) => query('select 1'));
  const found = await withClient(node.url, (client) =>
    client.query('select 1 from t where word = $1', [word]),
  );
  return rows.length > 0 && found.rows.length > 0;
}

async function received(node: TestNode): Promise<void> {
  const [row] = await cluster.sql(cluster.primary, 'select pg_current_wal_lsn()::text as lsn');
  const question = 'select pg_last_wal_receive_lsn() >= $1::pg_lsn as ok';
  await waitUntil(async () => (await node.sql(question, [row?.['lsn']]))[0]?.['ok'], { what: 'receipt' });
}

describe('a fault and its undo', () => {
  it('kill: sessions break, start brings it back', async () => {
    await withClient(cluster.primary.url, async (client) => {
      const broken = new Promise((resolve) => client.once('error', resolve));
      const killed = await cluster.primary.kill();
      await broken;
      expect(cluster.primary.state).toBe('stopped');
      await killed.undo();
      await killed.undo();
      expect(cluster.primary.state).toBe('running');
    });
  });

  it('stop fast: the session is told 57P01', async () => {
    await withClient(cluster.primary.url, async (client) => {
      const told = new Promise((resolve) => client.once('error', resolve));
      await using _stopped = await cluster.primary.stop('fast');
      expect(await told).toMatchObject({ code: '57P01' });
    });
  });

  it('stop immediate: the session breaks', async () => {
    await withClient(cluster.primary.url, async (client) => {
      const broken = new Promise((resolve) => client.once('end', () => resolve('broken')));
      await using _stopped = await cluster.primary.stop('immediate');
      expect(await broken).toBe('broken');
    });
  });

  it('freeze: an open session gets no answer until it is thawed', async () => {
    await withClient(cluster.primary.url, async (client) => {
      const frozen = await cluster.primary.freeze();
      let answered = false;
      const answer = client.query('select 1').then(() => {
        answered = true;
      });
      const fresh = withClient(cluster.primary.url, async () => 'connected', 200);
      await expect(fresh).rejects.toThrow(/timeout/);
      expect(answered).toBe(false);
      await frozen.undo();
      await answer;
    });
  });

  it('a frozen server refuses a stop with words, and can be killed', async () => {
    const frozen = await cluster.primary.freeze();
    await expect(cluster.primary.stop()).rejects.toThrow('is frozen and would not notice a stop');
    const killed = await cluster.primary.kill();
    await frozen.undo();
    await killed.undo();
  });

  it('lag: the standby receives at once and replays late', async () => {
    const lagging = await standby().lag(600_000);
    await write('lagged');
    await received(standby());
    expect(await has(standby(), 'lagged')).toBe(false);
    await lagging.undo();
    await waitUntil(() => has(standby(), 'lagged'), { what: 'the delayed row' });
  });

  it('pauseReplay: the standby receives and does not replay', async () => {
    const paused = await standby().pauseReplay();
    await write('paused');
    await received(standby());
    expect(await has(standby(), 'paused')).toBe(false);
    await paused.undo();
    await waitUntil(() => has(standby(), 'paused'), { what: 'the held row' });
  });

  it('pause: every server stands still for a moment', async () => {
    await withClient(cluster.primary.url, async (client) => {
      const pausing = cluster.pause(150);
      const begun = performance.now();
      await pausing;
      expect(performance.now() - begun).toBeGreaterThanOrEqual(149);
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('promote: a second primary; its log tells when it was ready', async () => {
    const old = cluster.primary;
    const node = standby();
    const ready = await node.promote();
    expect(ready.line).toContain('ready to accept connections');
    expect(cluster.primary).toBe(node);
    await write('on the new one');
    expect(await has(old, 'on the new one')).toBe(false);
  });

  it('stop, then promotion of the other: the undo makes it rejoin with its own files', async () => {
    const old = cluster.primary;
    const stopped = await old.stop('fast');
    await cluster.failover();
    const mark = old.log.mark();
    await stopped.undo();
    const log = old.log.lines(mark).map((each) => each.line);
    expect(log.some((line) => line.includes('started streaming'))).toBe(true);
    expect(log.some((line) => line.includes('backup recovery'))).toBe(false);
    expect(old.state).toBe('running');
  });
});

describe('roles that change without a referee', () => {
  const timelineOf = async (node: TestNode): Promise<unknown> => {
    const [row] = await node.sql('select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline');
    return row?.['timeline'];
  };

  it('demote: the same address serves as a standby of nobody, and can be promoted again', async () => {
    const node = cluster.primary;
    const before = Number.parseInt(String(await timelineOf(node)), 16);
    await node.demote();
    expect(await node.sql('select pg_is_in_recovery() as standby')).toEqual([{ standby: true }]);
    await node.promote();
    expect(Number.parseInt(String(await timelineOf(node)), 16)).toBe(before + 1);
  });

  it('restore: a backup starts as a primary on the timeline it was taken on', async () => {
    const node = cluster.primary;
    const before = await timelineOf(node);
    await expect(node.backUp()).rejects.toThrow('cannot be backed up: it is running');
    await node.stop('fast');
    const backup = await node.backUp();
    await cluster.failover();
    expect(await timelineOf(cluster.primary)).not.toBe(before);
    await cluster.primary.kill();
    await node.restore(backup);
    expect(cluster.primary).toBe(node);
    expect(await timelineOf(node)).toBe(before);
    await write('on the restored one');
    await standby().rejoin();
    await waitUntil(() => has(standby(), 'on the restored one'), { what: 'the row on the rejoined node' });
  });
});

describe('the log', () => {
  it('tells when a line was written, by the clock of the server', async () => {
    const since = cluster.primary.log.mark();
    const before = Date.now();
    await cluster.sql(cluster.primary, `do $$ begin raise log 'a line of the test'; end $$`);
    const { at, line } = await cluster.primary.log.waitFor(/a line of the test/, { since });
    expect(line).toContain('LOG:');
    expect(at).toBeGreaterThanOrEqual(before - 1);
    expect(at).toBeLessThanOrEqual(Date.now() + 1);
    await expect(
      cluster.primary.log.waitFor('a line of the test', { since: at + 60_000, timeoutMs: 20 }),
    ).rejects.toThrow('Waited 20 ms for a line with a line of the test');
  });
});

describe('refused logins', () => {
  it.each(['hba', 'role', 'database'] as const)('by %s: refused until undone, with times', async (by) => {
    const before = performance.now();
    const refused = await refuseLogins(cluster.primary, by);
    expect(refused.since).toBeGreaterThanOrEqual(before);
    expect(refused.repairedAt).toBeUndefined();
    await expect(withClient(cluster.primary.url, (client) => client.query('select 1'))).rejects.toThrow();
    await refused.undo();
    expect(refused.repairedAt).toBeGreaterThan(refused.since);
    await withClient(cluster.primary.url, (client) => client.query('select 1'));
  });
});
