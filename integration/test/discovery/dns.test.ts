import { promises as dns } from 'node:dns';
import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { dnsDiscovery } from 'pgherd/discovery-dns';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type DnsAnswer,
  type DnsServer,
  startDnsServer,
} from '../../../packages/pgherd/test/discovery/dns-server.ts';
import { loadOn } from '../../src/load.ts';
import { createTable, PATIENT, restore } from '../../src/support.ts';

const NAME = '_postgresql._tcp.example.test';

describe('nodes by SRV records, on a real name server', () => {
  let cluster: TestCluster;
  let server: DnsServer;
  let answer: DnsAnswer;
  let db: Cluster;
  let failures: string[];
  let nextId = 1;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'on', any: 1 } });
    await createTable(cluster, 'journal', 'id int');
    server = await startDnsServer(() => answer);
  });

  beforeEach(() => {
    answer = records(cluster.nodes);
    failures = [];
    const resolver = new dns.Resolver({ timeout: 1_000, tries: 1 });
    resolver.setServers([server.address]);
    db = createCluster({
      // Nobody listens there: whoever is known is known by DNS.
      url: 'postgresql://app:app@127.0.0.1:1/app',
      discovery: dnsDiscovery({ name: NAME, kind: 'srv', refreshMs: 100, timeoutMs: 500, resolver }),
      probe: { intervalMs: 200 },
      ...PATIENT,
    });
    db.on('discovery:failed', ({ error }) => failures.push(String(error)));
  });

  afterEach(async () => {
    await db.close();
    await restore(cluster);
  });

  afterAll(async () => {
    await server?.close();
    await cluster?.close();
  });

  function records(nodes: readonly TestNode[]): DnsAnswer {
    return nodes.map((node) => ({ srv: { target: 'localhost', port: node.port, priority: 0, weight: 0 } }));
  }

  function knows(nodes: readonly TestNode[]): Promise<boolean> {
    const expected = nodes
      .map((node) => `localhost:${node.port}`)
      .sort()
      .join();
    const known = () => db.nodes().filter((node) => node.health === 'ok');
    const exactly = () =>
      db.nodes().length === nodes.length &&
      known()
        .map((node) => node.name)
        .sort()
        .join() === expected;
    return waitUntil(exactly, { what: `pgherd to know exactly ${expected}` });
  }

  it('finds the nodes, and loses and takes in what DNS does, under load and without a failure', async () => {
    await db.ready({ primaries: 1, standbys: 2 });
    await knows(cluster.nodes);
    const [first, second] = cluster.standbys;
    if (first === undefined || second === undefined) throw new Error('there are no two standbys');
    const load = loadOn(db, 'journal', nextId);
    try {
      await load.served(5, `localhost:${second.port}`);
      answer = records([cluster.primary, first]);
      await knows([cluster.primary, first]);
      const since = performance.now();
      await load.served(50);
      const later = load.reads.filter((read) => read.startedAt >= since).map((read) => read.node);
      expect(later).not.toContain(`localhost:${second.port}`);
      answer = records(cluster.nodes);
      await load.served(5, `localhost:${second.port}`);
      await knows(cluster.nodes);
    } finally {
      await load.stop();
      nextId += load.writes.length;
    }
    expect([...load.failedReads, ...load.failedWrites, ...load.unknownWrites]).toEqual([]);
    expect(failures).toEqual([]);
  });

  it('the last list stays when DNS fails, and a failover needs none', async () => {
    await db.ready({ primaries: 1, standbys: 2 });
    answer = 'silence';
    await waitUntil(() => failures.length > 0, { what: 'discovery to fail' });
    expect(failures[0]).toContain(`DNS for ${NAME} gave no answer within 500 ms`);
    answer = 'nxdomain';
    await waitUntil(() => failures.some((one) => one.includes('ENOTFOUND')), { what: 'the name to be gone' });
    await knows(cluster.nodes);
    await cluster.primary.kill();
    const { promoted } = await cluster.failover({ afterMs: 100 });
    const { node } = await db.query('insert into journal values ($1)', [nextId++]);
    expect(node).toBe(`localhost:${promoted.port}`);
    answer = records(cluster.nodes);
    const before = server.questions.length;
    await waitUntil(() => server.questions.length > before + 2, { what: 'DNS to be asked again' });
    expect(db.nodes()).toHaveLength(3);
  });
});
