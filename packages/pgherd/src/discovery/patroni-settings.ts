import { InvalidOptionsError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Question } from './bounded-get.ts';
import {
  isRecord,
  isText,
  REFRESH_MS,
  type SettingRules,
  settingViolations,
  TIMEOUT_MS,
} from './settings.ts';

/** Credentials for the REST API, or for the proxy in front of it. */
export type PatroniAuth =
  | { readonly user: string; readonly password: string | Secret }
  | { readonly token: string | Secret };

/** TLS for endpoints that begin with `https:`. Strings are in PEM form, not paths. */
export interface PatroniTls {
  /** Trusted authorities. Default: those of Node. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate, if the API requires one. */
  readonly cert?: string | Buffer | undefined;
  /** Private key of the certificate. */
  readonly key?: string | Buffer | Secret | undefined;
  /** Password of the private key. */
  readonly passphrase?: string | Secret | undefined;
  /**
   * Name that the certificate must show, if it differs from the endpoint's host. Default: the endpoint's
   * host.
   */
  readonly serverName?: string | undefined;
  /** Whether the certificate is checked. `false` only for experiments. Default `true`. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** Options of {@link patroniDiscovery}. */
export interface PatroniDiscoveryOptions {
  /**
   * Addresses of the REST API, `http://host:8008` or `https://…`; name several: each of them knows all
   * members.
   */
  readonly endpoints: readonly string[];
  /** Time between two requests, milliseconds, shortened by up to a quarter at random. Default 10,000. */
  readonly refreshMs?: number | undefined;
  /** Time after which the next endpoint is asked, milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Default: none, since Patroni does not protect the list. Never sent unencrypted, except to this machine.
   */
  readonly auth?: PatroniAuth | undefined;
  readonly tls?: PatroniTls | undefined;
  /**
   * `false`: what Patroni says of the leader settles equal claims only. Default: it holds a lease, so it can refute
   * a server that says that it is the primary.
   */
  readonly authority?: 'lease' | false | undefined;
  /** Tag of Patroni with the zone of a member. Default `zone`. */
  readonly zoneTag?: string | undefined;
}

const ADAPTER = 'patroniDiscovery';
const MAX_ENDPOINTS = 64;

const RULES: SettingRules = {
  endpoints: {
    holds: (value) => Array.isArray(value) && value.length >= 1 && value.length <= MAX_ENDPOINTS,
    must: `a list of 1 to ${MAX_ENDPOINTS} addresses such as "http://db1:8008"`,
    required: true,
  },
  refreshMs: REFRESH_MS,
  timeoutMs: TIMEOUT_MS,
  auth: { holds: isRecord, must: 'an object with user and password, or with token', secret: true },
  tls: { holds: isRecord, must: 'an object with ca, cert, key …', secret: true },
  authority: { holds: (value) => value === 'lease' || value === false, must: "'lease' or false" },
  zoneTag: { holds: isText, must: 'the name of a tag' },
};

const AUTH_RULES: SettingRules = {
  user: { holds: (value) => isText(value) && !value.includes(':'), must: 'a name without a colon' },
  password: { holds: isSecretText, must: 'a string or a Secret', secret: true },
  token: {
    holds: (value) => isSecretText(value) && !/[^\x21-\x7e]/.test(revealed(value)),
    must: 'a string or a Secret, printable and without spaces',
    secret: true,
  },
};

const isPem = (value: unknown) => isText(value) || Buffer.isBuffer(value);

const TLS_RULES: SettingRules = {
  ca: {
    holds: (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
    must: 'certificates in PEM form',
    secret: true,
  },
  cert: { holds: isPem, must: 'a certificate in PEM form', secret: true },
  key: {
    holds: (value) => isPem(value) || isSecretText(value),
    must: 'a private key in PEM form',
    secret: true,
  },
  passphrase: { holds: isSecretText, must: 'a string or a Secret', secret: true },
  serverName: { holds: isText, must: 'a host name' },
  rejectUnauthorized: { holds: (value) => typeof value === 'boolean', must: 'true or false' },
};

/** The endpoints' addresses of `/cluster`. @throws InvalidOptionsError with every violation at once. */
export function readEndpoints(options: PatroniDiscoveryOptions): readonly URL[] {
  const violations = settingViolations(ADAPTER, options, RULES);
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  const { auth, tls, endpoints } = options;
  if (auth !== undefined)
    violations.push(...settingViolations(ADAPTER, auth, AUTH_RULES, 'auth'), ...authViolations(auth));
  if (tls !== undefined) violations.push(...settingViolations(ADAPTER, tls, TLS_RULES, 'tls'));
  const urls = endpoints.flatMap((endpoint, index) => {
    const read = readEndpoint(endpoint, auth !== undefined);
    if (typeof read !== 'string') return [read];
    violations.push(`${ADAPTER}: endpoints[${index}] ${read}`);
    return [];
  });
  if (violations.length > 0) throw new InvalidOptionsError(violations);
  return urls;
}

function authViolations(auth: object): string[] {
  const given = ['user', 'password', 'token'].filter((name) => name in auth).join(' and ');
  if (given === 'user and password' || given === 'token') return [];
  return [
    `${ADAPTER}: auth has ${given === '' ? 'nothing' : given}, but must have user and password, or token alone`,
  ];
}

/** The address, or its violation. An address with a password is not shown. */
function readEndpoint(endpoint: unknown, withSecret: boolean): URL | string {
  const example = 'write it as "http://db1:8008" or "https://db1:8008"';
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return `is no URL; ${example}`;
  const url = new URL(endpoint);
  if (url.username !== '' || url.password !== '') return 'holds a user or a password; give them as auth';
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `is ${JSON.stringify(endpoint)}; ${example}`;
  if (url.search !== '' || url.hash !== '')
    return `is ${JSON.stringify(endpoint)}, but must end with its path; ${example}`;
  if (withSecret && url.protocol === 'http:' && !isThisMachine(url.hostname)) {
    return `is ${JSON.stringify(endpoint)}, where auth would travel in the clear; use https, or leave auth out: Patroni gives its list of members without`;
  }
  let end = url.pathname.length;
  while (url.pathname.endsWith('/', end)) end -= 1;
  return new URL(`${url.pathname.slice(0, end)}/cluster`, url);
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** Headers with the credentials. Made for each request, so that no string with the secret stays in memory. */
export function proof(auth: PatroniAuth | undefined): Readonly<Record<string, string>> {
  if (auth === undefined) return {};
  if ('token' in auth) return { authorization: `Bearer ${revealed(auth.token)}` };
  const pair = Buffer.from(`${auth.user}:${revealed(auth.password)}`, 'utf8').toString('base64');
  return { authorization: `Basic ${pair}` };
}

/** The settings in the form of Node's TLS. */
export function secureContext(tls: PatroniTls | undefined): Question['tls'] {
  if (tls === undefined) return {};
  const { ca, cert, key, passphrase, serverName, rejectUnauthorized } = tls;
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: key instanceof Secret ? key.reveal() : key }),
    ...(passphrase === undefined ? {} : { passphrase: revealed(passphrase) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function isSecretText(value: unknown): value is string | Secret {
  return isText(value) || value instanceof Secret;
}

function revealed(secret: string | Secret): string {
  return secret instanceof Secret ? secret.reveal() : secret;
}
