import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, closeSharedClusters } from 'pgherd';
import { Client, Pool } from 'pgherd/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, auth: 'scram-sha-256' });
});
afterEach(() => restore(cluster));
afterAll(async () => {
  await closeSharedClusters();
  await cluster?.close();
});

const WHERE = 'select inet_server_port() as port, pg_is_in_recovery() as standby';

/** The cluster that a pool leads to. */
function clusterOf(pool: Pool): Cluster {
  const options = pool.options as unknown as Record<symbol, { readonly cluster: Cluster }>;
  const binding = options[Symbol.for('pgherd.pg.binding')];
  if (binding === undefined) throw new Error('the pool leads nowhere');
  return binding.cluster;
}

describe('Pool and Client of pgherd/pg', () => {
  it('take a connection string with all hosts, and share one cluster until the last has ended', async () => {
    const writes = new Pool({ connectionString: cluster.url, application_name: 'writes', max: 2 });
    const reads = new Pool({
      connectionString: `${cluster.url}?target_session_attrs=standby`,
      application_name: 'reads',
    });
    expect((await writes.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    expect((await reads.query(WHERE)).rows).toMatchObject([{ standby: true }]);
    const client = new Client({ connectionString: cluster.url, application_name: 'client' });
    await client.connect();
    expect((await client.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    const db = clusterOf(writes);
    expect(clusterOf(reads)).toBe(db);
    expect(db.stats().total.guests).toBe(3);
    await writes.end();
    await reads.end();
    expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    expect(db.isOpen).toBe(true);
    await client.end();
    await waitUntil(() => !db.isOpen, { what: 'the cluster to be closed' });
  });

  it('take the parts of a connection one by one, as pg does', async () => {
    const hosts = cluster.nodes.map(({ host }) => host).join(',');
    const ports = cluster.nodes.map(({ port }) => port).join(',');
    const pool = new Pool({
      host: hosts,
      port: ports as never,
      user: 'app',
      password: 'app',
      database: 'app',
      ssl: false,
    });
    expect((await pool.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    expect(JSON.stringify(pool.options)).not.toContain('password');
    const db = clusterOf(pool);
    await pool.end();
    expect(db.isOpen).toBe(false);
  });

  it('take from the environment what they are not given, and share a cluster that is described in other words', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      PGHOST: cluster.nodes.map(({ host }) => host).join(','),
      PGPORT: cluster.nodes.map(({ port }) => port).join(','),
      PGUSER: 'app',
      PGPASSWORD: 'app',
      PGDATABASE: 'app',
    });
    try {
      const pool = new Pool({ application_name: 'pool' });
      const client = new Client({ application_name: 'client', connectionString: cluster.url });
      await client.connect();
      expect((await pool.query(WHERE)).rows).toMatchObject([{ standby: false }]);
      expect(clusterOf(pool).stats().total.guests).toBe(2);
      await client.end();
      await pool.end();
    } finally {
      process.env = before;
    }
  });

  it('another password is another cluster', async () => {
    const pool = new Pool({ connectionString: cluster.url });
    await pool.query('select 1');
    const wrong = new Pool({ connectionString: cluster.url.replace('app:app@', 'app:wrong@') });
    expect(codeOf(await rejection(wrong.query('select 1')))).toBe('28P01');
    await wrong.end();
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await pool.end();
  });

  it('a pool goes on after a failover, and shares its queries if it is asked to', async () => {
    const pool = new Pool({ connectionString: cluster.url });
    const sharing = new Pool({ connectionString: cluster.url, query: 'shared' });
    await pool.query('select 1');
    await cluster.primary.kill();
    await cluster.failover();
    expect((await sharing.query(WHERE)).rows).toMatchObject([{ port: cluster.primary.port, standby: false }]);
    const found = await waitUntil(
      () =>
        pool.query(WHERE).then(
          ({ rows }) => rows[0],
          () => undefined,
        ),
      {
        what: 'the new primary',
      },
    );
    expect(found).toMatchObject({ port: cluster.primary.port });
    await pool.end();
    await sharing.end();
  });

  it('a client of a copy of a pool’s options leads where the pool does', async () => {
    const pool = new Pool({ connectionString: `${cluster.url}?target_session_attrs=standby` });
    const client = new Client({ ...pool.options, password: pool.options.password });
    await client.connect();
    expect((await client.query(WHERE)).rows).toMatchObject([{ standby: true }]);
    await client.end();
    expect((await pool.query(WHERE)).rows).toMatchObject([{ standby: true }]);
    await pool.end();
  });

  it('bad options fail where they are written', () => {
    const refused = (code: string) => expect.objectContaining({ code });
    expect(() => new Pool({ connectionString: 'postgres://app@db1/shop?nonsense=1' })).toThrow(
      refused('PGHERD_INVALID_DSN'),
    );
    expect(() => new Client({ connectionString: 'mysql://db1/shop' })).toThrow(refused('PGHERD_INVALID_DSN'));
    expect(() => new Pool({ ssl: { checkServerIdentity: () => undefined } })).toThrow(
      refused('PGHERD_INVALID_ARGUMENT'),
    );
    expect(() => new Pool({ target: 'master' } as never)).toThrow(refused('PGHERD_INVALID_ARGUMENT'));
  });
});
