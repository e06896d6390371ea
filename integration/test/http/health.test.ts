import { createServer } from 'node:http';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { Hono } from 'hono';
import type { Cluster } from 'pgherd';
import { type HealthHandlerOptions, healthHandler } from 'pgherd/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../../src/child.ts';
import { served } from '../../src/served.ts';
import { nameOf, open, restore } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
});

afterAll(() => cluster?.close());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

async function ask(url: string): Promise<Answer> {
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text };
}

function serve(db: Cluster, options?: HealthHandlerOptions) {
  const { liveness, readiness } = healthHandler(db, options);
  return served(createServer((req, res) => (req.url === '/livez' ? liveness : readiness)(req, res)));
}

describe('the endpoints for an orchestrator', () => {
  it('follow a failover, and turn off when close() begins, before connections close', async () => {
    await using db = open(cluster, { password: 'not-to-be-shown' });
    await using server = await serve(db);
    await using strict = await serve(db, { minimum: 'up' });
    const [live, ready] = [`${server.url}/livez`, `${server.url}/readyz`];
    const shown: string[] = [];
    const becomes = (url: string, status: number, what: string) =>
      waitUntil(
        async () => {
          const answer = await ask(url);
          shown.push(answer.text);
          return answer.status === status;
        },
        { what },
      );
    expect(await ask(ready)).toMatchObject({ status: 503, body: { ready: false, status: 'down' } });
    await becomes(strict.url, 200, 'the cluster to be up');
    expect(await ask(ready)).toMatchObject({ status: 200, body: { ready: true, status: 'up', reasons: [] } });

    const before = cluster.primary;
    await before.kill();
    await becomes(strict.url, 503, 'the loss of the primary to be seen');
    expect(await ask(ready)).toMatchObject({ status: 200, body: { ready: true, status: 'degraded' } });
    await cluster.failover();
    await db.query('select 1');
    const after = await ask(ready);
    expect(after.body['nodes']).toContainEqual(
      expect.objectContaining({ node: nameOf(cluster.primary), role: 'primary' }),
    );
    await cluster.primary.kill();
    await becomes(ready, 503, 'the loss of every node to be seen');
    expect(await ask(live)).toMatchObject({ status: 200, body: { alive: true } });
    await restore(cluster);
    await becomes(strict.url, 200, 'the cluster to be whole');

    const lease = await db.acquire();
    const closing = db.close();
    expect(await ask(ready)).toMatchObject({ status: 503, body: { ready: false, closing: true } });
    expect(await ask(live)).toMatchObject({ status: 200 });
    expect((await lease.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await lease.release();
    await closing;
    expect(await ask(ready)).toMatchObject({ status: 503 });
    expect(shown.join()).not.toContain('not-to-be-shown');
  });

  it('take a cluster that rests for ready', async () => {
    await using db = open(cluster, { restAfterMs: 100 });
    await using server = await serve(db);
    await db.query('select 1');
    const rested = new Promise((resolve) => db.on('cluster:rested', resolve));
    await rested;
    expect(await ask(server.url)).toMatchObject({ status: 200, body: { status: 'up', resting: true } });
  });

  it('answer by Fetch as well, and without details where strangers ask', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1, standbys: 1 });
    const { readiness } = healthHandler(db, { details: false });
    const app = new Hono().get('/readyz', () => readiness.fetch());
    const response = await app.request('/readyz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ready: true, status: 'up', since: expect.any(String) });
    await db.close();
    expect((await app.request('/readyz')).status).toBe(503);
  });

  it('turn off when a signal arrives, before the function of onShutdown runs and while the cluster serves', async () => {
    const http = new URL('../../../packages/pgherd/src/http/index.ts', import.meta.url).href;
    const program = new Program(
      cluster.url,
      `const { healthHandler } = await import(${JSON.stringify(http)});
      const { createServer } = await import('node:http');
      const db = createCluster({ url, env: {} });
      const { readiness } = healthHandler(db);
      const server = createServer(readiness).listen(0, '127.0.0.1', async () => {
        await db.warmUp();
        const at = 'http://127.0.0.1:' + server.address().port;
        console.log('before', (await fetch(at)).status);
        pgherd.onShutdown(db, { before: async () => {
          console.log('during', (await fetch(at)).status, (await db.one('select 1 as n')).n);
          server.closeAllConnections();
          await new Promise((done) => server.close(done));
        } });
        console.log('ready');
      });`,
    );
    await program.says('ready');
    program.process.kill('SIGTERM');
    const { signal, output } = await program.ended;
    expect({ signal, output }).toEqual({ signal: 'SIGTERM', output: 'before 200\nready\nduring 503 1' });
  });

  it('refuse options that do not exist, wrong values, and what is no cluster', async () => {
    await using db = open(cluster);
    const refusal = (make: () => unknown): unknown => {
      try {
        return make();
      } catch (error) {
        return error;
      }
    };
    const wrong = (options: object) => refusal(() => healthHandler(db, options as HealthHandlerOptions));
    expect(wrong({ detials: false })).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('Did you mean details?'),
    });
    expect(wrong({ minimum: 'down' })).toMatchObject({
      message: expect.stringContaining("must be 'up' or 'degraded'"),
    });
    expect(refusal(() => healthHandler({} as Cluster))).toMatchObject({
      message: expect.stringContaining('is no cluster'),
    });
  });
});
