import type { DriverConnection } from '../connection/port.ts';
import { classifyError } from '../retry/classify.ts';

/**
 * Where connections to a node lead: not known yet, to the server itself, or to a pooler in transaction mode
 * before it.
 */
export type Route = 'unknown' | 'direct' | 'pooler';

export const ROUTES: readonly Route[] = Object.freeze(['unknown', 'direct', 'pooler']);

/** Evidence about the route, gathered while connecting. */
export type RouteEvidence =
  /** The other side does not accept startup parameters, as no server does: nothing else gets us in. */
  | 'startup-refused'
  /** No session stays with its connection, as `./backends.ts` has found. */
  | 'proof'
  /** A connection was examined and shows a sign of a pooler. */
  | 'sign'
  /** A connection was examined and shows none. */
  | 'no-sign';

/** The route as the option `pooler` states it. */
export function statedRoute(pooler: boolean | undefined): Route {
  if (pooler === undefined) return 'unknown';
  return pooler ? 'pooler' : 'direct';
}

/**
 * The route after new evidence. A pooler that was once detected stays: connections that need no session state
 * also work on a direct route, but not the reverse. A sign is no proof, since a pooler in session mode shows it
 * as well: against what the options state it counts for nothing.
 */
export function routeAfter(route: Route, evidence: RouteEvidence, stated: Route): Route {
  if (route === 'pooler' || stated === 'pooler') return 'pooler';
  if (evidence === 'proof' || evidence === 'startup-refused') return 'pooler';
  return evidence === 'no-sign' || stated === 'direct' ? 'direct' : 'pooler';
}

/** Oldest server that reports `in_hot_standby` when a session is opened. */
const REPORTS_ROLE_SINCE = 14;

/** What a connection that was just opened shows. */
export interface OpenedConnection {
  /**
   * Process ID that was reported when the connection was opened; `undefined` if the driver does not know it.
   */
  readonly namedPid: number | undefined;
  /** Process ID that answered a statement on it; `undefined` if the question was refused or not asked. */
  readonly answeringPid: unknown;
  /** Parameters that the server reported, by name; `undefined` if the driver does not report them. */
  readonly parameters: ReadonlyMap<string, string> | undefined;
}

/**
 * What shows that there is a pooler before the server; `undefined` if nothing does. A server reports the
 * process that serves the connection; a pooler has none and invents a number.
 */
export function signOfPooler({ namedPid, answeringPid, parameters }: OpenedConnection): string | undefined {
  if (namedPid === undefined) {
    const version = Number.parseInt(parameters?.get('server_version') ?? '', 10);
    const silent = version >= REPORTS_ROLE_SINCE && parameters?.has('in_hot_standby') === false;
    return silent ? 'the server does not report in_hot_standby' : undefined;
  }
  if (typeof answeringPid !== 'string' || !/^[0-9]+$/.test(answeringPid)) return undefined;
  return Number(answeringPid) === namedPid
    ? undefined
    : 'the process that answers is not the one that was reported';
}

/**
 * Examines a connection that was just opened, as of {@link signOfPooler}. Rejects if it is lost meanwhile.
 */
export async function examine(
  connection: DriverConnection,
  reportsParameters: boolean,
): Promise<string | undefined> {
  const { backendPid, parameters } = connection;
  return signOfPooler({
    namedPid: backendPid,
    answeringPid: backendPid === undefined ? undefined : await answeringPid(connection),
    parameters: reportsParameters ? parameters : undefined,
  });
}

async function answeringPid(connection: DriverConnection): Promise<unknown> {
  try {
    const { rows } = await connection.simple('select pg_catalog.pg_backend_pid()::text as pid');
    return rows[0]?.['pid'];
  } catch (error) {
    // A server that refuses to answer proves nothing.
    if (classifyError(error).severity === 'ERROR') return undefined;
    throw error;
  }
}
