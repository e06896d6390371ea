import { createHash, timingSafeEqual } from 'node:crypto';

const BEARER = /^bearer +/i;

/** Whether a request may have data: it brings the token, or there is none. Takes equally long for every wrong token. */
export function isAllowed(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  if (authorization === undefined || !BEARER.test(authorization)) return false;
  return timingSafeEqual(digest(authorization.replace(BEARER, '')), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
