import net from 'node:net';
import { createTestCluster, startProxy, type TcpProxy, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JOURNAL } from '../../src/invariants.ts';
import { type Load, LoadSeries } from '../../src/load.ts';
import { createTable, nameOf, PATIENT, restore } from '../../src/support.ts';

let cluster: TestCluster;
const series = new LoadSeries('journal');

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'journal', JOURNAL);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Every server twice: by its address, and by a second one. */
interface Twice {
  readonly hosts: readonly string[];
  readonly end: () => Promise<void>;
}

const WAYS: readonly (readonly [string, () => Promise<Twice>])[] = [
  [
    'a name and its address',
    async () => ({
      hosts: cluster.nodes.flatMap((node) => [nameOf(node), `localhost:${node.port}`]),
      end: async () => undefined,
    }),
  ],
  [
    'a proxy before it',
    async () => {
      const proxies: TcpProxy[] = [];
      for (const node of cluster.nodes) proxies.push(await startProxy(await freePort(), node.directPort));
      return {
        hosts: [...cluster.nodes.map(nameOf), ...proxies.map((proxy) => `127.0.0.1:${proxy.port}`)],
        end: async () => {
          for (const proxy of proxies) await proxy.close();
        },
      };
    },
  ],
];

describe.each(WAYS)('servers with two addresses: %s', (_name, make) => {
  let twice: Twice;
  let db: Cluster;
  let splitBrains: ClusterEvents['cluster:split-brain'][];

  beforeEach(async () => {
    twice = await make();
    const url = `postgresql://app:app@${twice.hosts.join(',')}/app`;
    // A slow answer on a busy machine is no reason to go over to the other address here.
    db = createCluster({ url, ...PATIENT, probe: { timeoutMs: 5_000 } });
    splitBrains = [];
    db.on('cluster:split-brain', (event) => splitBrains.push(event));
    await db.ready({ primaries: 1, standbys: 1 });
    await waitUntil(() => aliases().length === cluster.nodes.length, {
      what: 'each second address to be known',
    });
  });

  afterEach(async () => {
    await db.close();
    await twice.end();
  });

  const aliases = () => db.nodes().filter((node) => node.aliasOf !== undefined);

  const underLoad = (scenario: (load: Load) => Promise<void>) =>
    series.run(db, async (load) => {
      await scenario(load);
      await load.acknowledged();
      await load.served();
    });

  it('are one node each, and only one address gets work', async () => {
    const answered = () => new Map(db.stats().nodes.map(({ node, answered }) => [node, answered]));
    const before = answered();
    const load = await underLoad(async (load) => load.served(100));
    for (const { name } of aliases()) expect(answered().get(name)).toBe(before.get(name));
    expect(new Set(load.writes.map((write) => write.node)).size).toBe(1);
    expect(new Set(load.reads.map((read) => read.node)).size).toBe(1);
    expect(splitBrains).toEqual([]);
  });

  it('are no split brain across fast restarts', async () => {
    const load = await underLoad(async (load) => {
      for (let times = 0; times < 5; times++) {
        await cluster.primary.stop('fast');
        await cluster.primary.start();
        await load.acknowledged();
      }
      await waitUntil(() => aliases().length === cluster.nodes.length, { what: 'each second address again' });
    });
    expect(splitBrains).toEqual([]);
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
  });

  it('are no split brain when the standby with two addresses is promoted', async () => {
    const load = await underLoad(async (load) => {
      await cluster.primary.kill();
      const { promoted } = await cluster.failover({ afterMs: 100 });
      await load.acknowledged();
      expect(splitBrains).toEqual([]);
      const claims = db
        .nodes()
        .filter((node) => node.health === 'ok' && node.role === 'primary' && node.aliasOf === undefined);
      expect(claims.map((node) => node.address.port)).toEqual([promoted.port]);
    });
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
  });
});
