import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PatroniDiscoveryOptions, patroniDiscovery } from '../../src/discovery/patroni.ts';
import { Secret } from '../../src/model/secret.ts';
import { fixedRandom } from '../support/random.ts';
import { type Authority, createAuthority } from './certificates.ts';
import { afterPause, listsOf, nextList, type TestContext, testContext } from './context.ts';
import { type Handler, json, type RestApi, startRestApi } from './rest-api.ts';

const apis: RestApi[] = [];
let authority: Authority;

beforeAll(() => {
  authority = createAuthority();
});

afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()));
});

async function serve(...args: Parameters<typeof startRestApi>): Promise<RestApi> {
  const api = await startRestApi(...args);
  apis.push(api);
  return api;
}

/** What Patroni says of one node on this host. */
function cluster(host: string): unknown {
  return { members: [{ name: host, role: 'leader', state: 'running', host, port: 5432 }] };
}

/** An address where nobody listens. */
async function nobody(): Promise<string> {
  const api = await startRestApi(json(null));
  await api.close();
  return api.url;
}

function watch(
  endpoints: readonly string[],
  options: Partial<PatroniDiscoveryOptions> = {},
  context = testContext(),
) {
  return listsOf(patroniDiscovery({ endpoints, ...options }), context);
}

async function hostsOf(lists: ReturnType<typeof watch>): Promise<string[]> {
  return (await nextList(lists)).map((node) => node.host);
}

async function failureOf(handler: Handler, options: Partial<PatroniDiscoveryOptions> = {}): Promise<unknown> {
  const api = await serve(handler);
  const failure = await watch([api.url], options)
    .next()
    .then(String, (error: unknown) => error);
  await api.left();
  return failure;
}

describe('patroniDiscovery on a real HTTP server', () => {
  it('asks GET /cluster, and is gone from the server afterwards', async () => {
    const api = await serve(json(cluster('a')));
    const context = testContext();
    const lists = watch([api.url], {}, context);
    expect(await nextList(lists)).toMatchObject([{ host: 'a', port: 5432, leader: true }]);
    const [request] = api.requests;
    expect(request).toMatchObject({ method: 'GET', url: '/cluster' });
    expect(request?.headers).not.toHaveProperty('authorization');
    await api.left();
    expect(context.clock.pending).toBe(0);
  });

  it.each(['/', '/patroni', '/patroni/'])('keeps the path %s before it', async (path) => {
    const api = await serve(json(cluster('a')));
    await nextList(watch([`${api.url}${path}`]));
    expect(api.requests[0]?.url).toBe(path === '/' ? '/cluster' : '/patroni/cluster');
  });

  it('asks again after refreshMs, and at once when the primary was lost', async () => {
    let host = 'a';
    const api = await serve((request, response) => json(cluster(host))(request, response));
    const context = testContext(fixedRandom(0.4));
    const lists = watch([api.url], { refreshMs: 1_000 }, context);
    expect(await hostsOf(lists)).toEqual(['a']);
    host = 'b';
    expect((await afterPause(lists, context)).map((node) => node.host)).toEqual(['b']);
    expect(context.clock.now()).toBe(900);
    host = 'c';
    const next = hostsOf(lists);
    await context.clock.settle();
    context.wake();
    expect(await next).toEqual(['c']);
    expect(context.clock.now()).toBe(900);
  });

  it('ends when the cluster is closed, and hangs up', async () => {
    const api = await serve(() => undefined);
    const context = testContext();
    const end = watch([api.url], {}, context).next();
    await api.asked();
    context.close();
    expect((await end).done).toBe(true);
    await api.left();
    expect(context.clock.pending).toBe(0);
  });
});

describe('several endpoints', () => {
  const broken: readonly (readonly [string, Handler, RegExp])[] = [
    ['a web page', (_request, response) => void response.end('<html></html>'), /which is no JSON/],
    ['JSON of something else', json({ status: 'ok' }), /is this the API of Patroni\?/],
    [
      'an error',
      (_request, response) => void response.writeHead(503).end('{}'),
      /answered 503 instead of 200/,
    ],
    [
      'a redirect',
      (_request, response) => void response.writeHead(302, { location: '/other' }).end(),
      /redirect, which is not followed/,
    ],
    [
      'five megabytes',
      (_request, response) => void response.end(Buffer.alloc(5_000_000, ' ')),
      /more than 1048576 bytes/,
    ],
    [
      'half an answer',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"members":');
        response.socket?.destroySoon();
      },
      /aborted|hang up|ECONNRESET/,
    ],
    ['no HTTP', (_request, response) => void response.socket?.end('hello\r\n\r\n'), /Parse Error/],
    ['a hang-up', (_request, response) => void response.socket?.destroy(), /hang up|ECONNRESET/],
    ['a member that cannot be', json({ members: [{ name: 'm', role: 'leader' }] }), /"m": host is undefined/],
  ];

  it.each(broken)('the next one is asked after %s', async (_what, handler) => {
    const [bad, good] = [await serve(handler), await serve(json(cluster('a')))];
    expect(await hostsOf(watch([bad.url, good.url]))).toEqual(['a']);
    await bad.left();
    await good.left();
  });

  it.each(broken)('%s is told as what it is, when there is no other', async (_what, handler, message) => {
    const failure = await failureOf(handler);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(failure).toHaveProperty('message', expect.stringMatching(message));
  });

  it('the next one is asked where nobody listens', async () => {
    const good = await serve(json(cluster('a')));
    expect(await hostsOf(watch([await nobody(), good.url]))).toEqual(['a']);
  });

  it('the next one is asked when timeoutMs are over, also while an answer drips', async () => {
    const silent = await serve(() => undefined);
    const dripping = await serve((_request, response) => void response.writeHead(200).write('{"members"'));
    const good = await serve(json(cluster('a')));
    const context = testContext();
    const hosts = hostsOf(watch([silent.url, dripping.url, good.url], { timeoutMs: 700 }, context));
    await silent.asked();
    const next = dripping.asked();
    await context.clock.advance(700);
    await next;
    await context.clock.advance(700);
    expect(await hosts).toEqual(['a']);
    expect(context.clock.now()).toBe(1_400);
    await Promise.all([silent.left(), dripping.left(), good.left()]);
  });

  it('whoever answered last is asked first', async () => {
    let up = false;
    const first = await serve((request, response) => {
      if (up) json(cluster('first'))(request, response);
      else response.writeHead(503).end();
    });
    const second = await serve(json(cluster('second')));
    const context = testContext();
    const lists = watch([first.url, second.url], {}, context);
    expect(await hostsOf(lists)).toEqual(['second']);
    up = true;
    expect((await afterPause(lists, context)).map((node) => node.host)).toEqual(['second']);
    expect(first.requests).toHaveLength(1);
    await second.close();
    expect((await afterPause(lists, context)).map((node) => node.host)).toEqual(['first']);
  });

  it.each([
    [0, 'a'],
    [0.34, 'b'],
    [0.99, 'c'],
  ])('dice decide where a process begins: %d', async (dice, host) => {
    const three = await Promise.all(['a', 'b', 'c'].map((one) => serve(json(cluster(one)))));
    const urls = three.map((api) => api.url);
    expect(await hostsOf(watch(urls, {}, testContext(fixedRandom(dice))))).toEqual([host]);
  });

  it('all of them are named when none can be used', async () => {
    const [dead, bad] = [await nobody(), await serve(json({}))];
    const failure = await watch([dead, bad.url])
      .next()
      .then(String, (error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringMatching(
        `^No endpoint of Patroni gave a list of members\\. ${dead.slice(7)}: .*ECONNREFUSED.*; 127\\.0\\.0\\.1:${bad.port}: .*members`,
      ),
    });
    expect(failure).toHaveProperty('errors.length', 2);
  });

  it('none is asked any more when the cluster is closed meanwhile', async () => {
    const [silent, other] = [await serve(() => undefined), await serve(json(cluster('a')))];
    const context: TestContext = testContext();
    const end = watch([silent.url, other.url], {}, context).next();
    await silent.asked();
    context.close();
    expect((await end).done).toBe(true);
    expect(other.requests).toHaveLength(0);
  });
});

describe('auth', () => {
  it.each([
    [
      'user and password',
      { user: 'app', password: 'pä:ss' },
      `Basic ${Buffer.from('app:pä:ss').toString('base64')}`,
    ],
    [
      'a Secret',
      { user: 'app', password: new Secret('s3cret') },
      `Basic ${Buffer.from('app:s3cret').toString('base64')}`,
    ],
    ['a token', { token: new Secret('abc.def') }, 'Bearer abc.def'],
  ])('sends %s', async (_what, auth, header) => {
    const api = await serve(json(cluster('a')));
    await nextList(watch([api.url], { auth }));
    expect(api.requests[0]?.headers.authorization).toBe(header);
  });

  it('shows no secret in the discovery, nor in what it fails with', async () => {
    const api = await serve((_request, response) => void response.writeHead(401).end());
    const discovery = patroniDiscovery({ endpoints: [api.url], auth: { user: 'app', password: 's3cret' } });
    const failure = await listsOf(discovery, testContext())
      .next()
      .then(String, (error: unknown) => error);
    expect(failure).toHaveProperty('message', expect.stringContaining('answered 401'));
    for (const shown of [inspect(discovery, { depth: 9 }), inspect(failure, { depth: 9 })]) {
      expect(shown).not.toMatch(/s3cret|YXBw/);
    }
  });
});

describe('TLS', () => {
  const serveTls = (more: Parameters<typeof startRestApi>[1] = {}, dnsName = 'localhost') =>
    serve(json(cluster('a')), { ...authority.issue('patroni', dnsName), ...more });

  it('believes a server whose authority is known', async () => {
    const api = await serveTls();
    expect(await hostsOf(watch([api.url], { tls: { ca: authority.cert } }))).toEqual(['a']);
    await api.left();
  });

  it('does not believe one whose authority is not, and sends it nothing', async () => {
    const api = await serveTls();
    const failure = watch([api.url], { auth: { token: 't' } }).next();
    await expect(failure).rejects.toThrow(/unable to verify|self-signed|issuer/);
    expect(api.requests).toHaveLength(0);
  });

  it('does not believe a certificate for another name', async () => {
    const api = await serveTls({}, 'patroni.example.test');
    const tls = { ca: [authority.cert] };
    await expect(
      watch([api.url], { tls: { ...tls, serverName: 'other.example.test' } }).next(),
    ).rejects.toThrow(/altnames/);
    expect(await hostsOf(watch([api.url], { tls: { ...tls, serverName: 'patroni.example.test' } }))).toEqual([
      'a',
    ]);
  });

  it('shows its own certificate where one is asked for', async () => {
    const api = await serveTls({ ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const { cert, key } = authority.issue('client');
    const tls = { ca: authority.cert, cert, key: new Secret(key) };
    expect(await hostsOf(watch([api.url], { tls }))).toEqual(['a']);
    await expect(watch([api.url], { tls: { ca: authority.cert } }).next()).rejects.toThrow(
      /No endpoint of Patroni/,
    );
  });

  it('checks nothing when told so', async () => {
    const api = await serveTls();
    expect(await hostsOf(watch([api.url], { tls: { rejectUnauthorized: false } }))).toEqual(['a']);
  });
});

describe('wrong options', () => {
  it.each<[string, unknown, readonly RegExp[]]>([
    ['nothing', undefined, [/its options are undefined, but must be an object/]],
    ['no endpoints', { endpoints: [] }, [/endpoints is an array, but must be a list of 1 to 64/]],
    [
      'an unknown option',
      { endpoints: ['http://a'], timeout: 5 },
      [/timeout is not an option; did you mean timeoutMs\?/],
    ],
    [
      'endpoints that are none',
      { endpoints: ['db1:8008', 'ftp://db1', 'x', 7] },
      [
        /endpoints\[0\] is "db1:8008"; write it as/,
        /endpoints\[1\] is "ftp:\/\/db1"/,
        /endpoints\[2\] is no URL/,
        /endpoints\[3\] is no URL/,
      ],
    ],
    ['a query', { endpoints: ['http://db1:8008/?x=1'] }, [/but must end with its path/]],
    [
      'a password in the URL',
      { endpoints: ['http://u:s3cret@db1:8008'] },
      [/endpoints\[0\] holds a user or a password; give them as auth/],
    ],
    [
      'auth in the clear',
      { endpoints: ['http://db1:8008'], auth: { token: 's3cret' } },
      [/would travel in the clear; use https/],
    ],
    ['half of auth', { endpoints: ['https://db1'], auth: { user: 'u' } }, [/auth has user, but must have/]],
    [
      'both kinds of auth',
      { endpoints: ['https://db1'], auth: { user: 'u', password: 's3cret', token: 's3cret' } },
      [/auth has user and password and token/],
    ],
    [
      'a token of two lines',
      { endpoints: ['https://db1'], auth: { token: 's3cret\r\nx: y' } },
      [/auth\.token is \*\*\*, but must be/],
    ],
    [
      'several things',
      {
        endpoints: ['https://a'],
        auth: { user: 'u:v', password: 7 },
        tls: { key: 7, cert: '', verify: 1 },
        zoneTag: '',
      },
      [/zoneTag is ""/],
    ],
    [
      'several things inside',
      { endpoints: ['https://a'], auth: { user: 'u:v', password: 7 }, tls: { key: 7, verify: 1 } },
      [
        /auth\.user is "u:v", but must be a name without a colon/,
        /auth\.password is \*\*\*/,
        /tls\.verify is not an option/,
        /tls\.key is \*\*\*/,
      ],
    ],
  ])('%s', (_what, given, violations) => {
    const error = thrown(() => Reflect.apply(patroniDiscovery, undefined, [given]));
    expect(error).toMatchObject({
      code: 'PGHERD_INVALID_OPTIONS',
      violations: violations.map((one) => expect.stringMatching(one)),
    });
    expect(inspect(error)).not.toContain('s3cret');
  });
});

function thrown(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
