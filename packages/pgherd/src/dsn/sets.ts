/** libpq's values of `target_session_attrs`; the first is the default. */
export const TARGET_SESSION_ATTRS = Object.freeze([
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const);

/** One of {@link TARGET_SESSION_ATTRS}. */
export type TargetSessionAttrs = (typeof TARGET_SESSION_ATTRS)[number];

/** libpq's values of `load_balance_hosts`; the first is the default. */
export const LOAD_BALANCE_HOSTS = Object.freeze(['disable', 'random'] as const);

/** One of {@link LOAD_BALANCE_HOSTS}. */
export type LoadBalanceHosts = (typeof LOAD_BALANCE_HOSTS)[number];

/** libpq's values of `channel_binding`. The default is `prefer`. */
export const CHANNEL_BINDINGS = Object.freeze(['disable', 'prefer', 'require'] as const);

/** One of {@link CHANNEL_BINDINGS}. */
export type ChannelBinding = (typeof CHANNEL_BINDINGS)[number];

/**
 * TLS modes: libpq's `sslmode` values, and `no-verify` of Node.js libraries: encrypted, without any check.
 */
export const TLS_MODES = Object.freeze([
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
  'no-verify',
] as const);

/** One of {@link TLS_MODES}. */
export type TlsMode = (typeof TLS_MODES)[number];

/**
 * How TLS starts: after PostgreSQL's own request (`postgres`) or at once, with ALPN (`direct`, PostgreSQL 17
 * and later). The first is the default.
 */
export const TLS_NEGOTIATIONS = Object.freeze(['postgres', 'direct'] as const);

/** One of {@link TLS_NEGOTIATIONS}. */
export type TlsNegotiation = (typeof TLS_NEGOTIATIONS)[number];

/** TLS versions, oldest first. */
export const TLS_VERSIONS = Object.freeze(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const);

/** One of {@link TLS_VERSIONS}. */
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** Authentication methods of `require_auth`. */
export const AUTH_METHODS = Object.freeze([
  'password',
  'md5',
  'scram-sha-256',
  'none',
  'gss',
  'sspi',
  'oauth',
] as const);

/** One of {@link AUTH_METHODS}. */
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** Whether a host is reached by TCP or by a Unix domain socket. */
export const TRANSPORTS = Object.freeze(['tcp', 'unix'] as const);

/** One of {@link TRANSPORTS}. */
export type Transport = (typeof TRANSPORTS)[number];
