import type { TlsRequest } from '../connection/port.ts';
import type { TlsMode, TlsNegotiation, TlsVersion } from '../dsn/index.ts';
import { Secret } from '../model/secret.ts';

/** TLS, as the parameters of the connection string mean it; what is given here stands over them. */
export interface TlsOptions {
  /** As `sslmode`. Default: the URL's, else `prefer`. */
  readonly mode?: TlsMode | undefined;
  /** As `sslrootcert`: file of trusted authorities, its text in PEM form, or `system`. Default: `~/.postgresql/root.crt` if it exists. */
  readonly rootCert?: string | undefined;
  /** As `sslcert`: file of our own certificate, or its text. Default: `~/.postgresql/postgresql.crt` if it exists. */
  readonly cert?: string | undefined;
  /** As `sslkey`: file of its private key, or its text. Default: `~/.postgresql/postgresql.key` where there is a certificate. */
  readonly key?: string | undefined;
  /** As `sslpassword`: password of the private key. Default: none. */
  readonly keyPassword?: string | undefined;
  /** As `sslcrl`: file of revoked certificates, or its text. Default: `~/.postgresql/root.crl` if it exists. */
  readonly crl?: string | undefined;
  /** As `sslsni`: whether the host's name is sent in the clear when TLS begins. Default `true`. */
  readonly sni?: boolean | undefined;
  /** As `sslnegotiation`. Default `postgres`. */
  readonly negotiation?: TlsNegotiation | undefined;
  /** As `ssl_min_protocol_version`. Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion | undefined;
  /** As `ssl_max_protocol_version`. Default: no limit. */
  readonly maxVersion?: TlsVersion | undefined;
}

const PARAMETERS = {
  mode: 'sslmode',
  rootCert: 'sslrootcert',
  cert: 'sslcert',
  key: 'sslkey',
  keyPassword: 'sslpassword',
  crl: 'sslcrl',
  sni: 'sslsni',
  negotiation: 'sslnegotiation',
  minVersion: 'ssl_min_protocol_version',
  maxVersion: 'ssl_max_protocol_version',
} as const satisfies Record<keyof TlsOptions, string>;

/** The options by libpq's names. A key that is given as text is left out: it must not stand among what can be printed. */
export function tlsParameters(options: TlsOptions | undefined): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of Object.entries(options ?? {}) as [keyof TlsOptions, string | boolean][]) {
    if (value === undefined || (name === 'key' && isPem(value))) continue;
    parameters.set(PARAMETERS[name], typeof value === 'boolean' ? (value ? '1' : '0') : value);
  }
  return parameters;
}

/** The planned request, with the key that an option holds as text. */
export function withKeyText(request: TlsRequest, options: TlsOptions | undefined): TlsRequest {
  const key = options?.key;
  return key !== undefined && isPem(key) ? Object.freeze({ ...request, key: new Secret(key) }) : request;
}

function isPem(value: unknown): value is string {
  return typeof value === 'string' && value.includes('-----BEGIN');
}
