import { nodeAbove } from '../floors/acceptance.ts';
import { argumentError } from '../model/errors.ts';
import type { AcceptedEpoch } from '../model/floors.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { TopologyDescription } from '../model/topology.ts';

/**
 * Throws for an epoch that cannot be accepted: an invalid one, one of another system than the pinned one, one
 * without a system although one is known, and one below a reachable primary.
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
      `The epoch { timeline: ${timeline} } has no system identifier; known: ${known.join(' and ')}. It may be left out only if no node returns one.`,
    );
  }
  if (systemIdentifier !== undefined && pinned !== undefined && pinned !== systemIdentifier) {
    throw argumentError(
      `System ${systemIdentifier} cannot be accepted while the option systemIdentifier is ${pinned}: change the option.`,
    );
  }
  const above = nodeAbove(topology, epoch);
  if (above === undefined) return;
  throw argumentError(
    `Timeline ${timeline} cannot be accepted while ${above.name} is out of recovery on timeline ${above.timeline}: stop that server first.`,
    { node: above.name, timeline: above.timeline },
  );
}

const NAMES = optionNames<AcceptedEpoch>({ systemIdentifier: true, timeline: true });

function assertEpoch(epoch: AcceptedEpoch): void {
  assertOptions('acceptEpoch', epoch ?? null, NAMES);
  const { systemIdentifier, timeline } = epoch;
  const named = systemIdentifier === undefined || /^[0-9]{1,20}$/.test(systemIdentifier);
  if (named && Number.isInteger(timeline) && timeline > 0) return;
  throw argumentError(
    `The epoch is { systemIdentifier: ${JSON.stringify(systemIdentifier)}, timeline: ${String(timeline)} }, but must have a system identifier of decimal digits as a string and a timeline above 0.`,
  );
}

/** The cluster's system identifier; if it is not settled, those that nodes return. */
function knownSystems({ systemIdentifier, nodes }: TopologyDescription): readonly string[] {
  if (systemIdentifier !== undefined) return [systemIdentifier];
  return [...new Set(nodes.flatMap((node) => node.systemIdentifier ?? []))].sort();
}
