import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TlsRequest } from '../../src/connection/port.ts';
import { Secret } from '../../src/model/secret.ts';
import { checkIdentity } from '../../src/wire/certificates.ts';
import { tlsOptions } from '../../src/wire/tls.ts';
import { createAuthority } from '../discovery/certificates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgherd-certificates-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ADDRESS = { host: 'db', port: 5432, transport: 'tcp' } as const;
const authority = createAuthority();
const { cert, key } = authority.issue('client');
const BROKEN = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

function request(given: Partial<TlsRequest>): TlsRequest {
  return {
    mode: 'verify-full',
    verify: 'full',
    rootCert: authority.cert,
    sni: true,
    negotiation: 'postgres',
    certMode: 'allow',
    ...given,
  };
}

let files = 0;
function file(text: string): string {
  files += 1;
  const place = path.join(folder, `${files}.pem`);
  writeFileSync(place, text, { mode: 0o600 });
  return place;
}

const CASES = [
  ['sslrootcert', 'certificate', (text: string) => ({ rootCert: text })],
  ['sslcert', 'certificate', (text: string) => ({ cert: text, key: new Secret(key) })],
  ['sslcrl', 'list of revoked certificates', (text: string) => ({ crl: text })],
  ['sslkey', 'private key', (text: string) => ({ cert, key: text })],
] as const;

const WRONG: readonly (readonly [what: string, text: string, except: string])[] = [
  ['no text', '', ''],
  ['some text', 'not found\n', ''],
  ['a page of the web', '<html>404</html>', ''],
  ['a broken certificate', BROKEN, ''],
  ['a private key', key, 'sslkey'],
  ['a certificate', cert, 'sslrootcert sslcert'],
];

const TABLE = CASES.flatMap(([parameter, what, options]) =>
  WRONG.filter(([, , except]) => !except.includes(parameter)).map(
    ([given, text]) => [parameter, given, what, text, options] as const,
  ),
);

describe('a file or a text without what it should hold is an error that names it', () => {
  it.each(TABLE)('%s with %s', async (parameter, _given, what, text, options) => {
    const place = file(text);
    await expect(tlsOptions(request(options(place)), ADDRESS)).rejects.toMatchObject({
      code: 'PGHERD_TLS_FAILED',
      message: `The file ${JSON.stringify(place)} (${parameter}) has no ${what} in PEM form. Give one, or leave ${parameter} out.`,
    });
    if (!text.includes('-----BEGIN')) return;
    await expect(tlsOptions(request(options(text)), ADDRESS)).rejects.toMatchObject({
      code: 'PGHERD_TLS_FAILED',
      message: `The text given as ${parameter} has no ${what} in PEM form. Give one, or leave ${parameter} out.`,
    });
  });

  it('also as the Secret of an option', async () => {
    const wrong = tlsOptions(request({ cert, key: new Secret('wonderland') }), ADDRESS);
    await expect(wrong).rejects.toThrow('The text given as sslkey has no private key');
    await expect(wrong).rejects.not.toThrow('wonderland');
  });

  it('a key that lost its first line is not shown as the name of a file', async () => {
    const [, ...rest] = key.split('\n');
    const wrong = tlsOptions(request({ cert, key: rest.join('\n') }), ADDRESS);
    await expect(wrong).rejects.toThrow('(not shown: it is no file name)');
    await expect(wrong).rejects.not.toThrow(rest[0] ?? key);
  });

  it('several certificates, and words around them, are right', async () => {
    const text = `our authorities\n${authority.cert}\nand\n${createAuthority().cert}`;
    expect((await tlsOptions(request({ rootCert: text }), ADDRESS)).ca).toBe(text);
    expect((await tlsOptions(request({ rootCert: file(text) }), ADDRESS)).ca).toBe(text);
    expect(await tlsOptions(request({ cert, key: file(key) }), ADDRESS)).toMatchObject({ cert, key });
  });
});

describe('a certificate is for a name', () => {
  const identity = (pattern: string, name: string, commonName = 'server') => {
    const issued = new X509Certificate(authority.issue(commonName, pattern).cert);
    return checkIdentity(name, issued.toLegacyObject());
  };

  it.each([
    ['db.example.com', 'db.example.com'],
    ['db.example.com', 'DB.example.com'],
    ['*.example.com', 'db.example.com'],
    ['*.example.com', '127.0.0.1'],
  ])('%s: %s', (pattern, name) => {
    expect(identity(pattern, name)).toBeUndefined();
  });

  it.each([
    ['db.example.com', 'other.example.com'],
    ['*.example.com', 'a.db.example.com'],
    ['*.example.com', 'example.com'],
    // Node.js by itself would accept the first three.
    ['f*.example.com', 'foo.example.com'],
    ['*f.example.com', 'elf.example.com'],
    ['d*b.example.com', 'dub.example.com'],
    ['db.*.com', 'db.example.com'],
    ['f*.example.com', '127.0.0.2'],
  ])('%s is not for %s', (pattern, name) => {
    expect(identity(pattern, name)).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('a partial wildcard as the common name counts no more than one among the names', () => {
    expect(identity('db.example.com', 'foo.example.com', 'f*.example.com')).toBeDefined();
    expect(identity('db.example.com', 'db.example.com', 'f*.example.com')).toBeUndefined();
  });
});
