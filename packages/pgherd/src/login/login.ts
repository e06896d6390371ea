import type { TlsRequest } from '../connection/port.ts';
import type { ConnectionPlan } from '../dsn/index.ts';
import { Secret } from '../model/secret.ts';
import type { PasswordFunction, PasswordOrigin, PasswordRequest } from './credentials.ts';
import {
  lookUpPassword,
  type PlanSources,
  planFrom,
  readSurroundings,
  type Surroundings,
} from './surroundings.ts';
import { type TlsOptions, tlsParameters, withKeyText } from './tls-options.ts';
import { unaddressed } from './unaddressed.ts';

/** The user, the database, the password and the TLS of connections to a node. */
export interface Login {
  readonly user: string;
  readonly database: string;
  readonly tls: TlsRequest;
  readonly password: PasswordOrigin;
}

/** Options about logging in. */
export interface LoginOptions {
  readonly password?: string | PasswordFunction | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly nodes?: Readonly<Record<string, NodeLoginOptions>> | undefined;
}

/** Options about logging in to one node. */
export interface NodeLoginOptions {
  readonly user?: string | undefined;
  readonly password?: string | PasswordFunction | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** Logins by the name of the node, and the one for all other nodes, also those that only discovery names. */
export interface Logins {
  readonly general: Login;
  readonly byNode: ReadonlyMap<string, Login>;
}

/** The plan for all nodes, and the logins that follow from it. */
export interface PlannedLogins {
  readonly plan: ConnectionPlan;
  readonly logins: Logins;
  /** Why connections go to this machine although nothing says so; `undefined` if something does. */
  readonly unaddressed?: string | undefined;
}

/**
 * Decides where to connect and how to log in, node by node; TLS options win over the connection string's
 * parameters.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function planLogins(options: LoginOptions, sources: PlanSources): PlannedLogins {
  const surroundings = readSurroundings(sources);
  const plan = planFrom(surroundings, tlsParameters(options.tls));
  const byNode = new Map<string, Login>();
  for (const [name, own] of Object.entries(options.nodes ?? {})) {
    if (own.user === undefined && own.password === undefined && own.tls === undefined) continue;
    const { user, password = options.password } = own;
    const login = { password, tls: { ...options.tls, ...own.tls } };
    const over = new Map(tlsParameters(login.tls));
    if (user !== undefined) over.set('user', user);
    byNode.set(name, loginOf(login, planFrom(surroundings, over), surroundings));
  }
  const logins = Object.freeze({ general: loginOf(options, plan, surroundings), byNode });
  return { plan, logins, unaddressed: unaddressed(surroundings) };
}

/** The logins of a plan that was made before; its files of certificates are read when a connection is opened. */
export function loginsOfPlan(password: LoginOptions['password'], plan: ConnectionPlan): PlannedLogins {
  const given = originOf(password, plan, undefined);
  const lookUp = async ({ host, port }: PasswordRequest) =>
    plan.hosts.find((one) => one.host === host && one.port === port)?.password;
  const isMissing = given.kind === 'known' && given.password === undefined;
  const general = Object.freeze({
    user: plan.user,
    database: plan.database,
    tls: withKeyText(plan.tls, undefined),
    password: isMissing ? ({ kind: 'looked-up', lookUp } as const) : given,
  });
  return { plan, logins: Object.freeze({ general, byNode: new Map() }) };
}

function loginOf(
  { password, tls }: NodeLoginOptions,
  plan: ConnectionPlan,
  { passfile }: Surroundings,
): Login {
  return Object.freeze({
    user: plan.user,
    database: plan.database,
    tls: withKeyText(plan.tls, tls),
    password: originOf(password, plan, passfile?.path),
  });
}

function originOf(
  given: string | PasswordFunction | undefined,
  plan: ConnectionPlan,
  passfile: string | undefined,
): PasswordOrigin {
  if (typeof given === 'function') return { kind: 'asked', ask: given };
  const password = given === undefined ? plan.password : new Secret(given);
  if (password !== undefined || passfile === undefined) return { kind: 'known', password };
  return { kind: 'looked-up', lookUp: (host) => lookUpPassword(passfile, host) };
}
