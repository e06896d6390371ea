import type { ConnectRequest } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { AuthenticationCheck } from '../../wire/authentication.ts';

/** Numbers of AuthenticationRequest messages. */
const OK = 0;
const CLEARTEXT = 3;
const MD5 = 5;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

/**
 * More rounds than a server asks for that means well; so many take about a third of a second, in which
 * nothing else runs.
 */
const MOST_ITERATIONS = 1_000_000;

/** Looks at a demand for authentication before postgres.js answers it; `false` where it must not. */
export type AuthenticationWatch = (kind: number, body: Buffer) => boolean;

/**
 * Holds a server to `require_auth`, and keeps from postgres.js what it does not survive: no password where
 * one is asked for, a method that it does not know, a challenge without its parts. A server that asked for
 * SCRAM must prove that it knows the password.
 */
export function watchAuthentication(
  request: ConnectRequest,
  encrypted: boolean,
  refuse: (error: PgHerdError) => void,
): AuthenticationWatch {
  let refused = false;
  const reject = (error: PgHerdError) => {
    refused = true;
    refuse(error);
  };
  const check = new AuthenticationCheck(request, encrypted, reject);
  return (kind, body) => {
    const complaint = complaintAbout(kind, body, request);
    if (complaint === undefined) report(check, kind);
    else reject(new PgHerdError('PGHERD_AUTHENTICATION_FAILED', complaint));
    return !refused;
  };
}

function complaintAbout(kind: number, body: Buffer, { password }: ConnectRequest): string | undefined {
  switch (kind) {
    case OK:
      return undefined;
    case CLEARTEXT:
    case MD5:
    case SASL:
      if (password === undefined) return NO_PASSWORD;
      if (kind === MD5 && body.length < 4) return BROKEN;
      return kind === SASL && !mechanismsOf(body).includes('SCRAM-SHA-256') ? UNKNOWN : undefined;
    case SASL_CONTINUE:
      return isChallenge(body.toString('utf8')) ? undefined : BROKEN;
    case SASL_FINAL:
      return undefined;
    default:
      return `${UNKNOWN} (${kind})`;
  }
}

const NO_PASSWORD =
  'The server asks for a password and none is configured: put one into the URL, PGPASSWORD or the password file.';
const BROKEN = 'The server asks for the password in a way that is not PostgreSQL.';
const UNKNOWN = 'The server asks for a method of authentication that postgres.js does not have';

function isChallenge(text: string): boolean {
  const parts = new Map(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
  const iterations = Number(parts.get('i'));
  const counted = Number.isInteger(iterations) && iterations > 0 && iterations <= MOST_ITERATIONS;
  return counted && (parts.get('r') ?? '') !== '' && (parts.get('s') ?? '') !== '';
}

function mechanismsOf(body: Buffer): string[] {
  return body.toString('latin1').split('\0').filter(Boolean);
}

/** postgres.js cannot bind an authentication to the TLS channel, so that none is. */
function report(check: AuthenticationCheck, kind: number): void {
  if (kind === CLEARTEXT) check.asked('password');
  else if (kind === MD5) check.asked('md5');
  else if (kind === SASL) check.asked('scram-sha-256');
  else if (kind === SASL_FINAL) check.proved();
  else if (kind === OK) check.accepted();
}
