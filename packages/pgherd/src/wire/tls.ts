import { createPrivateKey } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { isIP } from 'node:net';
// As one object: a bundler would make a name of each member that is used, and Node.js 20 lacks some.
import tls from 'node:tls';
import type { TlsRequest } from '../connection/port.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { Secret } from '../model/secret.ts';
import type { NodeAddress } from '../model/topology.ts';
import { checkIdentity, missingIn, type PemParameter } from './certificates.ts';

/** One way to connect: libpq's `allow` starts with `plain`, `prefer` with `tls`. */
export type TlsAttempt = 'tls' | 'plain';

/** The attempts of a mode, in order; a Unix socket never uses TLS. */
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

/**
 * Node's TLS options for a request. Files are read each time, so that rotated ones are used. The connection
 * plan has decided what is verified; the name is checked against `serverName`, else `host`, even if
 * `hostaddr` is the address.
 * @throws PgHerdError `PGHERD_TLS_FAILED` for a file that cannot be read, or a key that other users may read.
 */
export async function tlsOptions(request: TlsRequest, address: NodeAddress): Promise<tls.ConnectionOptions> {
  const name = address.serverName ?? address.host;
  const [ca, crl, cert] = await Promise.all([
    authorities(request.rootCert),
    pemOf('sslcrl', request.crl),
    request.certMode === 'allow' ? pemOf('sslcert', request.cert) : undefined,
  ]);
  const options: tls.ConnectionOptions = {
    rejectUnauthorized: request.verify !== 'none',
    checkServerIdentity: (_host: string, certificate: tls.PeerCertificate) =>
      request.verify === 'full' ? checkIdentity(name, certificate) : undefined,
  };
  if (ca !== undefined) options.ca = ca;
  if (crl !== undefined) options.crl = crl;
  if (cert !== undefined) {
    options.cert = cert;
    options.key = decrypted(await keyOf(request), request.keyPassword);
  }
  if (request.sni && isIP(name) === 0) options.servername = name;
  const minVersion = tlsVersion(request.minVersion);
  const maxVersion = tlsVersion(request.maxVersion);
  if (minVersion !== undefined) options.minVersion = minVersion;
  if (maxVersion !== undefined) options.maxVersion = maxVersion;
  return options;
}

/** Node.js 22.15 and newer know the system's authorities; in older versions, their own take their place. */
async function authorities(rootCert: string | undefined): Promise<string | string[] | undefined> {
  if (rootCert !== 'system') return pemOf('sslrootcert', rootCert);
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default' | 'system') => string[] };
  return getCACertificates === undefined
    ? undefined
    : [...getCACertificates('default'), ...getCACertificates('system')];
}

async function keyOf({ cert, key }: TlsRequest): Promise<string> {
  if (key instanceof Secret) return complete('sslkey', key.reveal(), 'The text given as sslkey');
  if (key !== undefined) return (await pemOf('sslkey', key, checkPrivate)) ?? '';
  throw failure(
    `A client certificate is given (sslcert ${shown(cert)}), but no private key. Set sslkey to the file of its key.`,
  );
}

/** With a wrong password, 1 of 170 decryptions seems to succeed; only parsing the key detects that. */
function decrypted(key: string, password: Secret | undefined): string {
  if (!key.includes('ENCRYPTED')) return key;
  try {
    const passphrase = password?.reveal() ?? '';
    return String(createPrivateKey({ key, passphrase }).export({ type: 'pkcs8', format: 'pem' }));
  } catch (cause) {
    throw failure('The private key (sslkey) is encrypted: sslpassword must be its password.', cause);
  }
}

type FileCheck = (handle: FileHandle, path: string) => Promise<void>;

/** The content of a file in PEM form, or the option itself if it holds the content. */
async function pemOf(
  parameter: PemParameter,
  place: string | undefined,
  check?: FileCheck,
): Promise<string | undefined> {
  if (place === undefined) return place;
  if (place.includes('-----BEGIN')) return complete(parameter, place, `The text given as ${parameter}`);
  return complete(
    parameter,
    await fileOf(parameter, place, check),
    `The file ${shown(place)} (${parameter})`,
  );
}

function complete(parameter: PemParameter, text: string, where: string): string {
  const missing = missingIn(parameter, text);
  if (missing === undefined) return text;
  throw failure(`${where} has no ${missing} in PEM form. Give one, or leave ${parameter} out.`);
}

async function fileOf(parameter: PemParameter, place: string, check: FileCheck | undefined): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(place, 'r');
    await check?.(handle, place);
    return await handle.readFile('utf8');
  } catch (cause) {
    if (cause instanceof PgHerdError) throw cause;
    // The system's message repeats the name.
    if (!isFileName(place)) throw failure(`The file ${shown(place)} (${parameter}) cannot be read.`);
    throw failure(`The file ${shown(place)} (${parameter}) cannot be read: ${messageOf(cause)}`, cause);
  } finally {
    await handle?.close();
  }
}

/** Windows has no file modes to check. */
const HAS_MODES = process.platform !== 'win32';

/** libpq's rule: only the owner may read it, and the group if root is the owner, as is usual for services. */
async function checkPrivate(handle: FileHandle, path: string): Promise<void> {
  const { mode, uid } = await handle.stat();
  const forbidden = uid === 0 ? 0o037 : 0o077;
  if (!HAS_MODES || (mode & forbidden) === 0) return;
  throw failure(
    `The private key file ${shown(path)} (sslkey) has group or world access. Give it the permissions u=rw (chmod 0600), or u=rw,g=r ` +
      '(0640) if root owns it.',
  );
}

/** Whether it may be the name of a file; else it may be the text of a key that lost its first line. */
function isFileName(path: string): boolean {
  return path.length <= LONGEST_PATH && !path.includes('\n');
}

/** Longest name of a file that is shown, characters. */
const LONGEST_PATH = 255;

function shown(path: string | undefined): string {
  if (path === undefined) return '';
  if (path.includes('-----BEGIN')) return '(in an option)';
  return isFileName(path) ? quoted(path) : '(not shown: it is no file name)';
}

function failure(message: string, cause?: unknown): PgHerdError {
  return new PgHerdError('PGHERD_TLS_FAILED', message, {
    ...(cause === undefined ? {} : { cause }),
    details: { local: true },
  });
}

/**
 * Whether TLS failed for good: because of our own files (one is missing, or other users may read a key), or because bytes were injected
 * into the handshake. The connection is then not tried without TLS.
 */
export function isFinalTlsFailure(error: unknown): boolean {
  if (!(error instanceof PgHerdError) || error.code !== 'PGHERD_TLS_FAILED') return false;
  return error.details['local'] === true || error.details['injected'] === true;
}

/** Codes of errors that concern the connection and not TLS. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNABORTED',
  'ENOTCONN',
]);

/** The error for a failed handshake; an error of the network is returned unchanged. */
export function handshakeFailure(error: unknown, request: TlsRequest): unknown {
  if (error instanceof PgHerdError || !(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return error;
  if (NETWORK_CODES.has(code)) return request.negotiation === 'direct' ? endedDirect(error, code) : error;
  const how = `sslmode=${request.mode}`;
  return new PgHerdError('PGHERD_TLS_FAILED', `TLS failed (${how}): ${messageOf(error)}${remedyFor(code)}`, {
    cause: error,
    details: { tlsCode: code },
  });
}

/**
 * A server too old for a direct handshake closes the connection; but so does any server that is shutting
 * down.
 */
function endedDirect(cause: Error, code: string): Error {
  const sentence = `${messageOf(cause)} (sslnegotiation=direct needs PostgreSQL 17 or later, and the same of a proxy in between)`;
  return Object.assign(new Error(sentence, { cause }), { code });
}

/** A server refuses a client's certificate with a TLS alert, which may come after the handshake. */
export function isTlsAlert(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_SSL_');
}

function remedyFor(code: string): string {
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return ' Connect by a name in the certificate (hostaddr may give the address), or use sslmode=verify-ca.';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_GET_ISSUER_CERT':
      return ". Set sslrootcert to the file of the server's authority.";
    case 'CERT_HAS_EXPIRED':
      return '. The server needs a new certificate.';
    case 'UNABLE_TO_GET_CRL':
    case 'CRL_HAS_EXPIRED':
      return '. The file in sslcrl must contain a list that its authority signed and that has not expired.';
    default:
      return '';
  }
}

function tlsVersion(text: string | undefined): tls.SecureVersion | undefined {
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
