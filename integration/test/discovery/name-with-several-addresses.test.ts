import dns from 'node:dns';
import net from 'node:net';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { reservePorts } from '@pgherd/testing/internal';
import { type Cluster, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createTable, PATIENT } from '../../src/support.ts';

const NAME = 'herd.test';
const [FIRST, SECOND] = ['127.0.0.1', '127.0.0.2'];

/** Takes connections at one address and leads them to a server. */
class Relay {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #address: string;
  readonly #port: number;

  constructor(address: string, port: number, target: () => number) {
    this.#address = address;
    this.#port = port;
    this.#server = net.createServer((near) => {
      const far = net.connect(target(), '127.0.0.1');
      this.#sockets.add(near);
      near.pipe(far).pipe(near);
      const end = () => {
        near.destroy();
        far.destroy();
        this.#sockets.delete(near);
      };
      for (const socket of [near, far]) socket.on('error', end).on('close', end);
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#address, resolve);
    });
  }

  /** Takes no new connection; those that are there go on. */
  refuse(): void {
    this.#server.close();
  }

  close(): void {
    this.refuse();
    for (const socket of this.#sockets) socket.destroy();
  }
}

let cluster: TestCluster;
let ports: Awaited<ReturnType<typeof reservePorts>>;
let addresses: readonly string[];
let relays: [Relay, Relay];
let targets: [number, number];
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'journal', 'id int');
});

beforeEach(async () => {
  ports = await reservePorts(1);
  const port = Number(ports.ports[0]);
  targets = [cluster.primary.directPort, cluster.primary.directPort];
  relays = [new Relay(FIRST, port, () => targets[0]), new Relay(SECOND, port, () => targets[1])];
  addresses = [FIRST, SECOND];
  // Sockets, servers and the choice among addresses are the real ones; only what the name means is scripted.
  const lookup = dns.lookup;
  vi.spyOn(dns, 'lookup').mockImplementation(((name: string, options: object, done: Answer) => {
    if (name !== NAME) return Reflect.apply(lookup, dns, [name, options, done]);
    const all = addresses.map((address) => ({ address, family: 4 }));
    if ('all' in options && options.all === true) done(null, all);
    else done(null, all[0]?.address ?? '', 4);
  }) as typeof dns.lookup);
  db = createCluster({
    url: `postgresql://app:app@${NAME}:${port}/app`,
    ...PATIENT,
    probe: { intervalMs: 200 },
  });
});

afterEach(async () => {
  await db.close();
  vi.restoreAllMocks();
  for (const relay of relays) relay.close();
  ports.release();
});

afterAll(() => cluster?.close());

type Answer = (error: null, found: string | { address: string; family: number }[], family?: number) => void;

/** As many connections of the pool as are asked for, all in use at once; the monitor has its own, if the pool took its first. */
async function use(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => db.query('select pg_sleep(0.05)')));
  await db.nextProbe();
}

async function endMonitor(): Promise<void> {
  await cluster.primary.sql(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% monitor'",
  );
}

it('a name with several addresses is one node: the first that answers serves', async () => {
  await relays[1].listen();
  await use(3);
  expect(db.nodes()).toHaveLength(1);
  expect(relays[1].connections).toBe(4);
});

it('the pool goes where the monitor is, although the name now begins with another address', async () => {
  await relays[1].listen();
  await db.ready();
  expect(relays[1].connections).toBe(1);
  await relays[0].listen();
  await use(5);
  expect(relays.map((relay) => relay.connections)).toEqual([0, 6]);
});

it('a monitor that comes back elsewhere takes the pool along, and what is leased when it is released', async () => {
  await relays[1].listen();
  await db.ready();
  await relays[0].listen();
  await use(5);
  const closed: string[] = [];
  db.on('connection:closed', ({ reason }) => closed.push(reason));
  const lease = await db.acquire();
  relays[1].refuse();
  await endMonitor();
  await waitUntil(() => closed.length === 4, { what: 'the idle connections to leave' });
  expect(new Set(closed)).toEqual(new Set([`${db.nodes()[0]?.name} is at ${FIRST} now, was at ${SECOND}`]));
  expect((await lease.query('select 1')).rowCount).toBe(1);
  lease.release();
  await waitUntil(() => relays[1].connections === 0, { what: 'the last connection to leave' });
  await use(5);
  expect(relays.map((relay) => relay.connections)).toEqual([6, 0]);
});

it('a name that moves to another server is followed: nothing of the old address is kept', async () => {
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('no standby');
  targets = [cluster.primary.directPort, standby.directPort];
  for (const relay of relays) await relay.listen();
  addresses = [FIRST];
  await db.query('insert into journal values (1)');
  await cluster.primary.kill();
  await cluster.failover();
  // As managed services do: the address changes after the new primary is there.
  const write = db.query('insert into journal values (2)');
  addresses = [SECOND];
  expect((await write).rowCount).toBe(1);
  expect(db.topology.floor).toBe(2);
  expect(await db.rows('select id from journal')).toContainEqual({ id: 2 });
});
