import type { Cluster } from '../cluster/cluster.ts';
import { requestPortOf } from '../cluster/request-port.ts';
import { argumentError, type PgHerdError } from '../model/errors.ts';
import { CALLBACK, checkOptions, type OptionRule, oneOf, SWITCH } from './options.ts';

/** How a causal token travels between requests. */
export interface CausalRequestOptions {
  /** Default `'cookie'`, for browsers. `'header'` is for programs, which send back the header that they received. */
  readonly carrier?: 'cookie' | 'header' | undefined;
  /** Of the cookie or header. Default `pgherd_after` or `x-read-after`. */
  readonly name?: string | undefined;
  /** Whether the cookie is for HTTPS only. Default `true`. */
  readonly secure?: boolean | undefined;
  /**
   * What happens to a request with an invalid token, such as one that was not signed. Default `'ignore'`: it is handled as one without
   * token. `'refuse'`: it is answered with 400. In both cases the cookie is removed.
   */
  readonly invalid?: 'ignore' | 'refuse' | undefined;
  /** Called with each invalid token's error. Default: none. */
  readonly onInvalid?: ((error: PgHerdError) => void) | undefined;
  /** Tolerates a cluster without `causal.tokenSecret`: then clients can send their reads to the primary. Default `false`. */
  readonly unsigned?: boolean | undefined;
}

/** One header of a response. */
export type ResponseHeader = readonly [name: string, value: string];

/** Where the token stands in requests and responses. */
export interface Carrier {
  /** The header of requests that has it. */
  readonly requestHeader: string;
  read(header: string | undefined): string | undefined;
  /** The header with a token for the client. */
  write(token: string): ResponseHeader;
  /** What removes a token that is not valid; `undefined` if the client keeps none. */
  readonly removal: ResponseHeader | undefined;
}

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const NAME_RULE: OptionRule = [
  (value) => typeof value === 'string' && NAME.test(value),
  'the name of a cookie or header: 1 to 100 letters, digits or - _ .',
];

/**
 * Checks the options of a middleware.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function carrierOf(cluster: Cluster, options: CausalRequestOptions): Carrier {
  const { isSigned, tokenTtlMs } = requestPortOf(cluster);
  checkOptions(options, {
    carrier: oneOf('cookie', 'header'),
    name: NAME_RULE,
    secure: SWITCH,
    invalid: oneOf('ignore', 'refuse'),
    onInvalid: CALLBACK,
    unsigned: SWITCH,
  });
  if (!isSigned && options.unsigned !== true)
    throw argumentError(
      'The cluster has no causal.tokenSecret, so clients could invent tokens and send their reads to the primary. Set it, or pass unsigned: true.',
      { argument: 'unsigned' },
    );
  const { carrier = 'cookie', secure = true } = options;
  return carrier === 'header'
    ? headerCarrier(options.name ?? 'x-read-after')
    : cookieCarrier(options.name ?? 'pgherd_after', secure, Math.ceil(tokenTtlMs / 1_000));
}

function headerCarrier(name: string): Carrier {
  return {
    requestHeader: name.toLowerCase(),
    read: (header) => (header === '' ? undefined : header),
    write: (token) => [name, token],
    removal: undefined,
  };
}

function cookieCarrier(name: string, secure: boolean, maxAgeS: number): Carrier {
  const end = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    requestHeader: 'cookie',
    read: (header) => cookieIn(header, name),
    write: (token) => ['set-cookie', `${name}=${token}; Max-Age=${maxAgeS}; ${end}`],
    removal: ['set-cookie', `${name}=; Max-Age=0; ${end}`],
  };
}

function cookieIn(header: string | undefined, name: string): string | undefined {
  const found = header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`));
  const value = found?.slice(name.length + 1);
  return value === '' ? undefined : value;
}
