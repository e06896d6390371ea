import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateHash } from '../../../src/wire/login/certificate-hash.ts';

/** The outline of a certificate (DER): what is signed, then the algorithm of the signature. */
function certificate(algorithm: number[]): Buffer {
  const signed = [0x30, 0x03, 0x02, 0x01, 0x01];
  const body = [...signed, ...algorithm];
  return Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff, ...body]);
}

const sequence = (...content: number[]): number[] => [0x30, content.length, ...content];
const RSA = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const SHA = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

describe('the hash that binds SCRAM to a certificate', () => {
  it.each([
    ['MD5 with RSA counts as SHA-256', sequence(...RSA, 4), 'sha256'],
    ['SHA-1 with RSA counts as SHA-256', sequence(...RSA, 5), 'sha256'],
    ['SHA-256 with RSA', sequence(...RSA, 11), 'sha256'],
    ['SHA-384 with RSA', sequence(...RSA, 12), 'sha384'],
    ['SHA-512 with RSA', sequence(...RSA, 13), 'sha512'],
    ['SHA-256 with ECDSA', sequence(...ECDSA, 2), 'sha256'],
    ['SHA-512 with ECDSA', sequence(...ECDSA, 4), 'sha512'],
    [
      'RSASSA-PSS with SHA-384',
      sequence(...RSA, 10, ...sequence(0xa0, 13, ...sequence(...SHA, 2))),
      'sha384',
    ],
  ])('%s', (_what, algorithm, name) => {
    const der = certificate(algorithm);
    expect(certificateHash(der)).toEqual(createHash(name).update(der).digest());
  });

  it.each([
    ['Ed25519 has none', certificate(sequence(0x06, 0x03, 0x2b, 0x65, 0x70))],
    ['an unknown algorithm has none', certificate(sequence(0x06, 0x03, 0x2a, 0x03, 0x04))],
    ['nothing at all', Buffer.alloc(0)],
    ['a length beyond the end', Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])],
    ['zeros', Buffer.alloc(64)],
  ])('%s', (_what, der) => {
    expect(certificateHash(der)).toBeUndefined();
  });
});
