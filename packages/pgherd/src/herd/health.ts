import type { Health, Role, Standing } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import type { Selection } from '../routing/select.ts';
import { writableNode } from '../topology/writable.ts';

/**
 * `up`: all is well. `degraded`: something serves, but not all that should: writes wait, or a node is missing. `down`: no node serves
 * anything.
 */
export const CLUSTER_STATUSES = Object.freeze(['up', 'degraded', 'down'] as const);
/** One of {@link CLUSTER_STATUSES}. */
export type ClusterStatus = (typeof CLUSTER_STATUSES)[number];

/** One node of a {@link ClusterHealth}. */
export interface NodeHealth {
  /** `host:port`. */
  readonly node: string;
  readonly role: Role;
  readonly health: Health;
  readonly standing: Standing;
  /** Why it is not `ok` or not `current`, in plain words; `undefined` if it is both. */
  readonly reason: string | undefined;
}

/** The state of a cluster for people and for readiness probes: plain data, for `JSON.stringify`. */
export interface ClusterHealth {
  readonly status: ClusterStatus;
  /** Since when the status has been so, by this machine's clock: ISO 8601. */
  readonly since: string;
  /** Why the status is not `up`, in plain words; empty if it is. */
  readonly reasons: readonly string[];
  readonly nodes: readonly NodeHealth[];
  /** Present, and `true`, while the cluster rests (`restAfterMs`): no node is watched, and the first call watches again. */
  readonly resting?: true | undefined;
}

/** What the picture says, without when it began. */
export type Findings = Omit<ClusterHealth, 'since'>;

/** What a health is judged by. */
export interface HealthFacts {
  readonly topology: TopologyDescription;
  /** Whether writes are expected to go somewhere: not for a cluster whose own target is for reads. */
  readonly expectsWrites: boolean;
  /** Nodes that serve reads of any kind. */
  readonly readers: Selection;
  readonly isResting: boolean;
  /** Further reasons not to be `up`, such as commits that wait for a standby. */
  readonly concerns: readonly string[];
}

/** Decides on the status and its reasons. Pure. */
export function findingsOf(facts: HealthFacts): Findings {
  const { topology, readers, isResting, concerns } = facts;
  const nodes = Object.freeze(topology.nodes.map(nodeHealth));
  // What was known is out of date by intention; a readiness probe that said "down" would keep away the call that ends the rest.
  if (isResting) return Object.freeze({ status: 'up', reasons: Object.freeze([]), nodes, resting: true });
  const canRead = readers.tiers.length > 0;
  const reasons = [...writeReasons(facts), ...topology.nodes.flatMap(nodeReasons), ...concerns];
  const status = !canRead ? 'down' : reasons.length > 0 ? 'degraded' : 'up';
  if (status === 'down') reasons.unshift('no node serves anything');
  return Object.freeze({ status, reasons: Object.freeze(reasons), nodes });
}

function writeReasons({ topology, expectsWrites }: HealthFacts): string[] {
  if (!expectsWrites || (writableNode(topology) !== undefined && topology.writesOpen)) return [];
  if (topology.identityConflict !== undefined) {
    const systems = topology.identityConflict.join(' and ');
    return [`writes are refused: primaries of different clusters answer (system identifiers ${systems})`];
  }
  if (topology.replacement?.confirmed === true) {
    return [
      `writes are refused: every node is of another cluster (${topology.replacement.systemIdentifier})`,
    ];
  }
  if (topology.nodes.some(({ standing }) => standing === 'ambiguous')) {
    return ['writes wait: several servers claim to be the primary of the same timeline'];
  }
  return ['writes wait: no node is known to be a primary that accepts them'];
}

function nodeReasons(node: NodeDescription): string[] {
  const reason = reasonOf(node);
  return reason === undefined ? [] : [`${node.name} is ${reason}`];
}

function reasonOf(node: NodeDescription): string | undefined {
  if (node.aliasOf !== undefined) return undefined;
  if (node.health !== 'ok') return `${node.health}: ${node.healthReason ?? 'no reason known'}`;
  if (node.standing !== 'current') return `${node.standing}: ${node.standingReason ?? 'no reason known'}`;
  return undefined;
}

function nodeHealth(node: NodeDescription): NodeHealth {
  const { name, role, health, standing } = node;
  return Object.freeze({ node: name, role, health, standing, reason: reasonOf(node) });
}
