import { formatLsn, type Lsn, parseLsn } from './lsn.ts';

/** What a write leaves behind for the reads that must see it. */
export interface CausalToken {
  /** `system_identifier` of the cluster; `undefined` if no server returns it. */
  readonly systemIdentifier: string | undefined;
  /** Timeline that was written; `undefined` if it is not known. */
  readonly timeline: number | undefined;
  /**
   * Where the log stood once the write was acknowledged; `undefined` if not known: then only the primary is
   * sure to show it.
   */
  readonly lsn: Lsn | undefined;
  /** When that was asked for: milliseconds since 1970 by the clock of the process that wrote. */
  readonly at: number;
  /**
   * The node that was written to, by the name it has in the writing process. For readers of logs; nothing is
   * decided by it.
   */
  readonly node: string;
}

/** What a string turned out to be: a token, one of a later version of this library, or neither. */
export type ReadToken =
  | { readonly kind: 'token'; readonly token: CausalToken }
  | { readonly kind: 'later-version' }
  | { readonly kind: 'malformed' };

const VERSION = '1';
const UNKNOWN = '-';

/**
 * The token as a string, without signature: letters, digits and `. - _ % ~ ! * ' ( )`, fit for a header or a
 * cookie.
 */
export function formatToken(token: CausalToken): string {
  return [
    VERSION,
    token.systemIdentifier ?? UNKNOWN,
    token.timeline ?? UNKNOWN,
    token.lsn === undefined ? UNKNOWN : formatLsn(token.lsn).replace('/', '-'),
    Math.round(token.at).toString(36),
    encodeURIComponent(token.node).replaceAll('.', '%2E'),
  ].join('.');
}

const PARTS =
  /^([0-9]{1,20}|-)\.([0-9]{1,10}|-)\.([0-9A-F]{1,8}-[0-9A-F]{1,8}|-)\.([0-9a-z]{1,10})\.([A-Za-z0-9_%~!*'()-]{0,300})$/;

/** Reads what {@link formatToken} wrote. */
export function readToken(text: string): ReadToken {
  const [version = '', ...rest] = text.split('.');
  if (!/^[0-9]{1,3}$/.test(version) || version === '0') return { kind: 'malformed' };
  if (version !== VERSION) return { kind: 'later-version' };
  const match = PARTS.exec(rest.join('.'));
  if (match === null) return { kind: 'malformed' };
  const [, systemIdentifier, timeline, lsn, at, node] = match;
  return {
    kind: 'token',
    token: Object.freeze({
      systemIdentifier: known(systemIdentifier),
      timeline: known(timeline) === undefined ? undefined : Number(timeline),
      lsn: parseLsn(known(lsn)?.replace('-', '/')),
      at: Number.parseInt(at ?? '', 36),
      node: decoded(node ?? ''),
    }),
  };
}

function known(part: string | undefined): string | undefined {
  return part === UNKNOWN ? undefined : part;
}

function decoded(node: string): string {
  try {
    return decodeURIComponent(node);
  } catch {
    return '';
  }
}
