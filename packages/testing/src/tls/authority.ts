import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

/** A certificate with its private key, both as PEM text. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
  /** Serial number, hexadecimal. */
  readonly serialNumber: string;
}

/** What a certificate says. */
export interface IssueOptions {
  /** Whom it names; for a client the role it may log in as. Default `localhost`. */
  readonly commonName?: string | undefined;
  /** Names and addresses of a server. Default `localhost`, `127.0.0.1` and `::1`; none for a client. */
  readonly names?: readonly string[] | undefined;
  /** What it is for. Default `server`. */
  readonly usage?: 'server' | 'client' | undefined;
  /** From when on it counts. Default: yesterday. */
  readonly validFrom?: Date | undefined;
  /** Until when it counts; a moment that has passed makes an expired one. Default: in a week. */
  readonly validUntil?: Date | undefined;
}

/** Issues and revokes certificates; it is trusted only where its certificate is given. Made by {@link createTestAuthority}. */
export interface TestAuthority {
  /** Its own certificate as PEM text: what clients need as `sslrootcert`. */
  readonly certificate: string;
  /** A new certificate that it signed. */
  issue(options?: IssueOptions): Promise<TestCertificate>;
  /** Takes a certificate back: the next list names it. */
  revoke(certificate: TestCertificate): void;
  /** The list of revoked certificates as PEM text, for `sslcrl` or `ssl_crl_file`. */
  revocationList(): Promise<string>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** Makes a new authority, with the library `@peculiar/x509` alone: no program is needed. */
export async function createTestAuthority(commonName = 'pgherd testing'): Promise<TestAuthority> {
  const keys = await newKeys();
  const { signingKey } = keys;
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      keys: keys.pair,
      signingAlgorithm: ALGORITHM,
      ...validity(undefined, undefined),
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    crypto,
  );
  const revoked = new Map<string, Date>();
  const authority = {
    certificate: pem(certificate),
    issue: (options: IssueOptions = {}) => issue(certificate, signingKey, options),
    revoke: ({ serialNumber }: TestCertificate) => {
      revoked.set(serialNumber, new Date());
    },
    revocationList: () => listOf(certificate, signingKey, revoked),
    /** Tells two authorities apart where options are compared. */
    toJSON: () => pem(certificate),
  };
  return Object.freeze(authority);
}

const crypto = webcrypto;

interface Keys {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly signingKey: webcrypto.CryptoKey;
  /** The private key as PEM text. */
  readonly text: string;
}

async function newKeys(): Promise<Keys> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const key = KeyObject.from(pair.privateKey);
  return { pair, signingKey: pair.privateKey, text: String(key.export({ type: 'pkcs8', format: 'pem' })) };
}

async function issue(
  issuer: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  options: IssueOptions,
): Promise<TestCertificate> {
  const usage = options.usage ?? 'server';
  const names = options.names ?? (usage === 'server' ? LOOPBACK : []);
  const keys = await newKeys();
  const purpose = usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const certificate = await X509CertificateGenerator.create(
    {
      // Positive whatever the rest: certificate and list must write it alike.
      serialNumber: `01${randomBytes(15).toString('hex')}`,
      issuer: issuer.subject,
      subject: [{ CN: [options.commonName ?? 'localhost'] }],
      publicKey: keys.pair.publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      ...validity(options.validFrom, options.validUntil),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([purpose]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names.map(alternativeName))]),
      ],
    },
    crypto,
  );
  return Object.freeze({
    certificate: pem(certificate),
    key: keys.text,
    serialNumber: certificate.serialNumber,
  });
}

function alternativeName(name: string): { type: 'ip' | 'dns'; value: string } {
  return { type: isIP(name) === 0 ? 'dns' : 'ip', value: name };
}

async function listOf(
  issuer: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  revoked: ReadonlyMap<string, Date>,
): Promise<string> {
  const { notBefore, notAfter } = validity(undefined, undefined);
  const list = await X509CrlGenerator.create(
    {
      issuer: issuer.subject,
      thisUpdate: notBefore,
      nextUpdate: notAfter,
      signingAlgorithm: ALGORITHM,
      signingKey,
      entries: [...revoked].map(([serialNumber, revocationDate]) => ({ serialNumber, revocationDate })),
    },
    crypto,
  );
  // The library's label is not the one that OpenSSL looks for.
  return `${list.toString('pem').replaceAll(/(BEGIN|END) CRL/g, '$1 X509 CRL')}\n`;
}

function validity(from: Date | undefined, until: Date | undefined): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  const notAfter = until ?? new Date(now + 7 * DAY_MS);
  const notBefore = from ?? new Date(Math.min(now, notAfter.getTime()) - DAY_MS);
  return { notBefore, notAfter };
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
