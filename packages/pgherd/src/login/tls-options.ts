import type { TlsRequest } from '../connection/port.ts';
import type { TlsMode, TlsNegotiation, TlsVersion } from '../dsn/index.ts';
import { Secret } from '../model/secret.ts';

/** TLS, with the meaning of the connection string's parameters; these options win over them. */
export interface TlsOptions {
  /** As `sslmode`. Default: the URL's, else `prefer`. */
  readonly mode?: TlsMode | undefined;
  /**
   * As `sslrootcert`: file of trusted authorities, its PEM text, or `system`. Default:
   * `~/.postgresql/root.crt` if it exists.
   */
  readonly rootCert?: string | undefined;
  /**
   * As `sslcert`: file of the client certificate, or its PEM text. Default: `~/.postgresql/postgresql.crt` if
   * it exists.
   */
  readonly cert?: string | undefined;
  /**
   * As `sslkey`: file of its private key, or its PEM text. Default: `~/.postgresql/postgresql.key` if there
   * is a certificate.
   */
  readonly key?: string | undefined;
  /** As `sslpassword`: password of the private key. Default: none. */
  readonly keyPassword?: string | undefined;
  /**
   * As `sslcrl`: file of revoked certificates, or its PEM text. Default: `~/.postgresql/root.crl` if it
   * exists.
   */
  readonly crl?: string | undefined;
  /** As `sslsni`: whether the host name is sent, unencrypted, in the TLS handshake. Default `true`. */
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

/** The options by libpq's names. A key in PEM form is left out: it must not be among what can be printed. */
export function tlsParameters(options: TlsOptions | undefined): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of Object.entries(options ?? {}) as [keyof TlsOptions, string | boolean][]) {
    if (value === undefined || (name === 'key' && isPem(value))) continue;
    parameters.set(PARAMETERS[name], typeof value === 'boolean' ? (value ? '1' : '0') : value);
  }
  return parameters;
}

/** The planned request, with the key that an option holds in PEM form. */
export function withKeyText(request: TlsRequest, options: TlsOptions | undefined): TlsRequest {
  const key = options?.key;
  return key !== undefined && isPem(key) ? Object.freeze({ ...request, key: new Secret(key) }) : request;
}

function isPem(value: unknown): value is string {
  return typeof value === 'string' && value.includes('-----BEGIN');
}
