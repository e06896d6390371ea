import type { Cluster } from '../cluster/cluster.ts';
import { guestPortOf } from '../cluster/guest-port.ts';
import type { GuestFacts } from '../engine/guests.ts';
import { Facade, type FacadeParts } from '../guests/facade.ts';
import { type GuestOptions, portFor } from '../guests/options.ts';
import { usualNames, usualServers } from '../guests/usual-names.ts';
import { assertAgrees, configOf, type PgConfig, routingOf, type Wishes, wishesOf } from './config.ts';

/**
 * Where the clients of a pool lead. It stands among the pool's options under {@link BINDING}, so that a client that a library makes of
 * a copy of these options leads there too.
 */
export interface Binding {
  readonly cluster: Cluster;
  readonly routing: GuestOptions;
  /** What the pool was given for TLS, which agreed with the cluster. */
  readonly ssl?: unknown;
  /** Called when a client's connection has closed. */
  readonly left?: (() => void) | undefined;
}

/** The place of a {@link Binding} among options; a copy of the options has it, JSON has not. */
export const BINDING = Symbol.for('pgherd.pg.binding');

/** A binding that shows nothing of the cluster when options are printed. */
export function binding(parts: Binding): Binding {
  Object.defineProperty(parts, Symbol.for('nodejs.util.inspect.custom'), { value: () => '[pgherd]' });
  return Object.freeze(parts);
}

/** A program's options as `pg` gets them, and where they lead. */
export interface Bound {
  readonly binding: Binding;
  readonly config: Record<string | symbol, unknown>;
  /** The program's own, of which what is hidden is restored. */
  readonly given: PgConfig;
  /** Longest wait for a node, ms; `undefined` if the pool or client has no limit of its own. */
  readonly waitTimeoutMs: number | undefined;
}

/** A pool or client with a limit of its own ends the wait itself, with the error that programs know. */
const LIMIT_OF_PG_FIRST_MS = 1_000;
/** What `pg` takes for the server and the port if the program named none. */
const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = '5432';

/**
 * What a program passed to `pg.Client` or `pg.Pool`, for a cluster: what contradicts it is refused, the rest is for `pg`. `base` is
 * the routing that counts unless the options have their own. Options that were copied from a pool lead where the pool does.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`; InvalidDsnError `PGHERD_INVALID_DSN`.
 */
export function bind(given: unknown, cluster: Cluster, base: GuestOptions): Bound {
  const config = configOf(given);
  const inherited = bindingIn(config);
  const to = inherited?.cluster ?? cluster;
  const asked = wishesOf(config);
  const { ssl } = asked;
  const wishes = inherited !== undefined && inherited.ssl === ssl ? { ...asked, ssl: undefined } : asked;
  const routing = Object.freeze(routingOf(config, wishes, inherited?.routing ?? base));
  const facts = portFor(to, routing).facts();
  const inEnvironment = usualServers();
  assertAgrees(config, wishes, facts, {
    names: usualNames(),
    hosts: [inEnvironment.host, DEFAULT_HOST],
    ports: [inEnvironment.port, DEFAULT_PORT],
  });
  return boundTo(config, wishes, facts, binding({ cluster: to, routing, ssl }));
}

/** Where options lead that were copied from a pool; `undefined` for all others. */
export function bindingIn(config: PgConfig): Binding | undefined {
  return (config as { readonly [BINDING]?: Binding })[BINDING];
}

/** What `pg` gets of options that agree with the cluster, or that made it. */
export function boundTo(config: PgConfig, wishes: Wishes, facts: GuestFacts, to: Binding): Bound {
  const limit = Number(config['connectionTimeoutMillis'] ?? 0);
  const [first] = facts.hosts ?? [];
  return {
    binding: to,
    given: config,
    waitTimeoutMs: limit > 0 ? limit + LIMIT_OF_PG_FIRST_MS : undefined,
    config: {
      ...config,
      ...wishes.url?.own,
      connectionString: undefined,
      user: facts.user,
      database: facts.database,
      host: single(wishes.host) ?? first?.names[0] ?? 'pgherd',
      port: Number(single(wishes.port) ?? first?.port ?? DEFAULT_PORT),
      ssl: false,
      sslnegotiation: 'postgres',
      [BINDING]: to,
    },
  };
}

function single(value: unknown): string | undefined {
  return value === undefined || value === null || value === '' || String(value).includes(',')
    ? undefined
    : String(value);
}

/** The façade for one client. The cluster is looked up when it is first used. */
export function facadeFor({ binding, waitTimeoutMs }: Bound): Facade {
  const parts: FacadeParts = {
    get port() {
      return guestPortOf(binding.cluster);
    },
    routing: binding.routing,
    usual: usualNames(),
    waitTimeoutMs,
    explains: true,
  };
  const facade = new Facade(parts);
  if (binding.left !== undefined) facade.once('close', binding.left);
  return facade;
}

/** Hides what holds a password or a key where the options are printed; a program that reads it by name gets it. */
export function hideSecrets(options: object, { password, connectionString, ssl }: PgConfig): void {
  const hidden = { password, connectionString, ssl };
  for (const [name, value] of Object.entries(hidden)) {
    if (value === undefined) Reflect.deleteProperty(options, name);
    else
      Object.defineProperty(options, name, { value, enumerable: false, configurable: true, writable: true });
  }
}
