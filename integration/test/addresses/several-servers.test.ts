import {
  createTestAddress,
  createTestCluster,
  type TestAddress,
  type TestCluster,
  waitUntil,
} from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTable, nameOf, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'counted', 'n int');
  await cluster.primary.appSql('insert into counted values (0)');
});

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  for (const node of cluster.standbys) await node.sql('select pg_wal_replay_resume()');
});

afterAll(() => cluster?.close());

/** A reader endpoint before both standbys, of which the second stands still. */
async function readerEndpoint(): Promise<TestAddress> {
  const address = await createTestAddress(...cluster.standbys);
  opened.push(address);
  await cluster.standbys[1]?.sql('select pg_wal_replay_pause()');
  return address;
}

function open(address: TestAddress, options = {}): Cluster {
  const url = `postgresql://app:app@${nameOf(cluster.primary)},127.0.0.1:${address.port}/app`;
  const db = createCluster({ url, ...PATIENT, ...options });
  opened.push(db);
  return db;
}

const reader = (db: Cluster) => db.nodes().find(({ several }) => several !== undefined);

/** Reads until connections have gone back and forth often enough. */
async function foundOut(db: Cluster): Promise<void> {
  await waitUntil(
    async () => {
      const reads = Array.from({ length: 8 }, () =>
        db.read.transaction(async (tx) => tx.query('select pg_sleep(0.05)')),
      );
      await Promise.all(reads);
      return reader(db) !== undefined;
    },
    { what: 'several servers to be found out' },
  );
}

describe('a reader endpoint before two standbys, of which one stands still', () => {
  it('gives no causal read that is stale, before and after it is found out', async () => {
    const address = await readerEndpoint();
    const db = open(address);
    await db.ready({ primaries: 1, standbys: 1 });
    let stale = 0;
    const caller = async () => {
      for (let round = 0; round < 30; round++) {
        await db.causal(async () => {
          const { n } = await db.one<{ n: number }>('update counted set n = n + 1 returning n');
          const seen = await db.read.one<{ n: number }>('select n from counted');
          if (seen.n < n) stale += 1;
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, caller));
    expect(stale).toBe(0);
    await foundOut(db);
    await Promise.all(Array.from({ length: 8 }, caller));
    expect(stale).toBe(0);
  });

  it('gives no read beyond lag.maxMs: it goes to the primary, or fails with the reason', async () => {
    const address = await readerEndpoint();
    const db = open(address, { lag: { maxMs: 1_000 } });
    await db.ready({ primaries: 1 });
    await foundOut(db);
    const still = cluster.standbys[1]?.directPort;
    await cluster.primary.appSql('update counted set n = n + 1');
    const served = await Promise.all(
      Array.from(
        { length: 160 },
        async () => (await db.read.query('select inet_server_port() as port')).rows[0]?.['port'],
      ),
    );
    expect(served.filter((port) => port === still)).toEqual([]);
    const error = await rejection(db.with({ target: 'standby', timeoutMs: 300 }).query('select 1'));
    expect(String(error)).toContain('2 servers answer at its address');
  });

  it('serves other reads, and says so once', async () => {
    const address = await readerEndpoint();
    const db = open(address);
    await db.ready({ primaries: 1, standbys: 1 });
    const events: ClusterEvents['node:several-servers'][] = [];
    db.on('node:several-servers', (event) => events.push(event));
    await foundOut(db);
    const found = reader(db)?.generation;
    const ports = new Set<unknown>();
    await waitUntil(
      async () => {
        const reads = Array.from({ length: 8 }, () =>
          db.read.transaction(async (tx) => {
            const { rows } = await tx.query('select inet_server_port() as port');
            await tx.query('select pg_sleep(0.02)');
            ports.add(rows[0]?.['port']);
          }),
        );
        await Promise.all(reads);
        return ports.size === 2;
      },
      { what: 'reads from both' },
    );
    // Another server at the address is no restart: nothing that runs is ended.
    expect(reader(db)?.generation).toBe(found);
    expect(events).toEqual([{ node: `127.0.0.1:${address.port}`, servers: 2, barsWrites: false }]);
  });
});

describe('long reads at one address with several servers', () => {
  it('are left alone: the server that the monitor asks does not know those of the other one', async () => {
    const address = await readerEndpoint();
    const db = open(address);
    await db.ready({ primaries: 1, standbys: 1 });
    await foundOut(db);
    const condemned: unknown[] = [];
    db.on('connection:condemned', (event) => condemned.push(event));
    const node = reader(db)?.name;
    const ports = await Promise.all(
      Array.from({ length: 8 }, () =>
        db.with({ target: 'standby', node }).transaction(async (tx) => {
          const { rows } = await tx.query('select inet_server_port() as port');
          await tx.query('select pg_sleep(6)');
          return rows[0]?.['port'];
        }),
      ),
    );
    expect(new Set(ports).size).toBe(2);
    expect(condemned).toEqual([]);
  });
});

describe('one address before a primary and its standby', () => {
  it('gets no writes once that is found out, and the error says why', async () => {
    const address = await createTestAddress(...cluster.nodes.slice(0, 2));
    opened.push(address);
    const db = createCluster({ url: address.url, ...PATIENT, probe: { redialMs: 100 } });
    opened.push(db);
    await waitUntil(
      async () => {
        await Promise.allSettled(
          Array.from({ length: 4 }, () =>
            db.with({ target: 'any', timeoutMs: 2_000 }).query('select pg_sleep(0.02)'),
          ),
        );
        return db.nodes()[0]?.several?.barsWrites === true;
      },
      { what: 'several servers to be found out' },
    );
    await waitUntil(() => db.nodes()[0]?.role === 'primary' || db.nodes()[0]?.role === 'standby');
    const error = await rejection(db.query('select 1', [], { timeoutMs: 300 }));
    expect(String(error)).toMatch(/2 servers of one system answer at its address|its role is standby/);
  });
});
