import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { TlsRequest } from '../driver/port.ts';
import type { NodeAddress } from '../model/topology.ts';

/** In which order a connection is tried: libpq's `allow` starts in the clear, `prefer` with TLS. */
export type TlsAttempt = 'tls' | 'plain';

/** The attempts that a mode asks for; a Unix socket never uses TLS. */
export function tlsAttempts(request: TlsRequest, address: NodeAddress): readonly TlsAttempt[] {
  if (address.transport === 'unix') return ['plain'];
  switch (request.mode) {
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'tls'];
    case 'prefer':
      return ['tls', 'plain'];
    case 'require':
    case 'verify-ca':
    case 'verify-full':
    case 'no-verify':
      return ['tls'];
    default:
      return request.mode satisfies never;
  }
}

async function fileOf(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : readFile(path, 'utf8');
}

/**
 * Node's TLS options for a request. What is verified was decided with the connection string; the name is checked
 * against `serverName`, else `host`, also where `hostaddr` is what we connect to.
 */
export async function tlsOptions(request: TlsRequest, address: NodeAddress): Promise<ConnectionOptions> {
  const shown = request.certMode === 'allow';
  const name = address.serverName ?? address.host;
  const [ca, crl, cert, key] = await Promise.all([
    request.rootCert === 'system' ? undefined : fileOf(request.rootCert),
    fileOf(request.crl),
    shown ? fileOf(request.cert) : undefined,
    shown ? fileOf(request.key) : undefined,
  ]);
  const options: ConnectionOptions = {
    rejectUnauthorized: request.verify !== 'none',
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      request.verify === 'full' ? checkServerIdentity(name, certificate) : undefined,
  };
  if (ca !== undefined) options.ca = ca;
  if (crl !== undefined) options.crl = crl;
  if (cert !== undefined) options.cert = cert;
  if (key !== undefined) options.key = key;
  if (request.keyPassword !== undefined) options.passphrase = request.keyPassword.reveal();
  if (request.sni && isIP(name) === 0) options.servername = name;
  const minVersion = tlsVersion(request.minVersion);
  const maxVersion = tlsVersion(request.maxVersion);
  if (minVersion !== undefined) options.minVersion = minVersion;
  if (maxVersion !== undefined) options.maxVersion = maxVersion;
  return options;
}

function tlsVersion(text: string | undefined): 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | undefined {
  switch (text?.toLowerCase()) {
    case 'tlsv1':
      return 'TLSv1';
    case 'tlsv1.1':
      return 'TLSv1.1';
    case 'tlsv1.2':
      return 'TLSv1.2';
    case 'tlsv1.3':
      return 'TLSv1.3';
    default:
      return undefined;
  }
}
