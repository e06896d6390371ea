import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What a file or a text in PEM form must hold, by the parameter that gives it. */
const CONTENTS = Object.freeze({
  sslrootcert: { what: 'certificate', holds: isCertificate },
  sslcert: { what: 'certificate', holds: isCertificate },
  sslkey: {
    what: 'private key',
    holds: (pem: string) => /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----/.test(pem),
  },
  sslcrl: {
    what: 'list of revoked certificates',
    holds: (pem: string) => pem.includes('-----BEGIN X509 CRL-----'),
  },
});

/** Parameters that give files. */
export type PemParameter = keyof typeof CONTENTS;

/**
 * What is missing in a file or a text in PEM form; `undefined` if it is there. Without the check, a file without a
 * certificate would be an authority that is not there, or a list that revokes nothing.
 */
export function missingIn(parameter: PemParameter, pem: string): string | undefined {
  const { what, holds } = CONTENTS[parameter];
  return holds(pem) ? undefined : what;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/**
 * The error if a certificate is not for a name or an address, by libpq's rules: a wildcard is the whole first label.
 * Node.js accepts `f*.example.com`, too.
 */
export function checkIdentity(name: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(name, certificate);
  if (error !== undefined || isIP(name) !== 0 || !hasPartialWildcard(certificate)) return error;
  const strict = new X509Certificate(certificate.raw).checkHost(name, { partialWildcards: false });
  if (strict !== undefined) return undefined;
  const reason = `${name} is matched only by a wildcard that is a part of a label, which does not count`;
  return Object.assign(new Error(reason), { code: 'ERR_TLS_CERT_ALTNAME_INVALID', reason, host: name });
}

/** A wildcard behind or before another character of its label; a certificate without one needs no second look. */
function hasPartialWildcard({ subjectaltname = '', subject }: PeerCertificate): boolean {
  const names = [subjectaltname, ...[subject.CN].flat().map((name) => `DNS:${name}`)];
  return names.some((text) => /[^:]\*|\*[^.]/.test(text));
}
