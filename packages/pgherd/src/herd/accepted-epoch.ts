import { argumentError } from '../model/errors.ts';
import type { AcceptedEpoch, TopologyDescription } from '../model/topology.ts';
import { nodeAbove } from '../topology/topology.ts';

/**
 * Refuses what cannot be accepted: what is no epoch, another system than the pinned one, no system where one is known,
 * and a timeline that a reachable primary is above.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertAcceptable(
  epoch: AcceptedEpoch,
  topology: TopologyDescription,
  pinned: string | undefined,
): void {
  assertEpoch(epoch);
  const { systemIdentifier, timeline } = epoch;
  const known = knownSystems(topology);
  if (systemIdentifier === undefined && known.length > 0) {
    throw argumentError(
      `The epoch { timeline: ${timeline} } names no system identifier, which may be left out only where no node tells one: known is ${known.join(' and ')}.`,
    );
  }
  if (systemIdentifier !== undefined && pinned !== undefined && pinned !== systemIdentifier) {
    throw argumentError(
      `system ${systemIdentifier} cannot be accepted while the option systemIdentifier says ${pinned}: change the option.`,
    );
  }
  const above = nodeAbove(topology, epoch);
  if (above === undefined) return;
  throw argumentError(
    `timeline ${timeline} cannot be accepted while ${above.name} is out of recovery on timeline ${above.timeline}: stop that server first.`,
    { node: above.name, timeline: above.timeline },
  );
}

function assertEpoch({ systemIdentifier, timeline }: AcceptedEpoch): void {
  const named = systemIdentifier === undefined || /^[0-9]{1,20}$/.test(systemIdentifier);
  if (named && Number.isInteger(timeline) && timeline > 0) return;
  throw argumentError(
    `The epoch is { systemIdentifier: ${JSON.stringify(systemIdentifier)}, timeline: ${String(timeline)} }, but must have a decimal system identifier as text and a timeline above 0.`,
  );
}

/** The cluster's system; where it is not settled, those that nodes tell. */
function knownSystems({ systemIdentifier, nodes }: TopologyDescription): readonly string[] {
  if (systemIdentifier !== undefined) return [systemIdentifier];
  return [...new Set(nodes.flatMap((node) => node.systemIdentifier ?? []))].sort();
}
