import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import {
  type Cluster,
  type ClusterOptions,
  createCluster,
  type Discovery,
  type NodeDescription,
} from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../../../packages/pgherd/test/discovery/certificates.ts';
import { nameOf, PATIENT } from '../../src/support.ts';

let cluster: TestCluster;
let named: TestNode;
let found: TestNode;
/** The authority that signed the certificate of the discovered host, in PEM form. */
let rootCert: string;
const opened: Cluster[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, auth: 'scram-sha-256' });
  // `md5` in pg_hba.conf asks for SCRAM unless the role's own password is an MD5 one.
  await cluster.primary.sql("set password_encryption = 'md5'; create role old login password 'secret'");
  await cluster.primary.sql(
    "set password_encryption = 'scram-sha-256'; create role young login password 'secret'",
  );
  named = cluster.primary;
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('no standby');
  found = standby;
  rootCert = await giveCertificate(found);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(() => cluster?.close());

/** Lets the server speak TLS. Returns its authority. */
async function giveCertificate(node: TestNode): Promise<string> {
  const authority = createAuthority();
  const { cert, key } = authority.issue('127.0.0.1');
  const { uid, gid } = await stat(node.dataDirectory);
  for (const [name, text] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    const file = path.join(node.dataDirectory, name);
    await writeFile(file, text, { mode: 0o600 });
    if (process.getuid?.() === 0) await chown(file, uid, gid);
  }
  await node.sql('alter system set ssl = on');
  await node.sql('select pg_reload_conf()');
  return authority.cert;
}

/** By which method each server lets ordinary roles in from now on. */
async function ask(method: string): Promise<void> {
  for (const node of cluster.nodes) {
    const file = path.join(node.dataDirectory, 'pg_hba.conf');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll(/^(host all all \S+) \S+$/gm, `$1 ${method}`));
    await node.sql('select pg_reload_conf()');
  }
}

const discovered = (host: string, port: number): Discovery => ({
  name: 'a list of one',
  async *watch() {
    yield [
      { host: named.host, port: named.port },
      { host, port },
    ];
  },
});

/** A cluster object whose connection string names one host, and whose discovery another one. */
function open(user: string, parameters: string, options: Partial<ClusterOptions> = {}): Cluster {
  const url = `postgresql://${user}:secret@${nameOf(named)}/app${parameters}`;
  const discovery = discovered(found.host, found.port);
  const db = createCluster({ url, ...PATIENT, probe: { intervalMs: 200 }, discovery, ...options });
  opened.push(db);
  return db;
}

async function settled(db: Cluster, name: string): Promise<NodeDescription> {
  let node: NodeDescription | undefined;
  await waitUntil(
    () => {
      node = db.nodes().find((one) => one.name === name);
      return node !== undefined && (node.health === 'ok' || node.connectFailure !== undefined);
    },
    { what: `${name} to be tried` },
  );
  if (node === undefined) throw new Error('not reached');
  return node;
}

describe('a host that only discovery names', () => {
  it.each([
    ['password', 'young', 'disable'],
    ['md5', 'old', 'disable'],
    // Both without and with TLS, by a certificate that is not verified.
    ['password', 'young', 'prefer'],
    ['md5', 'old', 'prefer'],
  ])('gets no password by %s of %s with sslmode=%s; the host that the user named does', async (method, user, mode) => {
    await ask(method);
    const db = open(user, `?sslmode=${mode}`);
    await db.ready();
    expect((await db.query('select 1')).node).toBe(nameOf(named));
    const node = await settled(db, nameOf(found));
    expect(node).toMatchObject({ health: 'offline', connectFailure: 'authentication', origin: 'discovered' });
    expect(node.healthReason).toContain(`asks for ${method}`);
    expect(node.healthReason).toContain('none, scram-sha-256');
    expect(node.healthReason).not.toContain('secret');
  });

  it.each([
    ['password', 'young', 'verify-full'],
    ['md5', 'old', 'verify-full'],
    ['scram-sha-256', 'young', 'require'],
    ['scram-sha-256', 'young', 'disable'],
    ['trust', 'young', 'disable'],
  ])('is used where it asks for %s of %s with sslmode=%s', async (method, user, mode) => {
    await ask(method);
    // The host that the user named has no TLS: it is not what this is about.
    const tls = mode === 'verify-full' ? { rootCert } : {};
    const db = open(user, `?sslmode=${mode}`, { tls });
    const using = db.query('select 1', [], { target: 'any', node: nameOf(found) });
    expect((await using).node).toBe(nameOf(found));
  });

  it('gets nothing that it could use, whatever it asks for', async () => {
    await ask('trust');
    const heard: Buffer[] = [];
    const authentication = { password: [3], md5: [5, 1, 2, 3, 4] } as const;
    for (const [method, [kind, ...salt]] of Object.entries(authentication)) {
      const rogue = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (startup) => {
          heard.push(startup);
          socket.on('data', (more) => heard.push(more));
          socket.write(Buffer.from([0x52, 0, 0, 0, 8 + salt.length, 0, 0, 0, kind, ...salt]));
        });
      });
      await new Promise<void>((resolve) => rogue.listen(0, '127.0.0.1', resolve));
      const address = rogue.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const db = open('young', '?sslmode=disable', { discovery: discovered('127.0.0.1', address.port) });
      db.ready().catch(() => undefined);
      const node = await settled(db, `127.0.0.1:${address.port}`);
      expect(node.healthReason).toContain(`asks for ${method}`);
      await db.close();
      rogue.close();
    }
    // The startup packets, and nothing after them.
    expect(heard.length).toBeGreaterThanOrEqual(2);
    for (const packet of heard) {
      expect(packet.readInt32BE(0)).toBe(packet.length);
      expect(packet.includes('secret')).toBe(false);
    }
  });
});

describe('allowDiscovered', () => {
  it('keeps every other host from being dialled, and reports it once', async () => {
    await ask('trust');
    let dialled = 0;
    const stranger = net.createServer((socket) => {
      dialled += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.2', resolve));
    const address = stranger.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const hosts = [
      { host: named.host, port: named.port },
      { host: found.host, port: found.port },
      { host: 'db.example', hostaddr: '127.0.0.2', port: address.port },
    ];
    let lists = 0;
    const discovery: Discovery = {
      name: 'registry',
      async *watch(context) {
        do {
          lists += 1;
          yield hosts;
        } while (await context.pause(50));
      },
    };
    const refused: unknown[] = [];
    const db = open('young', '?sslmode=disable', { discovery, allowDiscovered: [`${found.host}/32`] });
    db.on('discovery:refused', (event) => refused.push(event));
    await db.ready({ primaries: 1, standbys: 1 });
    await waitUntil(() => lists > 3, { what: 'some lists' });
    expect(db.nodes().map(({ name }) => name)).toEqual([nameOf(named), nameOf(found)]);
    expect(refused).toEqual([
      {
        discovery: 'registry',
        node: `db.example:${address.port}`,
        reason: expect.stringContaining('"127.0.0.2" is not covered by allowDiscovered'),
      },
    ]);
    expect(dialled).toBe(0);
    stranger.close();
  });

  it('leaves the last list in force if nothing of the next one is allowed', async () => {
    await ask('trust');
    const discovery: Discovery = {
      name: 'registry',
      async *watch() {
        yield [{ host: 'db.example' }];
      },
    };
    const failures: unknown[] = [];
    const db = open('young', '?sslmode=disable', { discovery, allowDiscovered: '*.shop.example' });
    db.on('discovery:failed', ({ error }) => failures.push(error));
    await db.ready();
    expect((await db.query('select 1')).node).toBe(nameOf(named));
    await waitUntil(() => failures.length > 0, { what: 'the list to be refused' });
    expect(failures).toEqual([
      expect.objectContaining({
        code: 'PGHERD_DISCOVERY_FAILED',
        message: expect.stringContaining('no node is allowed (1 refused)'),
      }),
    ]);
  });
});
