import { createHash } from 'node:crypto';

/** Hash of each signature algorithm, by OID; `tls-server-end-point` (RFC 5929) takes SHA-256 in place of MD5 and SHA-1. */
const HASHES: Readonly<Record<string, string>> = Object.freeze({
  '1.2.840.113549.1.1.4': 'sha256',
  '1.2.840.113549.1.1.5': 'sha256',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.10045.4.1': 'sha256',
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
});
/** RSASSA-PSS names its hash in the parameters. */
const PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: Readonly<Record<string, string>> = Object.freeze({
  '1.3.14.3.2.26': 'sha256',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
});

/**
 * The hash of a server's certificate (DER) that binds SCRAM to the TLS channel (`tls-server-end-point`, RFC 5929). `undefined` for a
 * signature without a hash of its own, such as Ed25519, with which PostgreSQL cannot bind either.
 */
export function certificateHash(der: Buffer): Buffer | undefined {
  const name = hashNameOf(der);
  return name === undefined ? undefined : createHash(name).update(der).digest();
}

function hashNameOf(der: Buffer): string | undefined {
  try {
    const certificate = element(der, 0);
    const signed = element(der, certificate.start);
    const algorithm = element(der, signed.end);
    const oid = element(der, algorithm.start);
    const name = oidOf(der, oid);
    if (name !== PSS) return HASHES[name];
    // AlgorithmIdentifier { oid, SEQUENCE { [0] { SEQUENCE { hash oid … } } … } }
    const parameters = element(der, oid.end);
    const tagged = element(der, parameters.start);
    if (der[parameters.start] !== 0xa0) return 'sha256';
    const hash = element(der, tagged.start);
    return PSS_HASHES[oidOf(der, element(der, hash.start))];
  } catch {
    return undefined;
  }
}

interface Element {
  /** Of the contents. */
  readonly start: number;
  readonly end: number;
}

/** The element of ASN.1's distinguished encoding that begins at `at`. */
function element(der: Buffer, at: number): Element {
  const first = der.readUInt8(at + 1);
  if (first < 0x80) return within(der, at + 2, first);
  const bytes = first & 0x7f;
  if (bytes === 0 || bytes > 4) throw new RangeError('length');
  return within(der, at + 2 + bytes, der.readUIntBE(at + 2, bytes));
}

function within(der: Buffer, start: number, length: number): Element {
  if (start + length > der.length) throw new RangeError('length');
  return { start, end: start + length };
}

function oidOf(der: Buffer, { start, end }: Element): string {
  const first = der[start] ?? 0;
  const numbers = [Math.floor(first / 40), first % 40];
  let value = 0;
  for (let at = start + 1; at < end; at++) {
    const byte = der[at] ?? 0;
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
  }
  return numbers.join('.');
}
