import type { GuestFacts } from '../engine/guests.ts';
import { GUEST_OPTIONS, type GuestOptions } from '../guests/options.ts';
import { argumentError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { TARGETS, type Target } from '../model/names.ts';
import { Secret } from '../model/secret.ts';
import { type GivenUrl, readUrl } from './connection-string.ts';

/** Options of `pg` as a program writes them. */
export type PgConfig = Readonly<Record<string, unknown>>;

/** What clients name although the program named none. */
export interface Usual {
  readonly names: readonly (string | undefined)[];
  readonly hosts: readonly unknown[];
  readonly ports: readonly unknown[];
}

/** What a program's options ask for, apart from what `pg` itself does with the others. */
export interface Wishes {
  readonly user: unknown;
  readonly database: unknown;
  readonly password: unknown;
  readonly host: unknown;
  readonly port: unknown;
  readonly ssl: unknown;
  readonly url: GivenUrl | undefined;
  readonly target: Target | undefined;
}

/** Reads what was passed to `pg.Client` or `pg.Pool`: a connection string, options, or nothing. */
export function configOf(given: unknown): PgConfig {
  if (typeof given === 'string') return { connectionString: given };
  return typeof given === 'object' && given !== null ? (given as PgConfig) : {};
}

/**
 * What the options ask for. As in `pg`, a connection string counts more than what stands beside it.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`; PgHerdError `PGHERD_INVALID_ARGUMENT` for an unknown target.
 */
export function wishesOf(config: PgConfig): Wishes {
  const { connectionString } = config;
  const url =
    typeof connectionString === 'string' && connectionString !== '' ? readUrl(connectionString) : undefined;
  const inUrl = url?.parameters ?? {};
  return {
    user: inUrl['user'] ?? config['user'],
    database: inUrl['dbname'] ?? config['database'],
    password: url?.password ?? config['password'],
    host: inUrl['host'] ?? config['host'],
    port: inUrl['port'] ?? config['port'],
    ssl: config['ssl'],
    url,
    target: targetOf(inUrl['target_session_attrs'] ?? config['target_session_attrs']),
  };
}

/** The routing among the options of `pg`; `base` is what counts otherwise. */
export function routingOf(config: PgConfig, { target }: Wishes, base: GuestOptions): GuestOptions {
  const own: Record<string, unknown> = {};
  if (target !== undefined) own['target'] = target;
  for (const name of GUEST_OPTIONS) if (config[name] !== undefined) own[name] = config[name];
  return Object.keys(own).length === 0 ? base : { ...base, ...(own as GuestOptions) };
}

/**
 * Refuses what contradicts the cluster: pgherd dials and logs in as the cluster's connection string says, and another server, user
 * or password was meant. What is the same, or stands in the environment, is fine.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`, which names all of it, without passwords.
 */
export function assertAgrees(config: PgConfig, wishes: Wishes, facts: GuestFacts, usual: Usual): void {
  const found = [
    nameProblem('user', wishes.user, facts.user, usual.names),
    nameProblem('database', wishes.database, facts.database, usual.names),
    passwordProblem(wishes.password, facts.password),
    hostProblem(wishes, facts, usual),
    sslProblem(wishes, facts.tls),
    ...['stream', 'connection'].map((name) =>
      config[name] === undefined ? undefined : { name, why: 'pgherd opens the connection' },
    ),
  ].filter((one) => one !== undefined);
  if (found.length === 0) return;
  throw argumentError(
    `Options of pg contradict the cluster: ${found.map(({ name, why }) => `${name}: ${why}`).join('; ')}. ` +
      'pgherd dials and logs in as the connection string of the cluster says: leave them away, or make a cluster for them.',
    { arguments: found.map(({ name }) => name) },
  );
}

interface Problem {
  readonly name: string;
  readonly why: string;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function nameProblem(
  name: string,
  given: unknown,
  own: string,
  usual: readonly (string | undefined)[],
): Problem | undefined {
  if (!isGiven(given) || given === own || usual.includes(String(given))) return undefined;
  return { name, why: `${quoted(given)} is not the cluster's ${quoted(own)}` };
}

function passwordProblem(given: unknown, own: GuestFacts['password']): Problem | undefined {
  if (!isGiven(given)) return undefined;
  if (own.kind === 'asked' && given === own.ask) return undefined;
  // As text: the cluster may be of another copy of this module, whose secrets do not compare with ours.
  const password = given instanceof Secret ? given.reveal() : given;
  if (own.kind === 'known' && own.password?.reveal() === password) return undefined;
  return { name: 'password', why: "it is not the cluster's" };
}

function hostProblem({ host, port }: Wishes, facts: GuestFacts, usual: Usual): Problem | undefined {
  const known = facts.hosts;
  if (known === undefined || (!isGiven(host) && !isGiven(port))) return undefined;
  const ports = isGiven(port) ? String(port).split(',') : [];
  const hosts = isGiven(host) ? String(host).split(',') : [''];
  const strange = hosts.filter((one, index) => {
    const at = ports.length > 1 ? ports[index] : ports[0];
    const isHost = one === '' || usual.hosts.includes(one);
    const isPort = at === undefined || at === '' || usual.ports.includes(at);
    if (isHost && isPort) return false;
    return !known.some(
      (each) => (isHost || each.names.includes(one)) && (isPort || String(each.port) === at),
    );
  });
  if (strange.length === 0) return undefined;
  const name = isGiven(host) ? 'host' : 'port';
  const given = strange.map((one) => (one === '' ? `port ${ports[0] ?? ''}` : one)).join(', ');
  return { name, why: `${quoted(given)} is not among the cluster's hosts` };
}

/** What is checked of the certificate is the cluster's alone: something stricter must not be lost. */
function sslProblem({ ssl, url }: Wishes, tls: GuestFacts['tls']): Problem | undefined {
  const inUrl = url?.tls === true;
  const wants = (isGiven(ssl) && ssl !== false && ssl !== 'false' && ssl !== 'disable') || inUrl;
  if (!wants) return undefined;
  const name = inUrl ? 'sslmode' : 'ssl';
  if (tls.mode === 'disable' || tls.mode === 'allow' || tls.mode === 'prefer')
    return { name, why: `TLS is asked for, and the cluster's sslmode is ${tls.mode}` };
  if (typeof ssl !== 'object' || ssl === null) return undefined;
  const own = Object.keys(ssl).filter(
    (one) => one !== 'rejectUnauthorized' && isGiven(Reflect.get(ssl, one)),
  );
  if (own.length > 0)
    return { name: `ssl.${own.join(', ssl.')}`, why: "certificates are the cluster's (tls)" };
  const isStricter = Reflect.get(ssl, 'rejectUnauthorized') === true && tls.verify === 'none';
  return isStricter
    ? { name: 'ssl', why: `the cluster's sslmode ${tls.mode} checks no certificate` }
    : undefined;
}

function targetOf(given: unknown): Target | undefined {
  if (!isGiven(given)) return undefined;
  const target = TARGETS.find((one) => one === given);
  if (target !== undefined) return target;
  throw argumentError(`target_session_attrs is ${quoted(given)}, but must be one of ${TARGETS.join(', ')}.`, {
    argument: 'target_session_attrs',
  });
}
