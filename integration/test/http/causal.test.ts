import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import express, { type Express } from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import type { Cluster } from 'pgherd';
import { type CausalRequestOptions, causalExpress, causalFetch, causalHono, herdFastify } from 'pgherd/http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listening, type Served, served } from '../../src/served.ts';
import { allCaughtUp, createTable, nameOf, open, restore, standbyNames } from '../../src/support.ts';

const tokenSecret = 'not to be guessed by anybody';

let cluster: TestCluster;
let lastId = 0;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'note', 'id int primary key');
});

afterEach(async () => {
  for (const node of cluster.nodes) if (node.state === 'running') await node.resumeReplay();
  await restore(cluster);
});

afterAll(() => cluster?.close());

const INSERT = 'insert into note values ($1)';
const LOOK = 'select 1 from note where id = $1';

interface Look {
  readonly node: string;
  readonly seen: boolean;
}

async function look(db: Cluster, id: number): Promise<Look> {
  const { rows, node } = await db.read.query(LOOK, [id]);
  return { node, seen: rows.length === 1 };
}

type Serve = (db: Cluster, options?: CausalRequestOptions) => Promise<Served>;

// Its types are those of Express 5, as far as they are used.
const { default: express4 } = (await import('express-4' as string)) as { default: typeof express };

const overExpress =
  (make: () => Express): Serve =>
  (db, options) => {
    const app = make();
    app.use(causalExpress(db, options));
    // Behind the middleware on purpose: it reads the body in a context of its own.
    app.use(express.json());
    app.post('/notes', async (req, res) => {
      await db.query(INSERT, [(req.body as { id: number }).id]);
      res.cookie('own', '1').json({ written: true });
    });
    app.get('/notes/:id', async (req, res) => {
      res.json(await look(db, Number(req.params.id)));
    });
    return served(createServer(app));
  };

const overHono: Serve = (db, options) => {
  const app = new Hono();
  app.use(causalHono(db, options));
  app.post('/notes', async (c) => {
    const { id } = await c.req.json<{ id: number }>();
    await db.query(INSERT, [id]);
    c.header('set-cookie', 'own=1', { append: true });
    return c.json({ written: true });
  });
  app.get('/notes/:id', async (c) => c.json(await look(db, Number(c.req.param('id')))));
  return served(createServer(getRequestListener(app.fetch)));
};

const overFastify: Serve = async (db, causal = {}) => {
  const app = Fastify();
  app.register(herdFastify, { cluster: db, causal, close: false });
  app.post<{ Body: { id: number } }>('/notes', async (request, reply) => {
    await db.query(INSERT, [request.body.id]);
    reply.header('set-cookie', 'own=1');
    return { written: true };
  });
  app.get<{ Params: { id: string } }>('/notes/:id', async ({ params }) => look(db, Number(params.id)));
  return await listening(app);
};

const overFetch: Serve = (db, options) => {
  const causal = causalFetch(db, options);
  const notes = {
    POST: causal(async (request) => {
      await db.query(INSERT, [((await request.json()) as { id: number }).id]);
      return Response.json({ written: true }, { headers: { 'set-cookie': 'own=1' } });
    }),
    // As the route handlers of Next: what stands in the path comes in a second argument.
    GET: causal(async (_request, { params }: { params: Promise<{ id: string }> }) =>
      Response.json(await look(db, Number((await params).id))),
    ),
  };
  const route = (request: Request) => {
    if (request.method === 'POST') return notes.POST(request);
    const id = new URL(request.url).pathname.split('/').at(-1) ?? '';
    return notes.GET(request, { params: Promise.resolve({ id }) });
  };
  return served(createServer(getRequestListener(route)));
};

const FRAMEWORKS: readonly (readonly [string, Serve])[] = [
  ['Express 5', overExpress(express)],
  ['Express 4', overExpress(express4)],
  ['Hono', overHono],
  ['Fetch, as Next', overFetch],
  ['Fastify', overFastify],
];

async function write({ url }: Served, headers: Record<string, string> = {}): Promise<[number, Response]> {
  const id = ++lastId;
  const response = await fetch(`${url}/notes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ id }),
  });
  expect(await response.json()).toEqual({ written: true });
  return [id, response];
}

async function read({ url }: Served, id: number, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/notes/${id}`, { headers });
  return { status: response.status, response, body: (await response.json()) as Look & { code?: string } };
}

const ours = (response: Response): string | undefined =>
  response.headers.getSetCookie().find((cookie) => cookie.startsWith('pgherd_after='));

async function ready(tokens: object = { tokenSecret }): Promise<Cluster> {
  const db = open(cluster, { causal: { ...tokens } });
  await db.ready({ primaries: 1, standbys: 1 });
  return db;
}

describe.each(FRAMEWORKS)('causal reads between requests, with %s', (_name, serve) => {
  it('a client sees what it wrote, in another process as well; other clients read from the standby', async () => {
    await using db = await ready();
    await using another = await ready();
    await using server = await serve(db, { secure: false });
    await using other = await serve(another, { secure: false });
    await cluster.standbys[0]?.pauseReplay();
    const [id, written] = await write(server);
    const cookie = ours(written) ?? '';
    expect(cookie).toMatch(/^pgherd_after=1\.[^;]+; Max-Age=60; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(written.headers.getSetCookie().some((each) => each.startsWith('own=1'))).toBe(true);
    const headers = { cookie: `theme=dark; ${cookie.split(';')[0]}` };
    for (const each of [server, other]) {
      const seen = await read(each, id, headers);
      expect(seen.body).toEqual({ node: nameOf(cluster.primary), seen: true });
      // The client has it already.
      expect(ours(seen.response)).toBeUndefined();
    }
    expect((await read(other, id)).body).toEqual({ node: standbyNames(cluster)[0], seen: false });
  });

  it('across a failover, with the token in a header', async () => {
    await using db = await ready();
    await using server = await serve(db, { carrier: 'header' });
    const [id, written] = await write(server);
    const token = written.headers.get('x-read-after') ?? '';
    expect(token).not.toBe('');
    await allCaughtUp(cluster);
    await cluster.primary.kill();
    await cluster.failover();
    const [later, after] = await write(server, { 'x-read-after': token });
    const headers = { 'x-read-after': after.headers.get('x-read-after') ?? '' };
    expect(headers['x-read-after']).not.toBe(token);
    for (const each of [id, later]) expect((await read(server, each, headers)).body.seen).toBe(true);
  });

  it('an invalid token is reported and removed; the request is handled without it, or refused', async () => {
    await using db = await ready();
    const errors: unknown[] = [];
    await using server = await serve(db, { onInvalid: (error) => errors.push(error.code) });
    await using strict = await serve(db, { invalid: 'refuse' });
    const [id, written] = await write(server);
    expect(ours(written)).toContain('; Secure');
    const forged = `${ours(written)?.split(';')[0]}x`;
    const ignored = await read(server, id, { cookie: forged });
    expect(ignored.status).toBe(200);
    expect(ours(ignored.response)).toContain('pgherd_after=; Max-Age=0');
    expect(errors).toEqual(['PGHERD_INVALID_TOKEN']);
    const refused = await read(strict, id, { cookie: forged });
    expect(refused).toMatchObject({ status: 400, body: { code: 'PGHERD_INVALID_TOKEN' } });
    expect(ours(refused.response)).toContain('pgherd_after=; Max-Age=0');
  });

  it('a cluster that does not sign tokens, and wrong options, are refused', async () => {
    await using db = await ready({});
    await expect(async () => serve(db)).rejects.toThrow(/no causal.tokenSecret/);
    await using server = await serve(db, { unsigned: true, carrier: 'header' });
    expect((await write(server))[1].headers.get('x-read-after')).not.toBeNull();
    for (const wrong of [{ carier: 'header' }, { carrier: 'query' }, { name: 'a b' }, { onInvalid: 1 }])
      await expect(async () =>
        serve(db, { unsigned: true, ...wrong } as CausalRequestOptions),
      ).rejects.toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }));
  });
});

it('a redirect, whose headers cannot be changed, carries the token as well', async () => {
  await using db = await ready();
  const id = ++lastId;
  const answer = causalFetch(db)(async () => {
    await db.query(INSERT, [id]);
    return Response.redirect('http://shop.example/notes', 303);
  });
  const response = await answer(new Request('http://shop.example/notes', { method: 'POST' }));
  expect(response.status).toBe(303);
  expect(response.headers.get('location')).toBe('http://shop.example/notes');
  expect(ours(response)).toContain('pgherd_after=1.');
});
