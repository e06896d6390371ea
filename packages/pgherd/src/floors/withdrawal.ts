import type { BarredWrites, Level, Progress, Witness } from '../model/floors.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { isOutOfRecovery } from './claims.ts';
import { NO_SYSTEM } from './levels.ts';
import { NO_STREAM, streamAfter, withPosition } from './stream.ts';

/** Comparisons in a row in which every witness must have kept step with the primary. */
const ROUNDS = 3;

/** Settings of the withdrawal of floors. */
export interface WithdrawalSettings {
  /**
   * How long the witnesses of a floor must have followed the primary before the floor falls, milliseconds;
   * infinite if it never does.
   */
  readonly withdrawAfterMs: number;
}

/** What is said of the writes that the floor bars, and whether the floor falls now. */
export interface Assessment {
  readonly barred: BarredWrites | undefined;
  readonly falls: boolean;
}

const NO_POSITIONS: Progress['positions'] = Object.freeze([]);
const NONE: Assessment = Object.freeze({ barred: undefined, falls: false });

/**
 * Whether the floor bars a healthy primary while no node can be written to, what is missing before it falls,
 * and whether it falls now. A floor falls once each of its witnesses has come back: it lives anew, in
 * recovery, its data are of no later timeline than the primary's, and it has followed the primary without
 * interruption. The next level is the floor then, and stays until its own witnesses have come back.
 */
export function assess(picture: TopologyDescription, settings: WithdrawalSettings, now: number): Assessment {
  const { floor, levels, systemIdentifier, writable } = picture;
  if (writable !== undefined || floor === undefined) return NONE;
  const barred = picture.nodes.filter((node) => isBarred(node, floor));
  if (barred.length === 0) return NONE;
  const level = levels[systemIdentifier ?? NO_SYSTEM]?.find((one) => one.timeline === floor);
  const unnamed = levels[NO_SYSTEM]?.find((one) => one.timeline === floor);
  const witnesses = [...(level?.witnesses ?? []), ...(level === unnamed ? [] : (unnamed?.witnesses ?? []))];
  const circumstances = { picture, barred, floor, witnesses, level, settings, now };
  const { missing, progress, falls } = follow(circumstances);
  return {
    barred: Object.freeze({
      systemIdentifier,
      floor,
      witnesses: Object.freeze(witnesses.map(({ node }) => node)),
      barred: Object.freeze(barred.map(({ name }) => name)),
      missing: Object.freeze(missing),
      named: namedStill(picture.barred?.named, barred),
      progress,
    }),
    falls,
  };
}

function namedStill(named: BarredWrites['named'], barred: readonly NodeDescription[]): BarredWrites['named'] {
  return barred.some(({ name }) => name === named?.primary) ? named : undefined;
}

/** Whether nothing but the floor keeps the writes from this primary. */
function isBarred(node: NodeDescription, floor: number): boolean {
  return (
    node.role === 'primary' &&
    node.health === 'ok' &&
    node.promotable &&
    node.aliasOf === undefined &&
    node.standing === 'stale' &&
    node.timeline !== undefined &&
    node.timeline < floor
  );
}

interface Circumstances {
  readonly picture: TopologyDescription;
  readonly barred: readonly NodeDescription[];
  readonly floor: number;
  readonly witnesses: readonly Witness[];
  readonly level: Level | undefined;
  readonly settings: WithdrawalSettings;
  readonly now: number;
}

interface Course {
  readonly missing: string[];
  readonly progress: Progress | undefined;
  readonly falls: boolean;
}

function follow(circumstances: Circumstances): Course {
  const { floor, level, picture, settings, witnesses } = circumstances;
  const stopped = (reason: string) => ({ missing: [reason], progress: undefined, falls: false });
  if (settings.withdrawAfterMs === Number.POSITIVE_INFINITY) {
    return stopped('fencing.withdrawAfterMs is false: the floor never falls by itself');
  }
  if (
    picture.systemIdentifier === undefined ||
    level === undefined ||
    level.witnesses.length < witnesses.length
  ) {
    return stopped(`a node that returns no system identifier showed timeline ${floor}`);
  }
  if (witnesses.length === 0) return stopped(`timeline ${floor} was accepted, and no node has shown it`);
  const candidate = candidateOf(circumstances);
  return typeof candidate === 'string' ? stopped(candidate) : progressOf(circumstances, candidate);
}

/** The primary that the writes would go to, or why there is none. */
function candidateOf({ barred, picture, witnesses }: Circumstances): NodeDescription | string {
  const timelineOf = (node: NodeDescription) => node.timeline ?? 0;
  const highest = Math.max(...barred.map(timelineOf));
  const [candidate, ...rivals] = barred.filter((node) => timelineOf(node) === highest);
  if (candidate === undefined) return 'no primary answers';
  if (rivals.length > 0) {
    return `${[candidate, ...rivals].map(({ name }) => name).join(' and ')} are primaries of timeline ${highest}`;
  }
  const ahead = picture.nodes.find(
    (node) =>
      node.health === 'ok' &&
      (node.dataTimeline ?? 0) > highest &&
      !witnesses.some((witness) => witness.node === node.name),
  );
  return ahead === undefined ? candidate : aheadOf(ahead, candidate);
}

function aheadOf({ dataTimeline, name }: NodeDescription, primary: NodeDescription): string {
  return `the data of ${name} may be of timeline ${dataTimeline}, and ${primary.name} is on timeline ${primary.timeline}`;
}

/** How far the withdrawal in favour of `primary` has come, with what the last answers add. */
function progressOf(circumstances: Circumstances, primary: NodeDescription): Course {
  const { now, picture, settings, witnesses } = circumstances;
  const last = picture.barred?.progress;
  const isSame = last?.primary === primary.name && last.generation === primary.generation;
  const positions = withPosition(isSame ? last.positions : NO_POSITIONS, primary);
  const reasons: string[] = [];
  if (primary.walSenders === undefined)
    reasons.push(`${primary.name} has not returned how many standbys follow it`);
  else if (primary.walSenders === 0) reasons.push(`no standby follows ${primary.name}`);
  const streams = witnesses.map(({ node }) => (isSame ? last.streams[node] : undefined) ?? NO_STREAM);
  const followed = witnesses.map((witness, index) => {
    const node = picture.nodes.find(({ name }) => name === witness.node);
    const absence = notBackBecause(witness, node, circumstances, primary);
    if (node === undefined || absence !== undefined) {
      reasons.push(absence ?? '');
      return NO_STREAM;
    }
    const { stream, broken } = streamAfter(streams[index] ?? NO_STREAM, positions, node, now);
    if (broken !== undefined) reasons.push(`${broken} ${primary.name}`);
    return stream;
  });
  const heldSince = reasons.length > 0 ? undefined : ((isSame ? last.heldSince : undefined) ?? now);
  const heldMs = heldSince === undefined ? 0 : now - heldSince;
  const falls =
    heldSince !== undefined &&
    heldMs >= settings.withdrawAfterMs &&
    followed.every(({ rounds }) => rounds >= ROUNDS);
  if (heldSince !== undefined) reasons.push(time(circumstances, primary, heldMs));
  const progress = Object.freeze({
    primary: primary.name,
    generation: primary.generation,
    positions,
    streams: Object.freeze(
      Object.fromEntries(witnesses.map(({ node }, at) => [node, followed[at] ?? NO_STREAM])),
    ),
    heldSince,
  });
  return { missing: reasons, progress, falls };
}

function time({ settings, witnesses }: Circumstances, primary: NodeDescription, heldMs: number): string {
  const names = witnesses.map(({ node }) => node).join(' and ');
  const needed = `${settings.withdrawAfterMs} ms (fencing.withdrawAfterMs)`;
  return `${names} must follow ${primary.name} for ${needed}, so far ${Math.round(heldMs)} ms`;
}

/**
 * Why the witness has not come back; `undefined` if it has. Its server must have begun to live after the
 * level was last shown: any other server at its address, such as one behind a virtual IP, has lived longer.
 */
function notBackBecause(
  { node: name, askedAt, starts }: Witness,
  node: NodeDescription | undefined,
  { floor, picture }: Circumstances,
  primary: NodeDescription,
): string | undefined {
  if (node === undefined) return `${name} showed timeline ${floor} and is no longer in the list of nodes`;
  if (node.health !== 'ok')
    return `${name} showed timeline ${floor} and is ${node.health}: ${node.healthReason}`;
  if (node.systemIdentifier !== picture.systemIdentifier) {
    return `${name} showed timeline ${floor}, and a server of another system answers there now`;
  }
  if (isOutOfRecovery(node)) return `${name} is out of recovery (${node.role})`;
  if (node.role !== 'standby') return `the role of ${name}, which showed timeline ${floor}, is not known`;
  if (node.several !== undefined)
    return `${name} showed timeline ${floor}, and several servers answer at its address`;
  const { bornAt, dataTimeline, postmasterStartedAt: start } = node;
  if (start === undefined || starts.length === 0) {
    return `${name} does not return when its server started`;
  }
  if (starts.includes(start)) return `${name} has not been restarted since it showed timeline ${floor}`;
  if (dataTimeline === undefined) {
    return `${name} is in recovery, but does not return of which timeline its data are`;
  }
  if (dataTimeline > (primary.timeline ?? 0)) {
    return dataTimeline < floor
      ? aheadOf(node, primary)
      : `${name} is in recovery, but its data are of timeline ${dataTimeline}: rebuild it from ${primary.name}`;
  }
  if (bornAt === undefined) return `${name} has not returned for how long its server has run`;
  if (bornAt <= askedAt) {
    return `the server that answers at ${name} already ran when ${name} showed timeline ${floor}: it is another one`;
  }
  return undefined;
}
