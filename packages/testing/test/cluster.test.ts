import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestCluster,
  ensurePostgres,
  type TestCluster,
  TestClusterError,
  waitUntil,
} from '../src/index.ts';
import { withClient } from './helpers.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'on', any: 1 } });
  await withClient(cluster.primary.url, (client) =>
    client.query('create table t (id serial primary key, word text)'),
  );
});

afterAll(() => cluster.close());

async function write(word: string): Promise<void> {
  await withClient(cluster.primary.url, (client) => client.query('insert into t (word) values ($1)', [word]));
}

async function words(node = cluster.primary): Promise<unknown[]> {
  const rows = await withClient(node.url, (client) => client.query('select word from t order by id'));
  return rows.rows.map((row: Record<string, unknown>) => row['word']);
}

describe('a new cluster', () => {
  it('streams what the ordinary role writes to every standby', async () => {
    await write('first');
    for (const node of cluster.standbys) {
      await waitUntil(async () => (await words(node)).includes('first'), { what: `${node.name} to replay` });
    }
  });

  it('gives the role app no superuser rights', async () => {
    const result = await withClient(cluster.primary.url, (client) =>
      client.query('select current_user::text as role, rolsuper from pg_roles where rolname = current_user'),
    );
    expect(result.rows).toEqual([{ role: 'app', rolsuper: false }]);
  });

  it('asks one of the standbys, whichever, for a confirmation of each commit', async () => {
    const rows = await cluster.sql(
      cluster.primary,
      'select application_name, sync_state from pg_stat_replication',
    );
    expect(rows.map((row) => row['sync_state'])).toEqual(['quorum', 'quorum']);
  });

  it('names all nodes in its URL, the ordinary role and database', () => {
    const [first, second, third] = cluster.nodes.map((node) => node.port);
    expect(cluster.url).toBe(
      `postgresql://app:app@127.0.0.1:${first},127.0.0.1:${second},127.0.0.1:${third}/app`,
    );
  });

  it('tells why an option cannot be', async () => {
    await expect(createTestCluster({ standbys: -1 })).rejects.toThrow(
      'standbys: -1 is not a whole number from 0 to 8.',
    );
    await expect(createTestCluster({ standbys: 1, synchronous: { commit: 'on', any: 2 } })).rejects.toThrow(
      'synchronous.any: 2 is not a whole number from 1 to the 1 standbys.',
    );
  });

  it('shows the log of a server that does not start', async () => {
    const failing = createTestCluster({ standbys: 0, settings: { shared_buffers: 'plenty' } });
    await expect(failing).rejects.toThrow(/did not start[\s\S]*invalid value for parameter "shared_buffers"/);
    await expect(failing).rejects.toBeInstanceOf(TestClusterError);
  });

  it('refuses versions it does not know', async () => {
    await expect(ensurePostgres(9)).rejects.toThrow('version: 9 is not a major version from 13 to 19');
  });
});

describe('roles change', () => {
  it('by a switchover, which takes the old primary back as a standby, fast and without a lost write', async () => {
    const [to] = cluster.standbys;
    if (!to) throw new Error('no standby');
    const old = cluster.primary;
    await write('before switchover');
    const result = await cluster.switchover(to);
    expect(cluster.primary).toBe(to);
    expect(result.demoted).toBe(old);
    expect(result.readyAt - result.refusingAt).toBeLessThan(1_500);
    await write('after switchover');
    await cluster.waitForStreaming();
    await waitUntil(async () => (await words(old)).includes('after switchover'), {
      what: 'the old primary to replay',
    });
    expect(await words()).toContain('before switchover');
  });

  it('not by a switchover to a standby that is not there', async () => {
    const [to] = cluster.standbys;
    if (!to) throw new Error('no standby');
    const killed = await to.kill();
    await expect(cluster.switchover(to)).rejects.toThrow(`Switchover to ${to.name} refused: it is stopped.`);
    await killed.undo();
    await cluster.waitForStreaming();
    await write('still writable');
  });

  it.each([
    ['nothing', undefined],
    ['string', 'standby1'],
  ])('not by a switchover to what is no node: %s', async (given, to) => {
    const error = `switchover takes the standby that is to take over, a node of cluster.standbys; it was given ${given}.`;
    await expect(cluster.switchover(to as never)).rejects.toThrow(error);
  });

  it('not by a switchover to a standby that cannot get everything; the primary accepts writes again', async () => {
    const [to] = cluster.standbys;
    if (!to) throw new Error('no standby');
    const [receiver] = await to.sql(`select pid from pg_stat_activity where backend_type = 'walreceiver'`);
    process.kill(Number(receiver?.['pid']), 'SIGSTOP');
    await cluster.sql(cluster.primary, 'create table not_received_by_all ()');
    await expect(cluster.switchover(to)).rejects.toThrow(`${to.name} to have received everything`);
    process.kill(Number(receiver?.['pid']), 'SIGCONT');
    await write('after a refused switchover');
  });

  it('by a failover after a kill, and the lost one rejoins', async () => {
    const old = cluster.primary;
    await write('before kill');
    await old.kill();
    const { promoted, readyAt } = await cluster.failover();
    expect(promoted).not.toBe(old);
    expect(cluster.primary).toBe(promoted);
    expect(Math.abs(Date.now() - readyAt)).toBeLessThan(5_000);
    await write('after failover');
    expect(await words()).toEqual(expect.arrayContaining(['before kill', 'after failover']));
    await old.rejoin();
    await waitUntil(async () => (await words(old)).includes('after failover'), {
      what: 'the lost one to replay',
    });
  });

  it('by a failover while the old primary is frozen, which then is alone with what it has', async () => {
    const old = cluster.primary;
    const frozen = await old.freeze();
    await cluster.failover({ afterMs: 10 });
    await write('while frozen');
    await frozen.undo();
    await waitUntil(async () => (await old.sql('select 1 from pg_stat_replication')).length === 0, {
      what: 'the old primary to notice that its standbys are gone',
    });
    expect(await old.sql('select pg_is_in_recovery() as standby')).toEqual([{ standby: false }]);
    await cluster.repair();
  });

  it('not by a failover when too few standbys are left to know of every confirmed commit', async () => {
    const [one, other] = cluster.standbys;
    if (!one || !other) throw new Error('two standbys expected');
    await using _one = await one.freeze();
    const primary = await cluster.primary.freeze();
    await expect(cluster.failover()).rejects.toThrow(
      /1 of 2 standbys can be reached, 2 are needed.*it is frozen/,
    );
    await primary.undo();
    await _one.undo();
    await cluster.waitForStreaming();
    await write('after a refused failover');
  });

  it('not for a node that is the primary already', async () => {
    await expect(cluster.primary.rejoin()).rejects.toThrow(
      'is the primary, so it has no other node to rejoin',
    );
  });
});
