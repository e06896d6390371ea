import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import net from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { createFakePostmaster, type FakeFaultRule, type FakeScript, waitUntil } from '@pgherd/testing';
import {
  type Cluster,
  type ClusterEventName,
  type ClusterOptions,
  createCluster,
  type Discovery,
  PgHerdError,
} from 'pgherd';
import { type DnsResolver, dnsDiscovery } from 'pgherd/discovery-dns';
import { patroniDiscovery } from 'pgherd/discovery-patroni';
import { polledDiscovery } from 'pgherd/discovery-polled';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../../packages/pgherd/test/discovery/certificates.ts';

/** Erases the screen, begins another line of the log, and turns the direction of the text. */
const WORDS =
  'STRANGER\u001b[2J\u009b31m\u0007\r\n2026-01-01 LOG: all is well\t\u202e\u2066\u2028\u200b\u007f';
const LONG = WORDS + 'x'.repeat(1_048_576);
/** As much as is read of an error before the login. */
const LONG_BEFORE_LOGIN = WORDS + 'x'.repeat(20_000);

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
/** No text of ours is longer, characters: it has a few of a stranger's, each of them cut. */
const LONGEST = 4_000;

/** Every event; a new one does not compile until it is here. */
const EVENTS: Readonly<Record<ClusterEventName, true>> = {
  'topology:changed': true,
  'node:role-changed': true,
  'node:health-changed': true,
  'node:standing-changed': true,
  'primary:changed': true,
  'cluster:split-brain': true,
  'node:several-servers': true,
  'cluster:foreign': true,
  'node:added': true,
  'node:removed': true,
  'cluster:replaced': true,
  'cluster:writes-barred': true,
  'cluster:contested': true,
  'cluster:contest-ended': true,
  'cluster:epoch-accepted': true,
  'cluster:floor-withdrawn': true,
  'discovery:failed': true,
  'discovery:refused': true,
  'connection:opened': true,
  'connection:failed': true,
  'connection:closed': true,
  'connection:condemned': true,
  'statement:cancelled': true,
  'statement:slow': true,
  'server:notice': true,
  'pool:scarce': true,
  'lease:leaked': true,
  'call:retried': true,
  'node:ejected': true,
  'node:readmitted': true,
  'call:hedged': true,
  'retry:exhausted': true,
  'listen:lost': true,
  'listen:gap': true,
  'cluster:warned': true,
  'cluster:rested': true,
  'node:commits-waiting': true,
  'cluster:woken': true,
  'cluster:closed': true,
};

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The texts in a value: of errors, ours only, since those of the server pass through as they are. */
function textsIn(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  if (value instanceof PgHerdError) return [value.message, ...textsIn(value.details, seen)];
  if (value instanceof Error) return [];
  return Object.values(value).flatMap((one) => textsIn(one, seen));
}

interface Observed {
  readonly db: Cluster;
  readonly texts: string[];
}

/** A cluster object, and every text of its events and its log. */
function observe(options: ClusterOptions): Observed {
  const texts: string[] = [];
  const log = (line: string) => void texts.push(line);
  const db = createCluster({
    env: {},
    probe: { intervalMs: 50, timeoutMs: 1_000 },
    waitTimeoutMs: 60_000,
    logger: { debug: log, info: log, warn: log, error: log },
    ...options,
  });
  closing.push(() => db.terminate());
  for (const name of Object.keys(EVENTS) as ClusterEventName[]) {
    db.on(name, (event) => void texts.push(...textsIn(event)));
  }
  return { db, texts };
}

/** Waits until the words were shown, and checks every text. */
async function expectEscaped({ db, texts }: Observed): Promise<void> {
  await waitUntil(() => texts.some((text) => text.includes('STRANGER')), {
    what: 'the words to be shown',
    timeoutMs: 60_000,
  });
  for (const node of db.nodes()) texts.push(...textsIn(node));
  for (const text of texts) {
    expect(UNPRINTABLE.exec(text)?.[0]?.codePointAt(0), text.slice(0, 500)).toBeUndefined();
    expect(text.length, text.slice(0, 200)).toBeLessThan(LONGEST);
  }
}

async function fake(script: FakeScript): Promise<string> {
  const server = await createFakePostmaster(script);
  closing.push(() => server.close());
  return server.url;
}

/** Collects what a call ends with. */
async function failing({ texts }: Observed, work: Promise<unknown>): Promise<void> {
  texts.push(...textsIn(await work.catch((error: unknown) => error)));
}

const error = (sqlState: string, severity: 'ERROR' | 'FATAL', message: string) =>
  ({ kind: 'error', sqlState, severity, message }) as const;

describe('a server', () => {
  it.each([
    ['28000', 'startup'],
    ['3D000', 'startup'],
    ['53300', 'startup'],
    ['57P03', 'startup'],
    ['XX000', 'startup'],
    ['28P01', 'password'],
  ] as const)('that refuses the login by %s at %s', async (sqlState, at) => {
    const password = 'secret';
    const url = await fake({
      authentication: { method: 'scram-sha-256', password },
      faults: [{ at, do: error(sqlState, 'FATAL', LONG_BEFORE_LOGIN) }],
    });
    const observed = observe({ url, password, waitTimeoutMs: 500 });
    await failing(observed, observed.db.query('select 1'));
    await expectEscaped(observed);
  });

  it('whose version is words', async () => {
    const observed = observe({
      url: await fake({ version: `12.1 ${LONG.slice(0, 10_000)}` }),
      waitTimeoutMs: 500,
    });
    await failing(observed, observed.db.query('select 1'));
    await expectEscaped(observed);
  });

  it.each<[what: string, rule: Omit<FakeFaultRule, 'when'>]>([
    ['ends a statement and the session', { at: 'execute', do: error('57P01', 'FATAL', LONG) }],
    ['ends a statement by an unknown outcome', { at: 'execute', do: error('40003', 'ERROR', LONG) }],
  ])('that %s', async (_what, rule) => {
    const isOurs: FakeFaultRule['when'] = (_connection, statement) =>
      statement?.text.includes('app_table') === true;
    const observed = observe({
      url: await fake({ faults: [{ ...rule, when: isOurs }] }),
      retry: { attempts: 2 },
    });
    await failing(observed, observed.db.query('update app_table set n = 1'));
    await failing(observed, observed.db.query('select n from app_table'));
    await failing(
      observed,
      observed.db.transaction((tx) => tx.query('update app_table set n = 1')),
    );
    await expectEscaped(observed);
  });

  it('that ends the connection of subscriptions', async () => {
    const isListen: FakeFaultRule['when'] = (_connection, statement) =>
      /^listen/i.test(statement?.text ?? '');
    const faults: FakeFaultRule[] = [{ at: 'query', do: error('57P01', 'FATAL', LONG), when: isListen }];
    const observed = observe({ url: await fake({ faults }), waitTimeoutMs: 500 });
    await failing(
      observed,
      observed.db.listen('news', () => undefined, { timeoutMs: 500 }),
    );
    await expectEscaped(observed);
  });

  it('whose certificate has them for a name', async () => {
    const authority = createAuthority();
    const { cert, key } = authority.issue(WORDS, WORDS.replaceAll(/[^ -~]/g, '\n'));
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('S');
        const secureContext = createSecureContext({ cert, key });
        new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => undefined);
      });
    });
    const port = await listening(server);
    const observed = observe({
      url: `postgres://app@localhost:${port}/app?sslmode=verify-full`,
      tls: { rootCert: authority.cert },
      waitTimeoutMs: 500,
    });
    await failing(observed, observed.db.query('select 1'));
    await expectEscaped(observed);
  });
});

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a discovery', () => {
  const broken = (name: string, load: () => Promise<never[]>): Discovery =>
    polledDiscovery({ name, load, refreshMs: 100 });
  const node = (fields: object) => broken('registry', async () => [fields] as never[]);

  it.each<[what: string, discovery: () => Discovery | Promise<Discovery>]>([
    ['that fails with them', () => broken('registry', () => Promise.reject(new Error(LONG)))],
    ['that fails with a text', () => broken('registry', () => Promise.reject(LONG))],
    ['that names a host', () => node({ host: LONG })],
    ['that names a socket', () => node({ host: `/${WORDS}` })],
    ['that names an address', () => node({ host: 'db1', hostaddr: LONG })],
    ['that names a certificate', () => node({ host: 'db1', serverName: LONG })],
    ['that names a zone', () => node({ host: 'db1', port: LONG, zone: LONG })],
    [
      'by DNS',
      () => {
        const records = [{ name: LONG, port: 5432, priority: 1, weight: 1 }];
        const nothing = () => Promise.reject(new Error(LONG));
        const resolver: DnsResolver = {
          resolve4: nothing,
          resolve6: nothing,
          resolveSrv: async () => records,
        };
        return dnsDiscovery({ name: '_pg._tcp.example.com', kind: 'srv', resolver });
      },
    ],
    ['by Patroni that answers with them', () => patroni(200, LONG.slice(0, 100_000))],
    [
      'by Patroni of a member of that name',
      () => patroni(200, JSON.stringify({ members: [{ name: LONG.slice(0, 100_000), host: WORDS }] })),
    ],
    [
      'by Patroni of a member of that name alone',
      () => patroni(200, JSON.stringify({ members: [{ name: WORDS, host: 7 }] })),
    ],
  ])('%s', async (_what, discovery) => {
    const observed = observe({ url: await fake({}), discovery: await discovery() });
    await observed.db.query('select 1');
    await expectEscaped(observed);
  });

  async function patroni(status: number, body: string): Promise<Discovery> {
    const server = createHttpServer((_request, response) => response.writeHead(status).end(body));
    return patroniDiscovery({ endpoints: [`http://127.0.0.1:${await listening(server)}`] });
  }
});
