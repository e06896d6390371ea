import type { Fencing, Target } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { unusableBecause, unwritableAddress } from '../topology/usable.ts';
import { isTimelineSettled, isWritable } from '../topology/writable.ts';
import { isFresh, isLimited, type LagRule, staleBecause, unknownAge } from './freshness.ts';

/** What a caller demands of a node. */
export interface Demand {
  readonly target: Target;
  /** Target to fall back to if no node suits the first one. Default: none. */
  readonly fallback?: Target | undefined;
  /** Only this node, by name. Default: any. */
  readonly node?: string | undefined;
  /** Only nodes with all of these tags. Default: any. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /**
   * A standby further behind, or of unknown lag, does not suit. Milliseconds. Default: the cluster's limit.
   */
  readonly maxLagMs?: number | undefined;
  /** A standby further behind, or of unknown lag, does not suit. Bytes. Default: the cluster's limit. */
  readonly maxLagBytes?: number | undefined;
  /** Whether a standby beyond the lag limits serves if no other node can. Default: the cluster's. */
  readonly allowStale?: boolean | undefined;
  /** Only these standbys, by name: they show what the caller has to see. Default: any. */
  readonly caughtUp?: readonly string[] | undefined;
  /** Whether the primary counts among the standbys. Default `false`. */
  readonly primaryReads?: boolean | undefined;
}

/** Circumstances of a selection that are not the caller's. */
export interface SelectionContext {
  /** `report` lets stale and ambiguous nodes serve if no other node can. */
  readonly fencing: Fencing;
  /** The client's zones in order of preference; empty for no preference. */
  readonly zones: readonly string[];
  /** Lag limits of the whole cluster. */
  readonly lag: LagRule;
  /** Nodes that reads avoid, by name, with the reason. Default: none. */
  readonly ejected?: ReadonlyMap<string, string> | undefined;
}

/** Why a node does not suit. */
export interface Rejection {
  readonly node: string;
  /** In plain words, with the numbers. */
  readonly reason: string;
}

/**
 * Which nodes suit a demand, best first, and why the others do not. Each node is in one tier or has one
 * rejection.
 */
export interface Selection {
  /** Nodes of equal rank together; only those of the first non-empty tier are to be used. None is empty. */
  readonly tiers: readonly (readonly NodeDescription[])[];
  /** What the nodes of each tier have in common, in plain words: as many as there are tiers. */
  readonly reasons: readonly string[];
  readonly rejections: readonly Rejection[];
}

/** One pass over the nodes that are left: which of them suit? */
interface Pass {
  readonly asks: Target;
  readonly words: string;
  /** Whether standbys beyond the lag limits are taken too. */
  readonly stale: boolean;
  /** Whether standbys are taken whose data may be of another timeline. */
  readonly diverged: boolean;
}

interface Tier {
  /** What its nodes were asked for. */
  readonly asks: Target;
  readonly nodes: readonly NodeDescription[];
  readonly reason: string;
}

/** Decides which nodes suit `demand`. Pure. */
export function selectNodes(
  topology: TopologyDescription,
  demand: Demand,
  context: SelectionContext,
): Selection {
  const rejections: Rejection[] = [];
  let left: NodeDescription[] = [];
  for (const node of topology.nodes) {
    const reason =
      notAskedFor(node, demand) ??
      unusableBecause(node, context.fencing) ??
      mistaggedBecause(node, demand.tags);
    if (reason === undefined) left.push(node);
    else rejections.push(Object.freeze({ node: node.name, reason }));
  }
  const passes = passesOf(demand, context, left.some(isDiverged));
  const tiers: Tier[] = [];
  for (const pass of passes) {
    if (!topology.writesOpen && waitsForTheStart(pass, passes)) continue;
    const found = left.filter((node) => suits(node, pass, demand, context));
    if (found.length === 0) continue;
    left = left.filter((node) => !found.includes(node));
    tiers.push(...split(found, pass, context));
  }
  for (const node of left) {
    const reason = unsuitableBecause(node, { passes, writesOpen: topology.writesOpen }, demand, context);
    rejections.push(Object.freeze({ node: node.name, reason }));
  }
  const ranked = withoutEjected(tiers, topology, context.ejected);
  return Object.freeze({
    tiers: Object.freeze(ranked.map(({ nodes }) => Object.freeze(nodes))),
    reasons: Object.freeze(ranked.map(({ reason }) => reason)),
    rejections: Object.freeze(rejections),
  });
}

/**
 * Whether the pass finds no node before every node has answered or failed, or `firstWriteGraceMs` is over: writes, for which a
 * newer primary may still answer, and whatever is not the first choice, for which a node may.
 */
function waitsForTheStart(pass: Pass, passes: readonly Pass[]): boolean {
  return WRITES.has(pass.asks) || pass !== passes[0];
}

function isDiverged({ diverged }: NodeDescription): boolean {
  return diverged;
}

/**
 * Ejected nodes come last: they serve only if no other node can. Writes go to the primary all the same. If fewer than half of the nodes on
 * the list would be left, nothing is wrong with these nodes alone, and every one is needed: ejections do not count (panic mode).
 */
function withoutEjected(
  tiers: readonly Tier[],
  { nodes }: TopologyDescription,
  ejected: SelectionContext['ejected'],
): readonly Tier[] {
  if (ejected === undefined || ejected.size === 0) return tiers;
  const left = nodes.filter(({ health, name }) => health === 'ok' && !ejected.has(name));
  if (2 * left.length < nodes.length) return tiers;
  const kept: Tier[] = [];
  const last: Tier[] = [];
  for (const tier of tiers) {
    if (ZONELESS.has(tier.asks)) {
      kept.push(tier);
      continue;
    }
    const good = tier.nodes.filter(({ name }) => !ejected.has(name));
    if (good.length > 0) kept.push({ ...tier, nodes: good });
    for (const node of tier.nodes) {
      const why = ejected.get(node.name);
      if (why !== undefined)
        last.push({ ...tier, nodes: [node], reason: `${tier.reason}, but ejected: ${why}` });
    }
  }
  return [...kept, ...last];
}

/**
 * The target, then the fallback; after both, if allowed, the same again for standbys that lag behind; last of
 * all, if there are any, for standbys of another timeline.
 */
function passesOf(demand: Demand, context: SelectionContext, withDiverged: boolean): Pass[] {
  const { target, fallback } = demand;
  const fresh = passesOfTarget(target, target);
  if (fallback !== undefined) fresh.push(...passesOfTarget(fallback, `the fallback ${fallback}`));
  const again = (pass: Partial<Pass>, how: string) =>
    fresh.map((one): Pass => ({ ...one, ...pass, words: `${one.words}, ${how}` }));
  const stale =
    (demand.allowStale ?? context.lag.allowStale) ? again({ stale: true }, 'beyond the lag limit') : [];
  const diverged = withDiverged ? again({ diverged: true }, 'perhaps of another timeline') : [];
  return [...fresh, ...stale, ...diverged];
}

/** `prefer-…` targets are two passes, as in libpq. */
function passesOfTarget(target: Target, words: string): Pass[] {
  const first = { asks: target, words: `suits ${words}`, stale: false, diverged: false };
  const second = { ...first, asks: 'any', words: `suits ${words} as second choice` } as const;
  if (target === 'prefer-standby') return [{ ...first, asks: 'standby' }, second];
  return target === 'prefer-primary' ? [first, second] : [first];
}

/**
 * The nodes of a pass, in the order of the client's zones. With fencing that only reports, a node that is not
 * believed serves only if no other one of its pass can, never beside one, in whatever zone.
 */
function split(found: readonly NodeDescription[], { asks, words }: Pass, context: SelectionContext): Tier[] {
  const zones = ZONELESS.has(asks) ? [] : context.zones;
  const current = found.filter((node) => node.standing === 'current');
  if (current.length === found.length) return byZone(asks, found, zones, words);
  const others = found.filter((node) => node.standing !== 'current');
  return [...byZone(asks, current, zones, words), ...byZone(asks, others, zones, `${words}, not believed`)];
}

function byZone(
  asks: Target,
  nodes: readonly NodeDescription[],
  zones: readonly string[],
  words: string,
): Tier[] {
  if (zones.length === 0) return nodes.length === 0 ? [] : [{ asks, nodes, reason: words }];
  const tiers = [...new Set(zones)].map((zone) => ({
    asks,
    nodes: nodes.filter((node) => node.zone === zone),
    reason: `${words}, in zone ${zone}`,
  }));
  const elsewhere = nodes.filter((node) => node.zone === undefined || !zones.includes(node.zone));
  tiers.push({ asks, nodes: elsewhere, reason: `${words}, not in zone ${zones.join(' or ')}` });
  return tiers.filter((tier) => tier.nodes.length > 0);
}

function notAskedFor(node: NodeDescription, demand: Demand): string | undefined {
  if (demand.node !== undefined && node.name !== demand.node) return `only ${demand.node} was asked for`;
  return undefined;
}

function mistaggedBecause(
  node: NodeDescription,
  wanted: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (wanted === undefined) return undefined;
  for (const [name, value] of Object.entries(wanted)) {
    const has = Object.hasOwn(node.tags, name) ? node.tags[name] : undefined;
    if (has === undefined) return `has no tag ${name}; "${value}" was asked for`;
    if (has !== value) return `its tag ${name} is "${has}"; "${value}" was asked for`;
  }
  return undefined;
}

function suits(node: NodeDescription, pass: Pass, demand: Demand, context: SelectionContext): boolean {
  if (hidesWhatMatters(node, pass, demand, context)) return false;
  switch (pass.asks) {
    case 'prefer-primary':
      // This preference is for reads: neither a timeline nor the first write has to be waited for.
      return node.role !== 'standby';
    case 'any':
    case 'prefer-standby':
      return node.role !== 'standby' || serves(node, pass, demand, context);
    case 'read-write':
      return isWritable(node, context.fencing);
    case 'primary':
      return node.role !== 'standby' && !node.contested && isTimelineSettled(node);
    case 'standby':
      return node.role === 'standby' ? serves(node, pass, demand, context) : countsAsStandby(node, demand);
    case 'read-only':
      if (node.role === 'standby') return serves(node, pass, demand, context);
      return node.role === 'primary-read-only' || countsAsStandby(node, demand);
    default:
      return pass.asks satisfies never;
  }
}

/** Whether several servers answer at its address, and it matters to the call how far behind the one is that it gets. */
function hidesWhatMatters(
  { several }: NodeDescription,
  pass: Pass,
  demand: Demand,
  context: SelectionContext,
): boolean {
  if (several === undefined) return false;
  if (demand.caughtUp !== undefined) return true;
  return !pass.stale && !WRITES.has(pass.asks) && isLimited(demand, context.lag);
}

function countsAsStandby(node: NodeDescription, demand: Demand): boolean {
  return demand.primaryReads === true && node.role === 'primary';
}

/** Whether a standby may be read. */
function serves(node: NodeDescription, pass: Pass, demand: Demand, context: SelectionContext): boolean {
  if (!isReadable(node, demand) || !isCaughtUp(node, demand)) return false;
  if (node.diverged && !pass.diverged) return false;
  return pass.stale || isFresh(node, demand, context.lag);
}

function isCaughtUp(node: NodeDescription, demand: Demand): boolean {
  return demand.caughtUp === undefined || (!node.diverged && demand.caughtUp.includes(node.name));
}

/** A call that names this node may use it. */
function isReadable(node: NodeDescription, demand: Demand): boolean {
  return node.readable || demand.node === node.name;
}

function unsuitableBecause(
  node: NodeDescription,
  { passes, writesOpen }: { readonly passes: readonly Pass[]; readonly writesOpen: boolean },
  demand: Demand,
  context: SelectionContext,
): string {
  const age = unknownAge(node);
  if (age !== undefined && passes.some((pass) => hidesWhatMatters(node, pass, demand, context))) return age;
  if (node.role === 'primary' && passes.some(({ asks }) => WRITES.has(asks))) {
    if (!writesOpen) return `a primary, but the first write ${UNTIL_STARTED}`;
    const address = unwritableAddress(node);
    if (address !== undefined) return address;
    if (node.contested)
      return 'several nodes claim to be the primary, and the discovery is asked which of them leads';
    if (!isTimelineSettled(node)) return 'just promoted: its timeline is not known yet';
  }
  if (!writesOpen && passes.some((pass, index) => index > 0 && suits(node, pass, demand, context)))
    return `a ${node.role}, which is not the first choice; the second ${UNTIL_STARTED}`;
  if (node.role === 'standby' && passes.some(({ asks }) => READS_STANDBYS.has(asks))) {
    if (!isReadable(node, demand)) return 'a standby that must not be read (readable: false)';
    if (!isCaughtUp(node, demand))
      return 'a standby that is not known to have replayed what the call must see';
    if (node.diverged) return `its data may be of timeline ${node.dataTimeline}, above that of the primary`;
    return staleBecause(node, demand, context.lag);
  }
  return node.role === 'primary-read-only' ? READ_ONLY : `its role is ${node.role}`;
}

const READ_ONLY =
  'its role is primary-read-only: default_transaction_read_only is on in the configuration of the server';
/** How reasons end that the start is the cause of. */
const UNTIL_STARTED = 'waits until every node has answered or failed (firstWriteGraceMs)';
/** Passes for what may write. */
const WRITES: ReadonlySet<Target> = new Set(['read-write', 'primary']);
/** Passes that a standby can suit. */
const READS_STANDBYS: ReadonlySet<Target> = new Set(['any', 'standby', 'read-only']);
/** Passes for the one primary, in whatever zone. */
const ZONELESS: ReadonlySet<Target> = new Set(['read-write', 'primary', 'prefer-primary']);
