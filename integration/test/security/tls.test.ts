import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  createTestAuthority,
  createTestCluster,
  type TestCertificate,
  type TestCluster,
  type TestNode,
} from '@pgherd/testing';
import { createCluster, type Querier } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';
import { admit, look, scratchFolder } from '../../src/tls.ts';

let plain: TestCluster;
let cluster: TestCluster;
let node: TestNode;
let folder: Awaited<ReturnType<typeof scratchFolder>>;
let usual: TestCertificate;
/** A certificate for 127.0.0.1 counts for the shared server unless a test shows another one. */
let root: string;

const MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const;
const YESTERDAY = () => new Date(Date.now() - 86_400_000);

beforeAll(async () => {
  [plain, cluster, folder] = await Promise.all([
    createTestCluster({ standbys: 0, auth: 'scram-sha-256' }),
    createTestCluster({ standbys: 0, auth: 'scram-sha-256', tls: true, proxy: true }),
    scratchFolder(),
  ]);
  node = cluster.primary;
  root = cluster.tls.rootCertFile;
  usual = await cluster.tls.authority.issue();
});

afterAll(async () => {
  await Promise.all([plain?.close(), cluster?.close(), folder?.[Symbol.asyncDispose]()]);
});

const to = (server: TestNode, ...parameters: readonly string[]) =>
  `${server.directUrl}?${parameters.join('&')}`;
const rooted = (mode: string) => (mode.startsWith('verify') ? `&sslrootcert=${root}` : '');
const NO_ENTRY = { refused: expect.stringContaining('no pg_hba.conf entry') };

describe('sslmode', () => {
  it.each(MODES)('%s, on a server without TLS', async (mode) => {
    const seen = await look(to(plain.primary, `sslmode=${mode}${rooted(mode)}`));
    const without = ['disable', 'allow', 'prefer'].includes(mode);
    expect(seen).toMatchObject(
      without ? { ssl: false } : { refused: expect.stringContaining('does not support SSL connections') },
    );
  });

  it.each(MODES)('%s, on a server that leaves it to the client', async (mode) => {
    await admit(node, 'host all all 127.0.0.1/32 scram-sha-256');
    expect(await look(to(node, `sslmode=${mode}${rooted(mode)}`))).toMatchObject({
      ssl: !['disable', 'allow'].includes(mode),
    });
  });

  it.each(MODES)('%s, on a server that wants TLS', async (mode) => {
    await admit(node, 'hostssl all all 127.0.0.1/32 scram-sha-256');
    const seen = await look(to(node, `sslmode=${mode}${rooted(mode)}`));
    expect(seen).toMatchObject(mode === 'disable' ? NO_ENTRY : { ssl: true });
  });

  it.each(MODES)('%s, on a server that wants none', async (mode) => {
    await admit(node, 'hostnossl all all 127.0.0.1/32 scram-sha-256');
    const seen = await look(to(node, `sslmode=${mode}${rooted(mode)}`));
    expect(seen).toMatchObject(['disable', 'allow', 'prefer'].includes(mode) ? { ssl: false } : NO_ENTRY);
    await admit(node, 'host all all 127.0.0.1/32 scram-sha-256');
  });

  it('prefer takes TLS as soon as the server has it', async () => {
    await switchTls('off');
    await using db = createCluster({ url: to(node, 'sslmode=prefer'), ...PATIENT });
    await using before = await db.acquire();
    expect(await isEncrypted(before)).toBe(false);
    await switchTls('on');
    await using after = await db.acquire();
    expect(await isEncrypted(after)).toBe(true);
  });
});

const isEncrypted = async (lease: Querier) =>
  (await lease.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows[0]
    ?.ssl;

async function switchTls(ssl: 'on' | 'off'): Promise<void> {
  await node.sql(`alter system set ssl = ${ssl}`);
  await node.reload();
}

/** What each mode says to a server's certificate: whether it is taken, and what the refusal speaks of. */
async function expectTaken(taken: Readonly<Record<string, true | string>>, more = ''): Promise<void> {
  for (const [mode, how] of Object.entries(taken)) {
    const seen = await look(to(node, `sslmode=${mode}${rooted(mode)}${more}`));
    expect({ mode, ...seen }).toMatchObject(
      how === true ? { mode, ssl: true } : { mode, refused: expect.stringContaining(how) },
    );
  }
}

describe('a certificate', () => {
  it('of an authority that nobody named is refused where it is checked', async () => {
    const stranger = await createTestAuthority('somebody else');
    await node.useCertificate(await stranger.issue());
    const untrusted = 'unable to verify the first certificate';
    await expectTaken({ require: true, 'no-verify': true, 'verify-ca': untrusted, 'verify-full': untrusted });
    // A root certificate makes even these check who signed.
    await expectTaken({ require: untrusted }, `&sslrootcert=${root}`);
    await node.useCertificate(usual);
    await expectTaken({ require: true, prefer: true }, `&sslrootcert=${root}`);
  });

  it('with another name is refused by verify-full alone', async () => {
    await node.useCertificate(await cluster.tls.authority.issue({ names: ['db.example'] }));
    const altnames = "does not match certificate's altnames";
    await expectTaken({ require: true, 'verify-ca': true, 'verify-full': altnames });
    const named = (host: string) =>
      look(
        `host=${host} hostaddr=127.0.0.1 port=${node.directPort} user=app password=app dbname=app ` +
          `sslmode=verify-full sslrootcert=${root}`,
      );
    expect(await named('db.example')).toMatchObject({ ssl: true });
    expect(await named('db.other')).toMatchObject({ refused: expect.stringContaining(altnames) });
    await node.useCertificate(usual);
  });

  it('that has run out is refused where it is checked', async () => {
    await node.useCertificate(await cluster.tls.authority.issue({ validUntil: YESTERDAY() }));
    const expired = 'certificate has expired';
    await expectTaken({ require: true, 'verify-ca': expired, 'verify-full': expired });
    await node.useCertificate(usual);
  });

  it('that was revoked is refused where there is a list of them', async () => {
    const { authority } = cluster.tls;
    const revoked = await authority.issue();
    const list = path.join(folder.path, 'revoked.crl');
    await writeFile(list, await authority.revocationList());
    await node.useCertificate(revoked);
    await expectTaken({ 'verify-full': true }, `&sslcrl=${list}`);
    authority.revoke(revoked);
    await writeFile(list, await authority.revocationList());
    await expectTaken({ 'verify-full': 'certificate revoked' }, `&sslcrl=${list}`);
    await expectTaken({ 'verify-full': true });
    await node.useCertificate(usual);
    await expectTaken({ 'verify-full': true }, `&sslcrl=${list}`);
  });

  it('is checked against what Node trusts with sslrootcert=system', async () => {
    const url = to(node, 'sslrootcert=system');
    expect(await look(url)).toMatchObject({ refused: expect.stringContaining('self-signed certificate') });
    const program = `
      import { createCluster } from 'pgherd';
      const db = createCluster({ url: process.env.URL, env: {} });
      console.log(await db.one('select ssl from pg_stat_ssl where pid = pg_backend_pid()'));
      await db.close();`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--conditions=@pgherd/source', '--input-type=module', '-e', program],
      { cwd: import.meta.dirname, env: { ...process.env, URL: url, NODE_EXTRA_CA_CERTS: root } },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    await once(child, 'close');
    expect(output).toContain('ssl: true');
  });

  it('may stand in an option as text', async () => {
    const tls = { mode: 'verify-full', rootCert: cluster.tls.authority.certificate } as const;
    expect(await look(node.directUrl, { tls })).toMatchObject({ ssl: true });
    const other = (await createTestAuthority()).certificate;
    const nodes = { [`${node.host}:${node.directPort}`]: { tls: { rootCert: other } } };
    expect(await look(node.directUrl, { tls, nodes })).toHaveProperty('refused');
  });
});

describe('files in ~/.postgresql', () => {
  const withHome = (home: string, url: string) => look(url, { env: { HOME: home } });

  it('are used where no others are named', async () => {
    const home = path.join(folder.path, 'home');
    await mkdir(path.join(home, '.postgresql'), { recursive: true });
    await expect(withHome(home, to(node, 'sslmode=verify-ca'))).rejects.toThrow('needs sslrootcert');
    const { certificate } = await createTestAuthority('somebody else');
    await writeFile(path.join(home, '.postgresql/root.crt'), certificate);
    const refused = { refused: expect.stringContaining('self-signed certificate in certificate chain') };
    expect(await withHome(home, to(node, 'sslmode=require'))).toMatchObject(refused);
    expect(await withHome(home, to(node, 'sslmode=no-verify'))).toMatchObject({ ssl: true });
    expect(await withHome(home, to(node, 'sslmode=disable'))).toMatchObject({ ssl: false });
    await writeFile(path.join(home, '.postgresql/root.crt'), cluster.tls.authority.certificate);
    expect(await withHome(home, to(node, 'sslmode=verify-full'))).toMatchObject({ ssl: true });
    cluster.tls.authority.revoke(usual);
    await writeFile(path.join(home, '.postgresql/root.crl'), await cluster.tls.authority.revocationList());
    expect(await withHome(home, to(node, 'sslmode=verify-full'))).toMatchObject({
      refused: expect.stringContaining('certificate revoked'),
    });
  });
});

describe('the handshake', () => {
  it('keeps to the versions that are wanted', async () => {
    const versions = (min: string, max = '') =>
      look(to(node, 'sslmode=require', `ssl_min_protocol_version=${min}`, `ssl_max_protocol_version=${max}`));
    expect(await versions('TLSv1.2')).toMatchObject({ version: 'TLSv1.3' });
    expect(await versions('TLSv1.2', 'TLSv1.2')).toMatchObject({ version: 'TLSv1.2' });
    await node.sql("alter system set ssl_max_protocol_version = 'TLSv1.2'");
    await node.reload();
    expect(await versions('TLSv1.3')).toMatchObject({ refused: expect.stringContaining('TLS failed') });
    expect(await versions('TLSv1.2')).toMatchObject({ version: 'TLSv1.2' });
    await node.sql('alter system reset ssl_max_protocol_version');
    await node.reload();
  });

  /** What went to the server on connections that were opened while `work` ran. */
  async function sent(work: () => Promise<unknown>): Promise<Buffer> {
    const connections = new Map<number | undefined, Buffer[]>();
    await using _ = node.proxy.watch(({ chunk, direction, serverSidePort: port }) => {
      if (direction === 'to-server') connections.set(port, [...(connections.get(port) ?? []), chunk]);
    });
    await work();
    // The goodbye of an earlier one comes late, and begins in the midst of TLS.
    const opened = [...connections.values()].filter(([first]) => first?.[0] !== 0x17);
    return Buffer.concat(opened.flat());
  }

  const byName = (more: string) =>
    look(
      `host=db.example hostaddr=127.0.0.1 port=${node.port} user=app password=app dbname=app sslmode=require ${more}`,
    );

  it('tells the name in the clear, unless sslsni says not to', async () => {
    expect((await sent(() => byName(''))).includes('db.example')).toBe(true);
    expect((await sent(() => byName('sslsni=0'))).includes('db.example')).toBe(false);
  });

  it('begins at once with sslnegotiation=direct', async () => {
    const first = async (more: string) => (await sent(() => byName(more))).subarray(0, 8).toString('hex');
    expect(await first('')).toBe('0000000804d2162f');
    expect(await first('sslnegotiation=direct')).toMatch(/^1603/);
    expect(await byName('sslnegotiation=direct')).toMatchObject({ ssl: true });
  });
});
