import type { TlsRequest } from '../connection/port.ts';
import type { ConnectionPlan } from '../dsn/index.ts';
import { Secret } from '../model/secret.ts';
import type { PasswordFunction, PasswordOrigin } from './credentials.ts';
import { lookUpPassword, type PlanSources, passfileOf, planFromSurroundings } from './environment.ts';
import { type TlsOptions, tlsParameters, withKeyText } from './tls-options.ts';

/** As whom, and how well protected, a node is connected to. */
export interface Login {
  readonly user: string;
  readonly database: string;
  readonly tls: TlsRequest;
  readonly password: PasswordOrigin;
}

/** What of the options is about logging in. */
export interface LoginOptions {
  readonly password?: string | PasswordFunction | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly nodes?: Readonly<Record<string, NodeLoginOptions>> | undefined;
}

/** What may be said of logging in to one node. */
export interface NodeLoginOptions {
  readonly user?: string | undefined;
  readonly password?: string | PasswordFunction | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** Logins by the name of the node, and the one for all others, also those that only discovery names. */
export interface Logins {
  readonly general: Login;
  readonly byNode: ReadonlyMap<string, Login>;
}

/** The plan for all nodes, with the options for TLS over the connection string's. Errors as of `planFromSurroundings`. */
export function generalPlan(options: LoginOptions, sources: PlanSources): ConnectionPlan {
  return planFromSurroundings(withOver(sources, tlsParameters(options.tls)));
}

/**
 * How to log in, node by node.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function resolveLogins(options: LoginOptions, sources: PlanSources): Logins {
  const byNode = new Map<string, Login>();
  for (const [name, own] of Object.entries(options.nodes ?? {})) {
    if (own.user === undefined && own.password === undefined && own.tls === undefined) continue;
    const { user, password = options.password } = own;
    byNode.set(name, loginOf({ user, password, tls: { ...options.tls, ...own.tls } }, sources));
  }
  return Object.freeze({ general: loginOf(options, sources), byNode });
}

function loginOf({ user, password, tls }: NodeLoginOptions, sources: PlanSources): Login {
  const over = new Map(tlsParameters(tls));
  if (user !== undefined) over.set('user', user);
  const full = withOver(sources, over);
  const plan = planFromSurroundings(full);
  return Object.freeze({
    user: plan.user,
    database: plan.database,
    tls: withKeyText(plan.tls, tls),
    password: originOf(password, plan, full),
  });
}

function originOf(
  given: string | PasswordFunction | undefined,
  plan: ConnectionPlan,
  sources: PlanSources,
): PasswordOrigin {
  if (typeof given === 'function') return { kind: 'asked', ask: given };
  const password = given === undefined ? plan.password : new Secret(given);
  const passfile = password === undefined ? passfileOf(sources) : undefined;
  if (passfile === undefined) return { kind: 'known', password };
  return { kind: 'looked-up', lookUp: (host) => lookUpPassword(passfile.path, host) };
}

function withOver(sources: PlanSources, over: ReadonlyMap<string, string>): PlanSources {
  return over.size === 0 ? sources : { ...sources, over };
}
