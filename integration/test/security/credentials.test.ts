import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import {
  createTestCluster,
  recordingLogger,
  type TestCluster,
  type TestNode,
  waitUntil,
} from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster, type PasswordRequest } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nameOf, PATIENT, rejection } from '../../src/support.ts';
import { scratchFolder } from '../../src/tls.ts';

let cluster: TestCluster;
let folder: Awaited<ReturnType<typeof scratchFolder>>;
let password = '';
let changes = 0;
let asked: PasswordRequest[] = [];
const opened: Cluster[] = [];

beforeAll(async () => {
  [cluster, folder] = await Promise.all([
    createTestCluster({ standbys: 1, auth: 'scram-sha-256', tls: true }),
    scratchFolder(),
  ]);
  await cluster.primary.sql('create role token login');
});

/** Each test begins with a password that nobody knew before. */
beforeEach(async () => {
  asked = [];
  await change();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(async () => {
  await Promise.all([cluster?.close(), folder?.[Symbol.asyncDispose]()]);
});

/** The servers take another password from now on. */
async function change(): Promise<void> {
  changes += 1;
  password = `hunter${changes}`;
  await cluster.primary.sql(`alter role token password '${password}'`);
  const [row] = await cluster.primary.sql('select pg_current_wal_insert_lsn()::text as lsn');
  const there = async (node: TestNode) =>
    (await node.sql('select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok', [row?.['lsn']]))[0]?.['ok'];
  for (const node of cluster.standbys)
    await waitUntil(() => there(node), { what: 'the password to be replayed' });
}

/** A cluster object for the role `token`, without a password unless the options say one. */
function open(options: Partial<ClusterOptions> = {}, nodes: readonly TestNode[] = cluster.nodes): Cluster {
  const url = `postgresql://token@${nodes.map(nameOf).join(',')}/app?sslmode=require`;
  const db = createCluster({ url, env: {}, probe: { intervalMs: 200 }, waitTimeoutMs: 60_000, ...options });
  opened.push(db);
  return db;
}

const give = (request: PasswordRequest) => {
  asked.push(request);
  return password;
};

/** How often the servers have refused the role so far. */
const refusals = () =>
  cluster.nodes
    .flatMap((node) => node.log.lines())
    .filter(({ line }) => line.includes('password authentication failed for user "token"')).length;

describe('a function that gives the password', () => {
  it('is asked once per node, for many connections at once', async () => {
    const db = open({ password: give });
    await Promise.all(Array.from({ length: 30 }, () => db.query('select pg_sleep(0.05)')));
    await db.ready({ primaries: 1, standbys: 1 });
    expect(asked.map(({ node }) => node).sort()).toEqual(cluster.nodes.map(nameOf).sort());
    expect(asked[0]).toEqual({
      node: expect.any(String),
      host: '127.0.0.1',
      port: expect.any(Number),
      user: 'token',
      database: 'app',
    });
  });

  it('is asked again when a server refuses what it gave, once, and the call does not notice', async () => {
    const db = open({ password: give, pool: { maxUses: 1 } }, [cluster.primary]);
    await db.query('select 1');
    expect(asked).toHaveLength(1);
    // The pool took over the monitor's first connection: another one is open.
    await db.nextProbe();
    await change();
    const before = refusals();
    await db.query('select 1');
    await db.query('select 1');
    expect(asked).toHaveLength(2);
    await waitUntil(() => refusals() > before, { what: 'the log to tell of it' });
    expect(refusals()).toBe(before + 1);
  });

  it('that knows no better is asked once more, and no third time', async () => {
    const wrong = (request: PasswordRequest) => {
      asked.push(request);
      return `wrong${asked.length}`;
    };
    const before = refusals();
    const db = open({ password: wrong }, [cluster.primary]);
    const error = await rejection(db.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    expect(inspect(error, { depth: 10 })).not.toMatch(/wrong\d/);
    await waitUntil(() => refusals() >= before + 2, { what: 'the log to tell of both' });
    expect([asked.length, refusals()]).toEqual([2, before + 2]);
  });

  it('is asked again once its token has expired', async () => {
    const lasting = (request: PasswordRequest) => ({ password: give(request), expiresAtMs: Date.now() - 1 });
    const db = open({ password: lasting, pool: { maxUses: 1 } }, [cluster.primary]);
    await db.query('select 1');
    await db.nextProbe();
    const sofar = asked.length;
    await change();
    const before = refusals();
    await db.query('select 1');
    expect(asked.length).toBeGreaterThan(sofar);
    expect(refusals()).toBe(before);
  });

  it('that fails is an error that names the node, and shows in no log; open connections go on', async () => {
    const logger = recordingLogger();
    let failing = true;
    const flaky = async () => {
      if (failing) throw new Error(`no token, not even ${password}`);
      return password;
    };
    const db = open({ password: flaky, logger }, [cluster.primary]);
    const error = await rejection(db.query('select 1', [], { timeoutMs: 1_000 }));
    expect(String(error)).toContain('the function that returns its password threw an error');
    expect(String(error)).toContain(nameOf(cluster.primary));
    expect(String(error)).not.toContain(password);
    failing = false;
    await db.query('select 1');
    failing = true;
    await db.query('select 1');
    const said = JSON.stringify(logger.records);
    expect(said).not.toContain(password);
    expect(inspect(db, { depth: 20, showHidden: true })).not.toContain(password);
  });

  it('that never answers costs no more than the time to connect, and is then asked anew', async () => {
    const slow = (request: PasswordRequest) => {
      asked.push(request);
      return asked.length === 1 ? new Promise<string>(() => undefined) : password;
    };
    const db = open({ password: slow, probe: { intervalMs: 200, timeoutMs: 300 } }, [cluster.primary]);
    await db.query('select 1');
    expect(asked.length).toBeGreaterThanOrEqual(2);
  });
});

describe('what is said of a node', () => {
  it('stands over what is said of all: user, password, TLS', async () => {
    const name = nameOf(cluster.primary);
    const db = createCluster({
      url: cluster.primary.directUrl,
      ...PATIENT,
      nodes: { [name]: { user: 'token', password: give, tls: { mode: 'disable' } } },
    });
    opened.push(db);
    const question = 'select current_user as "user", ssl from pg_stat_ssl where pid = pg_backend_pid()';
    expect(await db.one(question)).toEqual({ user: 'token', ssl: false });
    expect(asked).toMatchObject([{ node: name, user: 'token' }]);
  });
});

describe('a password file', () => {
  const line = (host: string, port: number | string) => `${host}:${port}:app:token:`;

  async function passfile(name: string, text: string, mode = 0o600): Promise<string> {
    const file = path.join(folder.path, name);
    await writeFile(file, text);
    await chmod(file, mode);
    return file;
  }

  const using = (file: string, options: Partial<ClusterOptions> = {}) =>
    open({ env: { PGPASSFILE: file }, ...options }, [cluster.primary]);

  it('is read for each connection', async () => {
    const file = await passfile('changing', `${line('127.0.0.1', cluster.primary.port)}${password}\n`);
    const db = using(file, { pool: { maxUses: 1 } });
    await db.query('select 1');
    await change();
    await passfile('changing', `${line('127.0.0.1', cluster.primary.port)}${password}\n`);
    await db.query('select 1');
  });

  it('is looked into for hosts that only discovery names', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const own = cluster.nodes.map(({ port }) => `${line('127.0.0.1', port)}${password}\n`).join('');
    const file = await passfile('all', own);
    const discovery = {
      name: 'a list',
      async *watch() {
        yield cluster.nodes.map(({ host, port }) => ({ host, port }));
      },
    };
    const db = using(file, { discovery });
    expect((await db.query('select 1', [], { target: 'any', node: nameOf(standby) })).node).toBe(
      nameOf(standby),
    );
  });

  it('that others may read is not, and that is told', async () => {
    const logger = recordingLogger();
    const file = await passfile('open', `*:*:*:*:${password}\n`, 0o644);
    const db = using(file, { logger });
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    expect(JSON.stringify(logger.records)).toContain('group or world access');
  });

  it('may be named by a service', async () => {
    const file = await passfile('of-service', `*:*:*:*:${password}\n`);
    const home = path.join(folder.path, 'home');
    await mkdir(home, { recursive: true });
    const { host, port } = cluster.primary;
    const service = `[herd]\nhost=${host}\nport=${port}\nuser=token\ndbname=app\npassfile=${file}\n`;
    await writeFile(path.join(home, '.pg_service.conf'), service);
    const db = createCluster({ url: 'service=herd', env: { HOME: home } });
    opened.push(db);
    expect(await db.one('select current_user as "user"')).toEqual({ user: 'token' });
  });
});
