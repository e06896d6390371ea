import type { GivenUp } from '../model/floors.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';

const NONE: readonly GivenUp[] = Object.freeze([]);

/** Nothing was given up yet. */
export const NOTHING_GIVEN_UP = NONE;

/**
 * The entry that makes the node's claim void: it showed a level above an epoch that was accepted since, and it
 * still shows one of those. `undefined` for a claim that counts.
 */
export function givenUpClaim(
  { name, systemIdentifier, timeline }: Pick<NodeDescription, 'name' | 'systemIdentifier' | 'timeline'>,
  givenUp: readonly GivenUp[],
): GivenUp | undefined {
  if (givenUp.length === 0 || timeline === undefined) return undefined;
  return givenUp.find(
    (one) =>
      one.node === name &&
      one.systemIdentifier === systemIdentifier &&
      timeline > one.accepted &&
      timeline <= one.floor,
  );
}

/** What is given up once the node has answered: nothing of it, if its data are no longer of those levels. */
export function givenUpAfter(
  givenUp: readonly GivenUp[],
  { name, dataTimeline, role, systemIdentifier }: NodeDescription,
): readonly GivenUp[] {
  if (givenUp.length === 0 || role !== 'standby' || dataTimeline === undefined) return givenUp;
  const ended = givenUp.filter(
    (one) => one.node === name && one.systemIdentifier === systemIdentifier && dataTimeline <= one.accepted,
  );
  return ended.length === 0 ? givenUp : Object.freeze(givenUp.filter((one) => !ended.includes(one)));
}

/**
 * What is given up once `timeline` is the floor of the system: the witnesses of all levels above it. What was
 * given up before in favour of a lower timeline counts again, if this one is among it.
 */
export function givenUpFor(
  { givenUp, levels }: Pick<TopologyDescription, 'givenUp' | 'levels'>,
  systemIdentifier: string,
  timeline: number,
): readonly GivenUp[] {
  const dropped = (levels[systemIdentifier] ?? []).filter((level) => level.timeline > timeline);
  const [top] = dropped;
  const kept = givenUp.filter(
    (one) => one.systemIdentifier !== systemIdentifier || timeline <= one.accepted || timeline > one.floor,
  );
  if (top === undefined) return kept.length === givenUp.length ? givenUp : Object.freeze(kept);
  const names = new Set(dropped.flatMap(({ witnesses }) => witnesses.map(({ node }) => node)));
  const added = [...names].map((node) =>
    Object.freeze({ node, systemIdentifier, accepted: timeline, floor: top.timeline }),
  );
  return Object.freeze([...kept.filter(({ node }) => !names.has(node)), ...added]);
}
