import { createPrivateKey } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import {
  createTestAuthority,
  createTestCluster,
  type TestCluster,
  type TestNode,
  waitUntil,
} from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { Pool } from 'pgherd/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';
import { admit, look, type Seen, scratchFolder, storeCertificate } from '../../src/tls.ts';

let cluster: TestCluster;
let node: TestNode;
let folder: Awaited<ReturnType<typeof scratchFolder>>;
let verified: string;

const BY_CERTIFICATE = 'hostssl all all 127.0.0.1/32 cert';
const NO_CERTIFICATE = { refused: expect.stringMatching(/certificate/) };

beforeAll(async () => {
  folder = await scratchFolder();
  cluster = await createTestCluster({ standbys: 0, auth: 'cert', tls: true, proxy: true });
  node = cluster.primary;
  verified = `${node.directUrl}?sslmode=verify-full&sslrootcert=${cluster.tls.rootCertFile}`;
});

afterAll(async () => {
  await Promise.all([cluster?.close(), folder?.[Symbol.asyncDispose]()]);
});

const clientOf = (commonName: string) => cluster.tls.authority.issue({ commonName, usage: 'client' });
const shown = (...parameters: readonly string[]): Promise<Seen> => look([verified, ...parameters].join('&'));

describe('a client certificate', () => {
  it('lets in whom it names, and nobody else', async () => {
    const app = await storeCertificate(folder.path, 'app', await clientOf('app'));
    expect(await shown(app)).toMatchObject({ ssl: true, client: '/CN=app', user: 'app' });
    expect(await shown()).toMatchObject(NO_CERTIFICATE);
    expect(await shown(app, 'sslcertmode=disable')).toMatchObject(NO_CERTIFICATE);
    const other = await storeCertificate(folder.path, 'other', await clientOf('other'));
    expect(await shown(other)).toMatchObject({
      refused: expect.stringContaining('certificate authentication failed'),
    });
  });

  it('of an authority that the server does not know is refused', async () => {
    const stranger = await createTestAuthority('somebody else');
    const foreign = await stranger.issue({ commonName: 'app', usage: 'client' });
    const seen = await shown(await storeCertificate(folder.path, 'foreign', foreign));
    expect(seen).toMatchObject({ refused: expect.stringMatching(/TLS failed .*alert unknown ca/) });
  });

  it('may be demanded besides a password', async () => {
    await admit(node, 'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full');
    const app = await storeCertificate(folder.path, 'both', await clientOf('app'));
    expect(await shown(app)).toMatchObject({ client: '/CN=app' });
    expect(await shown()).toMatchObject(NO_CERTIFICATE);
    await admit(node, BY_CERTIFICATE);
  });

  it('may stand in the options, with its key, which is never shown', async () => {
    const { certificate, key } = await clientOf('app');
    const tls = { cert: certificate, key };
    expect(await look(verified, { tls })).toMatchObject({ client: '/CN=app' });
    const pool = new Pool({
      connectionString: node.directUrl,
      ssl: { ca: cluster.tls.authority.certificate, cert: certificate, key },
    });
    const { rows } = await pool.query('select client_dn from pg_stat_ssl where pid = pg_backend_pid()');
    expect(rows).toEqual([{ client_dn: '/CN=app' }]);
    expect(pool.options.ssl).toMatchObject({ key });
    for (const text of [inspect(pool.options, { depth: 9 }), JSON.stringify(pool.options)])
      expect(text).not.toContain('PRIVATE KEY');
    await pool.end();
    const refused = await look(verified, { tls: { cert: certificate, key: key.replace('M', '-') } });
    expect(refused.refused).toContain('TLS failed');
    expect(refused.refused).not.toContain('PRIVATE');
  });

  it('is found in ~/.postgresql', async () => {
    const home = path.join(folder.path, 'home');
    await mkdir(path.join(home, '.postgresql'), { recursive: true });
    await storeCertificate(path.join(home, '.postgresql'), 'postgresql', await clientOf('app'));
    expect(await look(verified, { env: { HOME: home } })).toMatchObject({ client: '/CN=app' });
  });
});

describe('a private key', () => {
  it('is decrypted with sslpassword', async () => {
    const issued = await clientOf('app');
    const encrypted = createPrivateKey(issued.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'open sesame',
    });
    const parameters = await storeCertificate(folder.path, 'locked', { ...issued, key: String(encrypted) });
    expect(await shown(parameters, 'sslpassword=open%20sesame')).toMatchObject({ client: '/CN=app' });
    for (const more of ['', 'sslpassword=close%20sesame']) {
      const { refused } = await shown(parameters, more);
      expect(refused).toContain('sslpassword must be its password');
      expect(refused).not.toContain('close');
    }
  });

  it('that others may read is refused, one that is missing is named', async () => {
    const parameters = await storeCertificate(folder.path, 'open', await clientOf('app'));
    await chmod(path.join(folder.path, 'open.key'), 0o644);
    expect(await shown(parameters)).toMatchObject({
      refused: expect.stringContaining('group or world access'),
    });
    await chmod(path.join(folder.path, 'open.key'), 0o600);
    expect(await shown(parameters)).toMatchObject({ client: '/CN=app' });
    const [certificate = ''] = parameters.split('&');
    expect(await shown(certificate)).toMatchObject({ refused: expect.stringContaining('Set sslkey') });
    expect(await shown(certificate, `sslkey=${folder.path}/none.key`)).toMatchObject({
      refused: expect.stringContaining('none.key'),
    });
  });
});

describe('every connection', () => {
  const serials = async () =>
    (await node.sql(
      "select distinct case when application_name like '% monitor' then 'monitor' else 'pool' end as who, client_serial::text as serial " +
        "from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'app'",
    )) as { who: string; serial: string }[];
  const decimal = (serialNumber: string) => String(BigInt(`0x${serialNumber}`));

  it('shows the certificate that lies in the file now, the monitor as well', async () => {
    const [first, second] = [await clientOf('app'), await clientOf('app')];
    const url = `${verified}&${await storeCertificate(folder.path, 'rotated', first)}`;
    await using db = createCluster({ url, ...PATIENT, pool: { maxUses: 1 }, probe: { intervalMs: 100 } });
    await db.query('select 1');
    const ofMonitor = async () => (await serials()).filter(({ who }) => who === 'monitor');
    // The pool took the monitor's first connection over, and the monitor opens another one.
    await waitUntil(async () => (await ofMonitor()).length > 0, { what: 'a connection of the monitor' });
    expect(await ofMonitor()).toEqual([{ who: 'monitor', serial: decimal(first.serialNumber) }]);
    const seen = async () =>
      await db.one('select client_serial::text as serial from pg_stat_ssl where pid = pg_backend_pid()');
    expect(await seen()).toEqual({ serial: decimal(first.serialNumber) });
    await storeCertificate(folder.path, 'rotated', second);
    await waitUntil(async () => (await seen())['serial'] === decimal(second.serialNumber), {
      what: 'a new connection',
    });
    // The monitor's own connection was never closed; the next one it opens shows the new one as well.
    await node.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
    await waitUntil(
      async () =>
        (await serials()).some(
          ({ who, serial }) => who === 'monitor' && serial === decimal(second.serialNumber),
        ),
      { what: "the monitor's new connection" },
    );
  });

  it('believes the authorities that lie in the file now', async () => {
    const file = path.join(folder.path, 'authorities.crt');
    await writeFile(file, cluster.tls.authority.certificate);
    const app = await storeCertificate(folder.path, 'believer', await clientOf('app'));
    const url = `${node.directUrl}?sslmode=verify-full&sslrootcert=${file}&${app}`;
    await using db = createCluster({ url, env: {}, pool: { maxUses: 1 }, waitTimeoutMs: 60_000 });
    await db.query('select 1');
    const successor = await createTestAuthority('successor');
    await node.useCertificate(await successor.issue());
    await expect(db.query('select 1')).rejects.toThrow('unable to verify the first certificate');
    await writeFile(file, successor.certificate + cluster.tls.authority.certificate);
    await waitUntil(
      () =>
        db.query('select 1').then(
          () => true,
          () => false,
        ),
      { what: 'the new authority to count' },
    );
    await node.useCertificate(await cluster.tls.authority.issue());
  });

  it('that cancels a statement is encrypted as well', async () => {
    const app = await storeCertificate(folder.path, 'canceller', await clientOf('app'));
    const inClear: Buffer[] = [];
    let requests = 0;
    await using _ = node.proxy.watch(({ chunk, direction }) => {
      if (direction !== 'to-server') return;
      if (chunk.length === 8) requests += 1;
      if (chunk.length === 16 && chunk.readUInt32BE(4) === 80_877_102) inClear.push(chunk);
    });
    const url = `${node.url}?sslmode=verify-full&sslrootcert=${cluster.tls.rootCertFile}&${app}`;
    await using db = createCluster({ url, ...PATIENT });
    await db.query('select 1');
    const before = requests;
    await expect(db.query('select pg_sleep(60)', [], { timeoutMs: 300 })).rejects.toThrow();
    const sleeping =
      "select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()";
    await waitUntil(async () => (await node.sql(sleeping)).length === 0, {
      what: 'the statement to be cancelled',
    });
    expect(requests).toBeGreaterThan(before);
    expect(inClear).toEqual([]);
  });
});
