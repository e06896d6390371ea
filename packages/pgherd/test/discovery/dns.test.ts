import { promises as dns, type ResolverOptions } from 'node:dns';
import { afterEach, describe, expect, it } from 'vitest';
import { type DnsDiscoveryOptions, type DnsResolver, dnsDiscovery } from '../../src/discovery/dns.ts';
import { fixedRandom } from '../support/random.ts';
import { afterPause, type Lists, listsOf, nextList, type TestContext, testContext } from './context.ts';
import { type DnsAnswer, type DnsQuestion, type DnsServer, startDnsServer } from './dns-server.ts';

const NAME = 'nodes.example.test';
const servers: DnsServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(
  answer: (question: DnsQuestion) => DnsAnswer,
): Promise<{ server: DnsServer; resolver: dns.Resolver }> {
  const server = await startDnsServer(answer);
  servers.push(server);
  const resolver = new dns.Resolver({ timeout: 60_000, tries: 1 });
  resolver.setServers([server.address]);
  return { server, resolver };
}

interface Watched {
  readonly server: DnsServer;
  readonly resolver: dns.Resolver;
  readonly lists: Lists;
  readonly context: TestContext;
}

async function watch(
  answer: (question: DnsQuestion) => DnsAnswer,
  options: Partial<DnsDiscoveryOptions> = {},
  context = testContext(),
): Promise<Watched> {
  const { server, resolver } = await serve(answer);
  const discovery = dnsDiscovery({ name: NAME, kind: 'addresses', resolver, ...options });
  return { server, resolver, lists: listsOf(discovery, context), context };
}

/** Answers for A and AAAA. */
function byKind(answers: Readonly<Record<string, DnsAnswer>>): (question: DnsQuestion) => DnsAnswer {
  return ({ kind }) => answers[kind] ?? [];
}

describe('dnsDiscovery by address, on a real name server', () => {
  it('makes each address a node, that must prove itself as the name', async () => {
    const { lists, server } = await watch(
      byKind({
        A: [{ a: '10.0.0.2' }, { a: '10.0.0.1' }, { a: '10.0.0.2' }],
        AAAA: [{ aaaa: '2001:db8::7' }],
      }),
      { port: 5433 },
    );
    expect(await nextList(lists)).toEqual([
      { host: '10.0.0.1', port: 5433, serverName: NAME },
      { host: '10.0.0.2', port: 5433, serverName: NAME },
      { host: '2001:db8::7', port: 5433, serverName: NAME },
    ]);
    expect(server.questions.map(({ name }) => name)).toEqual([NAME, NAME]);
  });

  it('leaves the port to the connection string', async () => {
    const { lists } = await watch(byKind({ A: [{ a: '10.0.0.1' }] }));
    expect((await nextList(lists)).map((node) => node.port)).toEqual([undefined]);
  });

  it('sees nodes come and go', async () => {
    const addresses = ['10.0.0.1', '10.0.0.2'];
    const { lists, context } = await watch(({ kind }) => (kind === 'A' ? addresses.map((a) => ({ a })) : []));
    expect((await nextList(lists)).map((node) => node.host)).toEqual(['10.0.0.1', '10.0.0.2']);
    addresses.splice(0, 1, '10.0.0.3');
    expect((await afterPause(lists, context)).map((node) => node.host)).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it.each([
    [4, 'A', '10.0.0.1'],
    [6, 'AAAA', '2001:db8::7'],
  ] as const)('asks for family %d only, if told so', async (family, kind, host) => {
    const { lists, server } = await watch(
      byKind({ A: [{ a: '10.0.0.1' }], AAAA: [{ aaaa: '2001:db8::7' }] }),
      { family },
    );
    expect((await nextList(lists)).map((node) => node.host)).toEqual([host]);
    expect(server.questions.map((question) => question.kind)).toEqual([kind]);
  });

  it.each([
    [
      'the life of the answer, if it is the shorter',
      0,
      [
        { a: '10.0.0.1', ttl: 60 },
        { a: '10.0.0.2', ttl: 5 },
      ],
      5_000,
    ],
    ['not before the answer has expired, whatever the dice say', 0.8, [{ a: '10.0.0.1', ttl: 5 }], 6_000],
    ['refreshMs, if the answer lives longer', 0, [{ a: '10.0.0.1', ttl: 3_600 }], 20_000],
    ['less than refreshMs by up to a quarter', 0.8, [{ a: '10.0.0.1', ttl: 3_600 }], 16_000],
    ['a second at least', 0, [{ a: '10.0.0.1', ttl: 0 }], 1_000],
  ])('waits for %s', async (_what, dice, records, expected) => {
    const context = testContext(fixedRandom(dice));
    const { lists } = await watch(byKind({ A: records }), { refreshMs: 20_000 }, context);
    await nextList(lists);
    void lists.next();
    await context.clock.settle();
    expect(context.pauses).toEqual([expected]);
    context.close();
  });

  it('asks at once when the primary was lost', async () => {
    const { lists, context, server } = await watch(byKind({ A: [{ a: '10.0.0.1' }] }), { family: 4 });
    await nextList(lists);
    const next = nextList(lists);
    await context.clock.settle();
    context.wake();
    await next;
    expect(server.questions).toHaveLength(2);
    expect(context.clock.now()).toBe(0);
  });

  it.each([
    ['the name does not exist', { A: 'nxdomain', AAAA: 'nxdomain' }, /ENOTFOUND/],
    ['the name has no address', { A: [], AAAA: [] }, /DNS knows nodes\.example\.test, but no address of it/],
    [
      'one family cannot be told: half a list is none',
      { A: [{ a: '10.0.0.1' }], AAAA: 'servfail' },
      /ESERVFAIL/,
    ],
  ] as const)('fails when %s', async (_what, answers, message) => {
    const { lists } = await watch(byKind(answers));
    await expect(lists.next()).rejects.toThrow(message);
  });

  it('fails when nobody answers within timeoutMs', async () => {
    const { lists, server, context } = await watch(() => 'silence', { timeoutMs: 700, family: 4 });
    const failed = expect(lists.next()).rejects.toThrow(`DNS for ${NAME} gave no answer within 700 ms.`);
    await server.asked();
    await context.clock.advance(700);
    await failed;
    expect(context.clock.pending).toBe(0);
  });

  it('ends when the cluster is closed while nobody answers', async () => {
    const { lists, server, context } = await watch(() => 'silence', { family: 4 });
    const end = lists.next();
    await server.asked();
    context.close();
    expect((await end).done).toBe(true);
    expect(context.clock.pending).toBe(0);
  });
});

describe('dnsDiscovery by SRV, on a real name server', () => {
  const srv = (target: string, port: number, priority = 0, weight = 0) => ({
    srv: { target, port, priority, weight },
  });

  it('lists the targets with their ports: lower priority first, then the heavier, each once', async () => {
    const records = [
      srv('late.example.test', 5432, 20, 100),
      srv('light.example.test', 5433, 10, 1),
      srv('heavy.example.test', 5434, 10, 60),
      srv('light.example.test', 5433, 30, 1),
    ];
    const { lists, server, context } = await watch(() => records, { kind: 'srv' });
    expect(await nextList(lists)).toEqual([
      { host: 'heavy.example.test', port: 5434 },
      { host: 'light.example.test', port: 5433 },
      { host: 'late.example.test', port: 5432 },
    ]);
    expect(server.questions).toEqual([{ name: NAME, kind: 'SRV' }]);
    await afterPause(lists, context);
    expect(context.pauses).toEqual([30_000]);
  });

  it.each([
    ['the target is ".": not offered', [srv('.', 0)], /offer no target/],
    ['the name has none', [], /ENODATA/],
    ['a port is none', [srv('a.example.test', 0)], /targets that cannot be: "a.example.test" port 0/],
  ])('fails when %s', async (_what, records, message) => {
    const { lists } = await watch(() => records, { kind: 'srv' });
    await expect(lists.next()).rejects.toThrow(message);
  });
});

describe('dnsDiscovery', () => {
  const { Resolver } = dns;
  let givenUp = 0;
  afterEach(() => Reflect.set(dns, 'Resolver', Resolver));

  /** What the adapter makes by itself asks the test's server instead of the system's. */
  function systemAsks(address: string): void {
    givenUp = 0;
    class OnLoopback extends Resolver {
      constructor(options?: ResolverOptions) {
        super(options);
        this.setServers([address]);
      }
      override cancel(): void {
        givenUp += 1;
        super.cancel();
      }
    }
    Reflect.set(dns, 'Resolver', OnLoopback);
  }

  it('asks the servers of the system by itself, again where a packet was lost', async () => {
    let lost = false;
    const { server } = await serve(() => {
      if (lost) return [{ a: '10.0.0.1' }];
      lost = true;
      return 'silence';
    });
    systemAsks(server.address);
    const discovery = dnsDiscovery({ name: NAME, kind: 'addresses', family: 4, timeoutMs: 400 });
    expect(await nextList(listsOf(discovery, testContext()))).toMatchObject([{ host: '10.0.0.1' }]);
    expect(server.questions).toHaveLength(2);
  });

  it('gives its own question up when the cluster is closed', async () => {
    const { server } = await serve(() => 'silence');
    systemAsks(server.address);
    const context = testContext();
    const end = listsOf(dnsDiscovery({ name: NAME, kind: 'srv' }), context).next();
    await server.asked();
    context.close();
    expect((await end).done).toBe(true);
    expect(givenUp).toBe(1);
  });

  it('takes any resolver', async () => {
    const resolver: DnsResolver = {
      resolve4: async () => [{ address: '10.0.0.9', ttl: 3 }],
      resolve6: () => Promise.reject(Object.assign(new Error('none'), { code: 'ENODATA' })),
      resolveSrv: async () => [],
    };
    const lists = listsOf(dnsDiscovery({ name: NAME, kind: 'addresses', resolver }), testContext());
    expect(await nextList(lists)).toEqual([{ host: '10.0.0.9', port: undefined, serverName: NAME }]);
  });

  it('refuses wrong options, all at once', () => {
    const wrong: unknown = {
      name: '10.0.0.1',
      kind: 'a',
      port: 0,
      family: 5,
      refreshMs: 'x',
      resolver: {},
      ttl: 1,
    };
    expect(() => Reflect.apply(dnsDiscovery, undefined, [wrong])).toThrow(
      expect.objectContaining({
        code: 'PGHERD_INVALID_OPTIONS',
        violations: [
          'dnsDiscovery: ttl is not an option',
          'dnsDiscovery: name is "10.0.0.1", but must be a name of DNS',
          'dnsDiscovery: kind is "a", but must be "addresses" or "srv"',
          'dnsDiscovery: port is 0, but must be an integer from 1 to 65535',
          'dnsDiscovery: family is 5, but must be 4 or 6',
          'dnsDiscovery: refreshMs is "x", but must be a number of milliseconds, at least 100',
          'dnsDiscovery: resolver is an object, but must be an object such as dns.promises.Resolver of Node',
        ],
      }),
    );
  });
});
