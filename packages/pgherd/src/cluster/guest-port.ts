import type { GuestPort } from '../engine/guests.ts';
import { argumentError } from '../model/errors.ts';

/** What each cluster offers to guests; it is no part of the public object. */
const PORTS = new WeakMap<object, GuestPort>();

/** Enters what a cluster offers to guests. */
export function enterGuestPort(cluster: object, port: GuestPort): void {
  PORTS.set(cluster, port);
}

/**
 * What a cluster offers to guests.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what `createCluster` has not made.
 */
export function guestPortOf(cluster: object): GuestPort {
  const port = typeof cluster === 'object' && cluster !== null ? PORTS.get(cluster) : undefined;
  if (port === undefined)
    throw argumentError('The first argument is no cluster: pass what createCluster() returned.');
  return port;
}
