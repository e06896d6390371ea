import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createDashboard, type DashboardOptions, serveDashboard } from '@pgherd/dashboard';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import type { Clock, Cluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDashboardPage } from '../../src/browser.ts';
import { listening, type Served, served } from '../../src/served.ts';
import { nameOf, open } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  await makeDashboardPage();
  cluster = await createTestCluster({ standbys: 1 });
});
afterAll(() => cluster?.close());

const { default: express4 } = (await import('express-4' as string)) as { default: typeof express };

const QUICK = { sampleMs: 250 } satisfies DashboardOptions;

interface Shown {
  readonly hello?: { readonly title: string };
  readonly frame: {
    readonly status: string;
    readonly writable: string | null;
    readonly nodes: readonly {
      readonly name: string;
      readonly role: string;
      readonly upstream: string | null;
      readonly connections: number | null;
    }[];
  };
  readonly columns: {
    readonly at: readonly number[];
    readonly cluster: Readonly<Record<string, readonly (number | null)[]>>;
    readonly nodes: readonly {
      readonly name: string;
      readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
    }[];
  };
  readonly events: readonly { readonly text: string; readonly event: string | null; readonly more: number }[];
}

/** The events of a stream, one after the other, with their identifiers. */
async function* messagesOf(response: Response): AsyncGenerator<{ id: string; message: Shown }> {
  let rest = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    rest += piece;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const [id = '', data = ''] = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      yield { id: id.slice('id: '.length), message: JSON.parse(data.slice('data: '.length)) as Shown };
    }
  }
}

/** The first message of a stream for which `isIt` holds. */
async function messageWith(
  url: string,
  isIt: (message: Shown) => boolean,
  headers: Record<string, string> = {},
): Promise<{ id: string; message: Shown }> {
  const abort = new AbortController();
  try {
    for await (const one of messagesOf(await fetch(url, { headers, signal: abort.signal })))
      if (isIt(one.message)) return one;
    throw new Error('The stream has ended.');
  } finally {
    abort.abort();
  }
}

const showsAll = ({ frame }: Shown) =>
  frame.writable === nameOf(cluster.primary) && frame.nodes.every(({ role }) => role !== 'unknown');

/** What every way to mount a dashboard has to do; `url` is where it is mounted, with a slash. */
async function works(url: string, postStatus = 405): Promise<void> {
  const page = await fetch(url);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  expect(await page.text()).toContain('<script type="module" src="page.js">');
  const script = await fetch(`${url}page.js`);
  expect([script.status, script.headers.get('content-encoding')]).toEqual([200, 'gzip']);
  const tag = script.headers.get('etag') ?? '';
  expect((await fetch(`${url}page.js`, { headers: { 'if-none-match': tag } })).status).toBe(304);
  const { message } = await messageWith(`${url}events`, showsAll);
  expect(message.frame.nodes.map(({ role }) => role).sort()).toEqual(['primary', 'standby']);
  const explained = await fetch(`${url}explain?target=primary`);
  expect(await explained.json()).toMatchObject({
    target: 'primary',
    nodes: expect.arrayContaining([{ node: nameOf(cluster.primary), choice: 1, reason: expect.any(String) }]),
  });
  expect((await fetch(`${url}explain?target=%3Cscript%3E`)).status).toBe(400);
  expect((await fetch(`${url}explain?target=any&maxLagMs=-1`)).status).toBe(400);
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(postStatus);
  expect((await fetch(`${url}no-such-file`)).status).toBe(404);
}

/** The address without slash leads to that with it. */
async function redirects(url: string): Promise<void> {
  const answer = await fetch(url);
  expect([answer.status, answer.url]).toEqual([200, `${url}/`]);
}

async function mounted(
  options: DashboardOptions,
  mount: (dashboard: ReturnType<typeof createDashboard>) => Promise<Served>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  await using db = open(cluster);
  await db.ready({ primaries: 1, standbys: 1 });
  using dashboard = createDashboard(db, { ...QUICK, ...options });
  await using server = await mount(dashboard);
  await use(server.url);
}

describe('a dashboard is mounted', () => {
  it('in node:http', () =>
    mounted(
      {},
      ({ handler }) => served(createServer(handler)),
      (url) => works(`${url}/`),
    ));

  it('in node:http below a path', () =>
    mounted(
      { basePath: '/admin/pgherd' },
      ({ handler }) => served(createServer(handler)),
      async (url) => {
        await works(`${url}/admin/pgherd/`);
        await redirects(`${url}/admin/pgherd`);
      },
    ));

  it.each([
    ['5', express],
    ['4', express4],
  ])('in Express %s, which says where', (_version, makeApp) =>
    mounted(
      {},
      ({ handler }) => {
        const app = makeApp().use('/pgherd', handler);
        app.get('/pgherd/own', (_request, response) => void response.send('mine'));
        return served(createServer(app));
      },
      async (url) => {
        await works(`${url}/pgherd/`);
        await redirects(`${url}/pgherd`);
        // What is not of the dashboard is left to the application.
        expect(await (await fetch(`${url}/pgherd/own`)).text()).toBe('mine');
      },
    ));

  it('in Fastify, whose prefix it knows', () =>
    mounted(
      {},
      ({ fastify }) => {
        const app = Fastify({ forceCloseConnections: true });
        app.register(fastify, { prefix: '/pgherd' });
        return listening(app);
      },
      async (url) => {
        await works(`${url}/pgherd/`, 404);
        await redirects(`${url}/pgherd`);
      },
    ));

  it('in Hono, and whatever else speaks Fetch', () =>
    mounted(
      { basePath: '/pgherd' },
      async ({ fetch: answer }) => {
        const app = new Hono().all('/pgherd/*', (context) => answer(context.req.raw));
        return served(createServer(getRequestListener(app.fetch)));
      },
      async (url) => {
        await works(`${url}/pgherd/`);
        await redirects(`${url}/pgherd`);
      },
    ));
});

describe('the stream', () => {
  it('counts the calls of its own cluster, and the servers only if asked to', async () => {
    await using db = open(cluster);
    await using other = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    await other.query('select pg_sleep(0.3)');
    const calls = db.query('select pg_sleep(0.2)');
    const counted = ({
      columns: {
        cluster: { p99 },
      },
    }: Shown) => p99?.some((ms) => ms !== null) === true;
    const { message } = await messageWith(`${server.url}/events`, counted);
    await calls;
    const durations = message.columns.cluster['p99']?.filter((ms) => ms !== null) ?? [];
    expect(durations).toHaveLength(1);
    expect(durations[0]).toBeGreaterThanOrEqual(200);
    expect(durations[0]).toBeLessThan(100_000);
    expect(message.columns.cluster['answered']?.some((rate) => (rate ?? 0) > 0)).toBe(true);
    expect(message.frame.nodes.map(({ connections }) => connections)).toEqual([null, null]);
  });

  it('has the figures of the servers, and where standbys receive from, if it is to', async () => {
    const [standby] = cluster.standbys;
    await cluster.primary.sql('grant pg_monitor to app');
    await using db = open(cluster);
    using dashboard = createDashboard(db, { ...QUICK, serverFigures: true });
    await using server = await served(createServer(dashboard.handler));
    const complete = ({ frame, columns }: Shown) =>
      frame.nodes.some(({ upstream }) => upstream !== null) &&
      columns.nodes.length === 2 &&
      columns.nodes.every((node) => node.columns['transactions']?.some((rate) => rate !== null));
    const { message } = await messageWith(`${server.url}/events`, complete);
    const shown = message.frame.nodes.find(({ name }) => name === nameOf(standby));
    expect(shown).toMatchObject({ upstream: nameOf(cluster.primary), connections: expect.any(Number) });
    expect(shown?.connections).toBeGreaterThan(0);
  });

  it('goes on where a page has been, and begins anew for what is of another process', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    const events = `${server.url}/events`;
    const first = await messageWith(events, ({ columns }) => columns.at.length >= 1);
    expect(first.message.hello).toBeDefined();
    const next = await messageWith(`${events}?has=${first.id}`, () => true);
    expect(next.message.hello).toBeUndefined();
    const seen = new Set(first.message.columns.at);
    expect(next.message.columns.at.some((at) => seen.has(at))).toBe(false);
    for (const has of ['other-1', first.id.replace(/\d+$/, '999999999'), '%00', '-'])
      expect((await messageWith(`${events}?has=${has}`, () => true)).message.hello).toBeDefined();
  });

  it('makes a few lines of what a thousand calls notice', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    await db.script("do $$ begin for n in 1..1000 loop raise warning 'number %', n; end loop; end $$");
    const abort = new AbortController();
    const lines: Shown['events'][number][] = [];
    const noticed = () => lines.reduce((sum, { more }) => sum + more + 1, 0);
    for await (const { message } of messagesOf(
      await fetch(`${server.url}/events`, { signal: abort.signal }),
    )) {
      lines.push(...message.events.filter(({ event }) => event === 'server:notice'));
      if (noticed() >= 1_000) break;
    }
    abort.abort();
    expect(lines.length).toBeLessThan(30);
    expect(noticed()).toBe(1_000);
  });

  it('says that the cluster is closed, and ends with the dashboard', async () => {
    const db = open(cluster);
    const dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    await db.close();
    const { message } = await messageWith(`${server.url}/events`, () => true);
    expect(message.frame.status).toBe('closed');
    const stream = await fetch(`${server.url}/events`);
    dashboard.close();
    dashboard.close();
    await expect(async () => {
      for await (const _one of messagesOf(stream));
    }).rejects.toThrow();
    expect((await fetch(`${server.url}/events`)).status).toBe(503);
  });

  it('is a use of the cluster while a page is open, and none otherwise', async () => {
    await using db = open(cluster, { restAfterMs: 600 });
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    const rested = new Promise<string>((resolve) => db.on('cluster:rested', () => resolve('rested')));
    const abort = new AbortController();
    const stream = messagesOf(await fetch(`${server.url}/events`, { signal: abort.signal }));
    for (let samples = 0; samples < 8; samples++) {
      const seen = await Promise.race([rested, stream.next()]);
      expect(seen).not.toBe('rested');
    }
    abort.abort();
    expect(await rested).toBe('rested');
  });
});

describe('viewers', () => {
  /** A viewer that asks for the stream and reads nothing of it. */
  function deaf(url: string): Promise<ReturnType<typeof connect>> {
    const { port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.pause();
        socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
        resolve(socket);
      });
      socket.on('error', reject);
    });
  }

  it('share one sampler, a thousand of them; those that go leave nothing behind', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, { ...QUICK, maxViewers: 1_000 });
    const server = createServer(dashboard.handler);
    await using listens = await served(server);
    const looks = countingStats(db);
    const viewers = await Promise.all(
      Array.from(
        { length: 1_000 },
        () =>
          new Promise<IncomingMessage>((resolve, reject) => {
            get(`${listens.url}/events`, { agent: false }, resolve).on('error', reject);
          }),
      ),
    );
    const counts = viewers.map(() => 0);
    viewers.forEach((viewer, index) => {
      viewer.setEncoding('utf8').on('data', (text: string) => {
        counts[index] = (counts[index] ?? 0) + text.split('\n\n').length - 1;
      });
      viewer.on('error', () => undefined);
    });
    const full = await fetch(`${listens.url}/events`);
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '10']);
    const [before, samplesBefore] = [looks(), counts[0] ?? 0];
    await waitUntil(() => counts.every((count) => count >= samplesBefore + 4), {
      what: 'four samples for every viewer',
    });
    const samples = Math.max(...counts) - samplesBefore;
    // For the point, and for the frame.
    expect(looks() - before).toBeLessThanOrEqual(2 * (samples + 2));
    for (const viewer of viewers) viewer.destroy();
    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    await waitUntil(async () => (await connections()) === 0, { what: 'the connections to be gone' });
    const again = await messageWith(`${listens.url}/events`, () => true);
    expect(again.message.hello).toBeDefined();
  });

  it('that read nothing are dropped, and no more than one message waits for them', async () => {
    const { port } = cluster.primary;
    const tags = { note: 'x'.repeat(100_000) };
    await using db = open(cluster, { nodes: { [`127.0.0.1:${port}`]: { tags } } });
    await db.ready({ primaries: 1 });
    const { clock, tick } = steppedClock();
    using dashboard = createDashboard(db, { sampleMs: 1_000, clock });
    const server = createServer(dashboard.handler);
    const responses: ServerResponse[] = [];
    server.prependListener('request', (_request, response) => responses.push(response));
    await using listens = await served(server);
    const socket = await deaf(listens.url);
    await waitUntil(() => responses.length === 1, { what: 'the request' });
    const [response] = responses;
    let most = 0;
    const samples = await waitUntil(
      () => {
        const sample = tick();
        most = Math.max(most, response?.writableLength ?? 0);
        return response?.destroyed === true && sample;
      },
      { what: 'the viewer to be dropped' },
    );
    // The system's own buffers take some; then it has 15 samples of patience.
    expect(samples).toBeGreaterThan(15);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(2 * tags.note.length);
    socket.destroy();
  });
});

/** A clock that goes on by a sample at each tick, which returns how many there were. */
function steppedClock() {
  let samples = 0;
  let due: (() => void) | undefined;
  const clock: Clock = {
    now: () => samples * 1_000,
    wallTime: () => 1_700_000_000_000 + samples * 1_000,
    schedule: (_ms, fn) => {
      due = fn;
      return { cancel: () => undefined };
    },
  };
  const tick = (): number => {
    samples++;
    due?.();
    return samples;
  };
  return { clock, tick };
}

/** Counts how often the statistics of a cluster are asked for. */
function countingStats(db: Cluster): () => number {
  let count = 0;
  const stats = db.stats.bind(db);
  Object.defineProperty(db, 'stats', {
    value: () => {
      count++;
      return stats();
    },
  });
  return () => count;
}

describe('the state of a sample', () => {
  it('is made once, whatever pages have already', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1 });
    const { clock, tick } = steppedClock();
    using dashboard = createDashboard(db, { sampleMs: 1_000, clock });
    await using server = await served(createServer(dashboard.handler));
    for (let samples = 0; samples < 5; samples++) tick();
    const { id } = await messageWith(`${server.url}/events`, () => true);
    const looks = countingStats(db);
    const [run] = id.split('-');
    for (const sample of [1, 2, 3]) {
      const { message } = await messageWith(`${server.url}/events?has=${run}-${sample}`, () => true);
      expect(message.columns.at).toHaveLength(6 - sample);
    }
    expect(looks()).toBe(0);
  });
});

describe('a fault of the dashboard', () => {
  it('fails its own requests, is said once, and leaves the application alone', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1 });
    const { clock, tick } = steppedClock();
    using dashboard = createDashboard(db, { sampleMs: 1_000, clock });
    await using server = await served(createServer(dashboard.handler));
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    const broken = () => {
      throw new Error('planted');
    };
    const { stats, explainTarget } = db;
    Object.assign(db, { stats: broken, explainTarget: broken });
    for (let samples = 0; samples < 3; samples++) tick();
    await expect(fetch(`${server.url}/explain?target=any`)).rejects.toThrow();
    await expect(async () => {
      for await (const _one of messagesOf(await fetch(`${server.url}/events`)));
    }).rejects.toThrow();
    Object.assign(db, { stats, explainTarget });
    tick();
    expect((await messageWith(`${server.url}/events`, () => true)).message.hello).toBeDefined();
    process.off('warning', onWarning);
    expect(warnings.filter((text) => text.includes('dashboard'))).toEqual([
      'A sample of the dashboard has failed: planted',
    ]);
  });
});

describe('a dashboard of its own', () => {
  it('listens on this machine only, and answers no page that another site has sent here', async () => {
    await using db = open(cluster);
    await using dashboard = await serveDashboard(db, QUICK);
    expect(dashboard).toMatchObject({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      token: undefined,
    });
    await works(dashboard.url);
    const status = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get(dashboard.url, { headers: { host } }, (response) => resolve(response.resume().statusCode)).on(
          'error',
          reject,
        );
      });
    const { port } = new URL(dashboard.url);
    expect(await status(`localhost:${port}`)).toBe(200);
    expect(await status('evil.example')).toBe(421);
    expect(await status(`127.0.0.1.evil.example:${port}`)).toBe(421);
  });

  it('makes a token beyond this machine', async () => {
    await using db = open(cluster);
    await using dashboard = await serveDashboard(db, { ...QUICK, host: '0.0.0.0' });
    expect(dashboard.token).toMatch(/^[\w-]{32}$/);
    expect(dashboard.url).toContain(`#token=${dashboard.token}`);
    const url = `http://127.0.0.1:${new URL(dashboard.url).port}/`;
    expect((await fetch(url)).status).toBe(200);
    for (const path of ['events', 'explain?target=any']) {
      const answer = await fetch(`${url}${path}`);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining('Bearer'),
      ]);
      const wrong = await fetch(`${url}${path}`, { headers: { authorization: 'Bearer wrong' } });
      expect(wrong.status).toBe(401);
    }
    const headers = { authorization: `Bearer ${dashboard.token}` };
    expect((await messageWith(`${url}events`, () => true, headers)).message.hello).toBeDefined();
  });

  it('refuses what is no cluster', () => {
    for (const wrong of [undefined, null, 'postgres://app@db1', {}])
      expect(() => createDashboard(wrong as unknown as Cluster)).toThrow('is no cluster');
  });

  it.each([
    [{ token: 'short' }, 'token is a text of 5 characters, but must be a text of 16 to 512'],
    [{ token: undefined }, 'token is undefined, so that anyone could read the data'],
    [{ sampleMs: 10 }, 'sampleMs is 10, but must be a whole number from 250'],
    [{ sampleMs: 250, historyMs: 86_400_000 }, 'historyMs is 86400000, but must be 1 to 3600 times sampleMs'],
    [{ basePath: 'pgherd' }, 'basePath is "pgherd", but must be a path such as /pgherd'],
    [{ intervalMs: 1 }, 'There is no option "intervalMs"'],
  ])('refuses %o', async (options, words) => {
    await using db = open(cluster);
    expect(() => createDashboard(db, options as DashboardOptions)).toThrow(words);
    await expect(serveDashboard(db, options as DashboardOptions)).rejects.toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
    });
  });
});
