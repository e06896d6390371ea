import type { TracedCluster } from '../channels/channels.ts';
import { argumentError } from '../model/errors.ts';

/** What a cluster offers to those who answer requests with it, or report on it; it is no part of the public object. */
export interface RequestPort {
  /** How messages of the diagnostics channels name it. */
  readonly label: TracedCluster;
  /** Whether causal tokens are signed (`causal.tokenSecret`). */
  readonly isSigned: boolean;
  /** `causal.tokenTtlMs`. */
  readonly tokenTtlMs: number;
  /** Whether the program is about to close the cluster: it serves, but new requests should go elsewhere. */
  isLeaving: boolean;
}

/** As that of the guests: one place in the process, however often this module is loaded. The number grows when the port changes. */
const PLACE = Symbol.for('pgherd.request-ports.2');

function ports(): WeakMap<object, RequestPort> {
  const place = globalThis as { [PLACE]?: WeakMap<object, RequestPort> };
  place[PLACE] ??= new WeakMap();
  return place[PLACE];
}

/** Enters what a cluster offers. */
export function enterRequestPort(cluster: object, port: RequestPort): void {
  ports().set(cluster, port);
}

/** From now on the cluster is about to be closed. */
export function markLeaving(cluster: object): void {
  const port = ports().get(cluster);
  if (port !== undefined) port.isLeaving = true;
}

/**
 * What a cluster offers; `what` names it in the error.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what `createCluster` has not made.
 */
export function requestPortOf(cluster: object, what = 'The first argument'): RequestPort {
  const port = typeof cluster === 'object' && cluster !== null ? ports().get(cluster) : undefined;
  if (port === undefined) throw argumentError(`${what} is no cluster: pass what createCluster() returned.`);
  return port;
}
