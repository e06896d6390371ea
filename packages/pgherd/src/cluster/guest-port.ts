import type { GuestPort } from '../engine/guests.ts';
import { argumentError } from '../model/errors.ts';

/**
 * What each cluster offers to guests; it is no part of the public object. One place in the process, however often this module is
 * loaded: a guest that comes by `require` finds a cluster that came by `import`. The number grows when the port changes.
 */
const PLACE = Symbol.for('pgherd.guest-ports.1');

function ports(): WeakMap<object, GuestPort> {
  const place = globalThis as { [PLACE]?: WeakMap<object, GuestPort> };
  place[PLACE] ??= new WeakMap();
  return place[PLACE];
}

/** Enters what a cluster offers to guests. */
export function enterGuestPort(cluster: object, port: GuestPort): void {
  ports().set(cluster, port);
}

/**
 * What a cluster offers to guests.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what `createCluster` has not made.
 */
export function guestPortOf(cluster: object): GuestPort {
  const port = typeof cluster === 'object' && cluster !== null ? ports().get(cluster) : undefined;
  if (port === undefined)
    throw argumentError('The first argument is no cluster: pass what createCluster() returned.');
  return port;
}
