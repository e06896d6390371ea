import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestAuthority,
  createTestCluster,
  type TestCertificate,
  type TestCluster,
  type TestNode,
} from '../src/index.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, tls: { required: true } });
});

afterAll(() => cluster?.close());

const ca = () => cluster.tls.authority.certificate;

/** Whether the role `app` gets in, and over what. */
async function version(node: TestNode, ssl: pg.ClientConfig['ssl']): Promise<unknown> {
  const client = new pg.Client({ connectionString: node.url, ssl });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('select version from pg_stat_ssl where pid = pg_backend_pid()');
    return rows[0]?.version;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The certificate that a server shows now. */
async function shownBy(node: TestNode): Promise<string> {
  let serialNumber = '';
  const checkServerIdentity = (_host: string, certificate: tls.PeerCertificate) => {
    serialNumber = certificate.serialNumber;
    return undefined;
  };
  await version(node, { ca: ca(), checkServerIdentity });
  return serialNumber.toLowerCase();
}

describe('a cluster with TLS', () => {
  it('takes nobody without it, on any node, and streams', async () => {
    for (const node of cluster.nodes) {
      expect(await version(node, { ca: ca() })).toMatch(/^TLSv1\.[23]$/);
      await expect(version(node, false)).rejects.toThrow('no pg_hba.conf entry');
    }
  });

  it('shows another certificate from then on, also when it was lost in between', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const other = await cluster.tls.authority.issue();
    await standby.useCertificate(other);
    expect(await shownBy(standby)).toBe(other.serialNumber);
    expect(await shownBy(cluster.primary)).not.toBe(other.serialNumber);
    const loss = await standby.kill();
    await loss.undo();
    expect(await shownBy(standby)).toBe(other.serialNumber);
  });

  it('is told from one without', async () => {
    await using plain = await createTestCluster({ standbys: 0 });
    expect(() => plain.tls).toThrow('Make it with createTestCluster({ tls: true })');
    await expect(createTestCluster({ standbys: 0, auth: 'cert' })).rejects.toThrow("auth: 'cert' needs tls.");
  });

  it('demands certificates of clients where it is told to', async () => {
    await using strict = await createTestCluster({
      standbys: 0,
      tls: { authority: cluster.tls.authority, clientCertificates: 'verify-full' },
    });
    const { certificate: cert, key } = await cluster.tls.authority.issue({
      commonName: 'app',
      usage: 'client',
    });
    expect(await version(strict.primary, { ca: ca(), cert, key })).toMatch(/^TLS/);
    await expect(version(strict.primary, { ca: ca() })).rejects.toThrow('valid client certificate');
  });
});

describe('an authority', () => {
  /** What Node's TLS makes of a server with this certificate. */
  async function verdict(certificate: TestCertificate, options: tls.ConnectionOptions): Promise<string> {
    const server = tls.createServer({ cert: certificate.certificate, key: certificate.key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    try {
      return await new Promise<string>((resolve) => {
        const socket = tls.connect({ port: address.port, host: '127.0.0.1', ...options }, () => {
          socket.destroy();
          resolve('trusted');
        });
        socket.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
      });
    } finally {
      server.close();
    }
  }

  it('issues what is asked for', async () => {
    const authority = await createTestAuthority('of this test');
    const own = { ca: authority.certificate };
    const day = 86_400_000;
    expect(await verdict(await authority.issue(), own)).toBe('trusted');
    expect(await verdict(await authority.issue({ names: ['db.example'] }), own)).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    const past = { validUntil: new Date(Date.now() - day) };
    expect(await verdict(await authority.issue(past), own)).toBe('CERT_HAS_EXPIRED');
    const future = { validFrom: new Date(Date.now() + day) };
    expect(await verdict(await authority.issue(future), own)).toBe('CERT_NOT_YET_VALID');
    expect(await verdict(await authority.issue(), { ca: ca() })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    const named = new X509Certificate(
      (await authority.issue({ commonName: 'app', usage: 'client' })).certificate,
    );
    expect([named.subject, named.issuer, named.subjectAltName]).toEqual([
      'CN=app',
      'CN=of this test',
      undefined,
    ]);
  });

  it('takes back what it issued, whatever the number', async () => {
    const authority = await createTestAuthority();
    const [kept, revoked] = [await authority.issue(), await authority.issue()];
    authority.revoke(revoked);
    const options = { ca: authority.certificate, crl: await authority.revocationList() };
    expect(await verdict(kept, options)).toBe('trusted');
    expect(await verdict(revoked, options)).toBe('CERT_REVOKED');
  });
});
