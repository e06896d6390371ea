import type { RoutingOptions } from '../call/call.ts';
import { ROUTING_OPTIONS } from '../call/call-option-names.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { guestPortOf } from '../cluster/guest-port.ts';
import type { GuestPort } from '../engine/guests.ts';
import { assertOptions } from '../model/option-names.ts';

/** Which nodes a guest's connections go to. */
export type GuestOptions = RoutingOptions;

/** Their names. */
export const GUEST_OPTIONS: readonly (keyof GuestOptions)[] = Object.freeze([
  ...ROUTING_OPTIONS,
] as (keyof GuestOptions)[]);

/**
 * What the cluster offers to guests, once the options are known to be usable.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function portFor(cluster: Cluster, options: GuestOptions): GuestPort {
  const port = guestPortOf(cluster);
  assertOptions('a guest', options, ROUTING_OPTIONS);
  port.check(options);
  return port;
}
