import { createHmac, timingSafeEqual } from 'node:crypto';
import { type CausalToken, formatToken, readToken } from '../model/causal-token.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';

/** The token as a string, signed with the first secret if there is one. */
export function sealToken(token: CausalToken, secrets: readonly Secret[]): string {
  const body = formatToken(token);
  const [secret] = secrets;
  return secret === undefined ? body : `${body}.${signature(body, secret)}`;
}

/** Parts of a token before its signature. */
const BODY_PARTS = 6;

/**
 * The token in a string from outside; `undefined` for one of a later version, which only says that something
 * was written. If there are secrets, one of them must have signed it, so that no client can choose where its
 * reads go.
 *
 * @throws PgHerdError `PGHERD_INVALID_TOKEN` for an invalid token, and for one that none of the secrets has
 * signed.
 */
export function openToken(text: unknown, secrets: readonly Secret[]): CausalToken | undefined {
  if (typeof text !== 'string') throw invalid('is not a string');
  const parts = text.split('.');
  const signed = secrets.length > 0 || parts.length === BODY_PARTS + 1;
  const body = signed ? parts.slice(0, -1).join('.') : text;
  if (secrets.length > 0 && !secrets.some((secret) => isSignature(parts.at(-1) ?? '', body, secret)))
    throw invalid('is not signed with any of the secrets in causal.tokenSecret');
  const read = readToken(body);
  switch (read.kind) {
    case 'token':
      return read.token;
    case 'later-version':
      return undefined;
    case 'malformed':
      throw invalid('does not have the form that db.token() returns');
    default:
      return read satisfies never;
  }
}

function signature(body: string, secret: Secret): string {
  return createHmac('sha256', secret.reveal()).update(body).digest('base64url');
}

function isSignature(given: string, body: string, secret: Secret): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(signature(body, secret))];
  return one.length === other.length && timingSafeEqual(one, other);
}

function invalid(why: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_INVALID_TOKEN',
    `The token given as \`after\` ${why}. Pass a token returned by db.token(), or leave it out.`,
    { details: { argument: 'after' } },
  );
}
