import { EventEmitter, once } from 'node:events';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import Fastify, { type FastifyServerOptions, type RegisterOptions } from 'fastify';
import { type HerdFastifyOptions, herdFastify } from 'pgherd/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listening } from '../../src/served.ts';
import { open } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
});

afterAll(() => cluster?.close());

function appOf(options: RegisterOptions & HerdFastifyOptions, server: FastifyServerOptions = {}) {
  const app = Fastify(server);
  app.register(herdFastify, options);
  return app;
}

describe('the plugin for Fastify', () => {
  it('answers liveness and readiness, and closes the cluster after the last request', async () => {
    await using db = open(cluster);
    const app = appOf({ cluster: db });
    const moments = new EventEmitter();
    app.get('/slow', async () => {
      const go = once(moments, 'go');
      moments.emit('begun');
      await go;
      return await db.one('select 1 as n');
    });
    await using server = await listening(app);
    const ready = () => fetch(`${server.url}/readyz`);
    await waitUntil(async () => (await ready()).status === 200, { what: 'readiness' });
    const answer = await ready();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toMatchObject({ ready: true, nodes: [{}, {}] });
    expect(await (await fetch(`${server.url}/livez`)).json()).toEqual({ alive: true });
    const begun = once(moments, 'begun');
    // Fastify waits for connections that are kept alive as well.
    const slow = fetch(`${server.url}/slow`, { headers: { connection: 'close' } });
    await begun;
    const closed = app.close();
    moments.emit('go');
    expect(await (await slow).json()).toEqual({ n: 1 });
    await closed;
    expect(db.isOpen).toBe(false);
  });

  it('is not ready from the moment in which the application begins to close', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1 });
    const app = appOf({ cluster: db }, { return503OnClosing: false });
    const moments = new EventEmitter();
    app.after(() => {
      app.addHook('preClose', async () => {
        const go = once(moments, 'go');
        moments.emit('begun');
        await go;
      });
    });
    await using server = await listening(app);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const begun = once(moments, 'begun');
    const closed = app.close();
    await begun;
    const answer = await fetch(`${server.url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, closing: true }]);
    expect(await db.one('select 1 as n')).toEqual({ n: 1 });
    moments.emit('go');
    await closed;
  });

  it('leaves a cluster open that others use, and the routes that are not wanted', async () => {
    await using db = open(cluster);
    const app = appOf({ cluster: db, health: false, close: false });
    await app.ready();
    expect((await app.inject('/readyz')).statusCode).toBe(404);
    expect(Object.keys(app).filter((name) => /pg|herd|cluster/i.test(name))).toEqual([]);
    await app.close();
    expect(await db.one('select 1 as n')).toEqual({ n: 1 });
  });

  it('has paths and a log level of its own for the probes', async () => {
    await using db = open(cluster);
    await db.ready({ primaries: 1 });
    const lines: string[] = [];
    const logger = { level: 'info', stream: { write: (line: string) => lines.push(line) } };
    const paths = { prefix: '/probes', livenessPath: '/alive', readinessPath: '/ready' };
    const app = appOf({ cluster: db, health: { details: false }, ...paths, logLevel: 'warn' }, { logger });
    app.get('/', async () => 'home');
    const { body } = await app.inject('/probes/ready');
    expect(JSON.parse(body)).toEqual({ ready: true, status: expect.any(String), since: expect.any(String) });
    expect((await app.inject('/probes/alive')).statusCode).toBe(200);
    expect(lines.join()).not.toContain('/probes');
    await app.inject('/');
    expect(lines.join()).toContain('"url":"/"');
    await app.close();
  });

  it('refuses options that cannot be used', async () => {
    await using db = open(cluster);
    const wrong: readonly (readonly [object, string])[] = [
      [{ cluster: {} }, 'The option cluster is no cluster'],
      [{ cluster: db, casual: true }, 'Did you mean causal?'],
      [{ cluster: db, causal: true }, 'no causal.tokenSecret'],
      [{ cluster: db, causal: 'yes' }, 'must be true, false or an object of options'],
      [{ cluster: db, readinessPath: 'readyz' }, "must be a path that begins with '/'"],
      [{ cluster: db, health: { minimum: 'down' } }, "must be 'up' or 'degraded'"],
    ];
    for (const [options, words] of wrong) {
      const app = appOf(options as RegisterOptions & HerdFastifyOptions);
      await expect(async () => app.ready()).rejects.toMatchObject({
        code: 'PGHERD_INVALID_ARGUMENT',
        message: expect.stringContaining(words),
      });
    }
    expect(db.isOpen).toBe(true);
  });
});
