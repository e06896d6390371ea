import {
  AmbiguousPrimaryError,
  type ErrorCode,
  ForeignClusterError,
  messageOf,
  NoSuitableNodeError,
  PgHerdError,
} from '../model/errors.ts';
import type { BarredWrites } from '../model/floors.ts';
import type { ConnectFailure } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { connectFailureOf } from '../retry/classify.ts';
import { sqlState } from '../retry/predicates.ts';
import type { Demand, Rejection } from '../routing/select.ts';
import { barredSentence } from './barred-writes.ts';

/** Most causes that an error carries along. */
export const MAX_CAUSES = 8;

/** What the error reports about a call that found no node. */
export interface NoNodeReport {
  readonly demand: Demand;
  readonly waitedMs: number;
  readonly rejections: readonly Rejection[];
  /** Errors of the last attempts to connect and to probe. */
  readonly cause: unknown;
}

/** Why each node does not suit; `refusals` says of nodes that do suit why they gave no connection. */
export function withRefusals(
  unsuitable: readonly Rejection[],
  refusals: ReadonlyMap<string, string>,
): readonly Rejection[] {
  const refused = [...refusals].map(([node, why]) => ({ node, reason: `gave no connection: ${why}` }));
  return [...unsuitable, ...refused.filter(({ node }) => !unsuitable.some((one) => one.node === node))];
}

/**
 * The error of a call that found no node in time: why each node does not suit, and the ways out. `unaddressed` says why connections go to
 * this machine although nothing says so.
 */
export function noNodeError(
  topology: TopologyDescription,
  report: NoNodeReport,
  unaddressed?: string,
): PgHerdError {
  const { demand, waitedMs, rejections, cause } = report;
  const list = rejections.map(({ node, reason }) => `${node}: ${reason}`).join('; ');
  const writes = demand.target === 'read-write' || demand.target === 'primary';
  const remedy = writes ? remedyFor(topology) : undefined;
  const target = `No node suits the target "${demand.target}" after ${Math.round(waitedMs)} ms (waitTimeoutMs).`;
  const sentence = [target, unaddressed, list, remedy]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
  const details = { target: demand.target, waitedMs, nodes: rejections, limit: 'waitTimeoutMs' };
  const options = { cause, details };
  if (!writes) return new NoSuitableNodeError(sentence, options);
  if (isForeign(topology)) return new ForeignClusterError(sentence, options);
  const ambiguous = topology.nodes.some((node) => node.standing === 'ambiguous');
  return ambiguous
    ? new AmbiguousPrimaryError(sentence, options)
    : new NoSuitableNodeError(sentence, options);
}

function isForeign({ identityConflict, nodes, replacement }: TopologyDescription): boolean {
  if (identityConflict !== undefined || replacement !== undefined) return true;
  return nodes.length > 0 && nodes.every((node) => node.standing === 'foreign');
}

/**
 * Whether no node can be written to until the operator acts, so that waiting is pointless: the nodes are of different
 * systems, or all of another one than ours, and each has answered.
 */
export function isForeignForGood(topology: TopologyDescription, { target }: Pick<Demand, 'target'>): boolean {
  if (target !== 'read-write' && target !== 'primary') return false;
  const { identityConflict, incumbent, nodes, replacement, writesOpen } = topology;
  if (!writesOpen) return false;
  if (identityConflict !== undefined || replacement?.confirmed === true) return true;
  // Once something was written, `identityGraceMs` decides how long a replacement may be one by mistake.
  const isNew = replacement === undefined || incumbent === undefined;
  return isNew && nodes.length > 0 && nodes.every(isKnownForeign);
}

function isKnownForeign({ health, standing, systemIdentifier }: NodeDescription): boolean {
  return standing === 'foreign' && health === 'ok' && systemIdentifier !== undefined;
}

/** The way out of a state that only an operator can end; `undefined` if waiting may help. */
export function remedyFor(topology: TopologyDescription): string | undefined {
  const { identityConflict, nodes, replacement } = topology;
  if (identityConflict !== undefined) {
    return `Remove the nodes of one of the clusters from the list, or name the right one in the option systemIdentifier.`;
  }
  if (replacement !== undefined) {
    const { systemIdentifier } = replacement;
    return `If the cluster was replaced on purpose, set onClusterReplaced: 'adopt', or call ${acceptEpochCall(systemIdentifier, newest(nodes))}.`;
  }
  if (nodes.some((node) => node.standing === 'ambiguous')) {
    return 'Stop all but one of them, or let a discovery name the leader.';
  }
  if (topology.barred !== undefined) return barredRemedy(topology.barred, topology);
  const stale = nodes.find((node) => node.standing === 'stale' && node.promotable && node.health === 'ok');
  if (stale === undefined) return undefined;
  const system = stale.systemIdentifier ?? topology.systemIdentifier;
  return `If the higher timeline will not come back, call ${acceptEpochCall(system, stale.timeline)}.`;
}

function barredRemedy(barred: BarredWrites, { nodes }: TopologyDescription): string {
  const [name] = barred.barred;
  const timeline = nodes.find((node) => node.name === name)?.timeline;
  return `${barredSentence(barred)}. If timeline ${barred.floor} will not come back, call ${acceptEpochCall(barred.systemIdentifier, timeline)}, or write pgherd.accept_epoch into the database of ${name}.`;
}

function acceptEpochCall(systemIdentifier: string | undefined, timeline: number | undefined): string {
  const system = systemIdentifier === undefined ? '' : `systemIdentifier: '${systemIdentifier}', `;
  return `db.acceptEpoch({ ${system}timeline: ${timeline ?? 1} })`;
}

function newest(nodes: readonly NodeDescription[]): number | undefined {
  const timelines = nodes.flatMap((node) => node.timeline ?? []);
  return timelines.length === 0 ? undefined : Math.max(...timelines);
}

/** The error of every call while each node refuses our logins, for the reason given by its name. */
export function unreachableError(refusals: ReadonlyMap<string, unknown>, unaddressed?: string): PgHerdError {
  const errors = [...refusals.values()];
  const failures = errors.map(connectFailureOf);
  const list = [...refusals].map(([node, error]) => `${node}: ${messageOf(error)}`).join('; ');
  const causes = errors.slice(0, MAX_CAUSES);
  const sentence = ['No node can be used.', unaddressed, list].filter((part) => part !== undefined).join(' ');
  return new PgHerdError(unreachableCode(failures, errors), sentence, {
    cause: causes.length === 1 ? causes[0] : new AggregateError(causes, 'what the nodes answered'),
    details: { nodes: [...refusals.keys()], failure: failures[0] },
  });
}

/** Codes of failures that have one of their own. */
const OWN_CODES: Readonly<Partial<Record<ConnectFailure, ErrorCode>>> = Object.freeze({
  authentication: 'PGHERD_AUTHENTICATION_FAILED',
  'database-missing': 'PGHERD_DATABASE_MISSING',
  tls: 'PGHERD_TLS_FAILED',
  protocol: 'PGHERD_PROTOCOL_ERROR',
  'server-too-old': 'PGHERD_SERVER_TOO_OLD',
});

function unreachableCode(
  [first, ...others]: readonly ConnectFailure[],
  errors: readonly unknown[],
): ErrorCode {
  if (first === undefined || others.some((failure) => failure !== first)) return 'PGHERD_CONNECT_FAILED';
  // A database that takes no connections (55000) is none that is missing.
  if (first === 'database-missing' && !errors.every((error) => sqlState(error) === '3D000'))
    return 'PGHERD_CONNECT_FAILED';
  return OWN_CODES[first] ?? 'PGHERD_CONNECT_FAILED';
}
