import type { RoutingOptions } from '../call/call.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { guestPortOf } from '../cluster/guest-port.ts';
import type { GuestPort } from '../engine/guests.ts';
import { argumentError } from '../model/errors.ts';

/** Which nodes a guest's connections go to. */
export type GuestOptions = RoutingOptions;

/** Their names. */
export const GUEST_OPTIONS: readonly (keyof GuestOptions)[] = Object.freeze([
  'target',
  'fallback',
  'node',
  'tags',
  'maxLagMs',
  'maxLagBytes',
  'allowStale',
  'primaryReadWeight',
]);

/**
 * What the cluster offers to guests, once the options are known to be usable.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function portFor(cluster: Cluster, options: GuestOptions): GuestPort {
  const port = guestPortOf(cluster);
  const unknown = Object.keys(options).filter((name) => !(GUEST_OPTIONS as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw argumentError(`Unknown option ${unknown.join(', ')}; there are ${GUEST_OPTIONS.join(', ')}.`);
  port.check(options);
  return port;
}
