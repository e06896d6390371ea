import {
  createTestAddress,
  createTestCluster,
  type TestAddress,
  type TestCluster,
  waitUntil,
} from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { afterEach, describe, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';

const opened: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function servers(): Promise<{ cluster: TestCluster; address: TestAddress }> {
  const cluster = await createTestCluster({ standbys: 1 });
  opened.push(cluster);
  const address = await createTestAddress(cluster.primary);
  opened.push(address);
  await cluster.primary.appSql(
    'create table kept (id serial, port int default inet_server_port(), at timestamptz default clock_timestamp())',
  );
  await cluster.waitForStreaming();
  return { cluster, address };
}

function open(address: TestAddress, options = {}): Cluster {
  const db = createCluster({ url: address.url, ...PATIENT, ...options });
  opened.push(db);
  return db;
}

/** Writes until `signal` aborts, one transaction after the other. */
async function keepWriting(db: Cluster, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await db
      .transaction(async (tx) => {
        await tx.query('insert into kept default values');
        await tx.query('select pg_sleep(0.01)');
      })
      .catch(() => undefined);
  }
}

describe('one address, which leads to the promoted standby while the old primary lives', () => {
  it('is followed: after the first write on the new primary none is sent to the old one', async () => {
    const { cluster, address } = await servers();
    const [old, next] = [cluster.primary, cluster.standbys[0]];
    if (next === undefined) throw new Error('there is no standby');
    const db = open(address);
    await db.ready({ primaries: 1 });
    const end = new AbortController();
    const callers = [keepWriting(db, end.signal), keepWriting(db, end.signal)];
    const written = async (node: typeof old) =>
      Number(
        (await node.appSql('select count(*) as n from kept where port = $1', [node.directPort]))[0]?.['n'],
      );
    await waitUntil(async () => (await written(old)) > 20, { what: 'writes on the old primary' });
    await next.promote();
    address.leadTo(next);
    for (let more = 0; more < 6; more++) callers.push(keepWriting(db, end.signal));
    await waitUntil(async () => (await written(next)) > 200, { what: 'writes on the new primary' });
    const [first] = await next.appSql('select min(at) as at from kept where port = $1', [next.directPort]);
    const late = await old.appSql('select count(*)::int as n from kept where at > $1', [first?.['at']]);
    expect(late).toEqual([{ n: 0 }]);
    const before = await written(old);
    await waitUntil(async () => (await written(next)) > 400, { what: 'more writes on the new primary' });
    end.abort();
    await Promise.all(callers);
    expect(await written(old)).toBe(before);
  });

  it('is followed by its monitor alone if the pool opens no connection: calls wait, and the old server is a standby', async () => {
    const { cluster, address } = await servers();
    const db = open(address);
    await db.query('insert into kept default values');
    const [next] = cluster.standbys;
    if (next === undefined) throw new Error('there is no standby');
    await cluster.switchover(next);
    await waitUntil(() => db.nodes()[0]?.role === 'standby', {
      what: 'the old server to be seen as a standby',
    });
    const written = db.query('insert into kept default values returning port');
    address.leadTo(next);
    expect((await written).rows).toEqual([{ port: next.directPort }]);
  });

  it('is followed by probe.redialMs alone, without any call', async () => {
    const { cluster, address } = await servers();
    const [, next] = cluster.nodes;
    if (next === undefined) throw new Error('there is no standby');
    const db = open(address, { probe: { redialMs: 200 } });
    await db.query('select 1');
    const before = db.nodes()[0]?.postmasterStartedAt;
    address.leadTo(next);
    await waitUntil(() => db.nodes()[0]?.role === 'standby', {
      what: 'the standby at the address to be seen',
    });
    expect(db.nodes()[0]?.postmasterStartedAt).not.toBe(before);
    expect(db.stats().total.size).toBe(0);
  });

  it('reads behind the question are not answered by the other server', async () => {
    const { cluster, address } = await servers();
    const [, standby] = cluster.nodes;
    if (standby === undefined) throw new Error('there is no standby');
    address.leadTo(standby);
    const db = open(address, { probe: { redialMs: 0 }, target: 'any' });
    await db.ready({ standbys: 1 });
    // The first connection of the pool was the monitor's: it was opened before the move.
    await using first = await db.acquire();
    expect(first.node).toBe(db.nodes()[0]?.name);
    address.leadTo(cluster.primary);
    const { rows } = await db.read.query('select inet_server_port() as port');
    // The first one after the move: the node is the primary by then, for that is what the address leads to.
    expect(rows).toEqual([{ port: cluster.primary.directPort }]);
    expect(db.nodes()[0]?.role).toBe('primary');
  });
});
