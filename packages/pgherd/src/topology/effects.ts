import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { affectsLag, affectsRouting, changesBetween, counterpart, type TopologyChange } from './diff.ts';
import { type Disposal, disposeConnections } from './disposition.ts';
import { writableNode } from './writable.ts';

/** What has to be done after one picture replaced another, in this order. */
export interface Effects {
  /** Nodes whose pools have to follow; the others keep everything. */
  readonly pools: readonly PoolEffect[];
  /** The node that writes go to now: nodes that have left the list may be superseded by it. */
  readonly writable: NodeDescription | undefined;
  /**
   * Whether every monitor probes as soon as it may, and whether discovery is asked for a new list as well.
   */
  readonly hint: 'none' | 'monitors' | 'monitors-and-discovery';
  /** Names of the nodes that may be written to soon: one connection of each is prepared for writes. */
  readonly prepare: readonly string[];
  /** Events, in the order in which they are emitted. */
  readonly changes: readonly TopologyChange[];
  /** Which waiting calls select again; `lag`: only those with a lag limit of their own. */
  readonly wake: 'none' | 'lag' | 'all';
}

/** What happens to the pool of one node. */
export interface PoolEffect extends Disposal {
  readonly node: string;
  /** Whether connections may be opened there. */
  readonly isOk: boolean;
}

/** Decides what the change of the picture entails. Pure. */
export function effects(before: TopologyDescription, after: TopologyDescription): Effects {
  return {
    pools: poolEffects(before, after),
    writable: writableNode(after),
    hint: hintAfter(before, after),
    prepare: likelyWriters(before, after),
    changes: changesBetween(before, after),
    wake: affectsRouting(before, after) ? 'all' : affectsLag(before, after) ? 'lag' : 'none',
  };
}

function poolEffects(before: TopologyDescription, after: TopologyDescription): PoolEffect[] {
  const primaryChanged = before.writable !== after.writable;
  const pools: PoolEffect[] = [];
  for (const [index, node] of after.nodes.entries()) {
    const old = counterpart(node, index, before) ?? node;
    if (old === node && !primaryChanged) continue;
    const newerPrimaryKnown = after.writable !== undefined && after.writable !== node.name;
    const isOk = node.health === 'ok';
    const disposal = disposeConnections(old, node, newerPrimaryKnown);
    if (disposal.disposition !== 'keep' || isOk !== (old.health === 'ok'))
      pools.push({ node: node.name, isOk, ...disposal });
  }
  return pools;
}

/**
 * After the loss of the primary every node is probed, and the list of nodes read again; after a silence only
 * the former.
 */
function hintAfter(before: TopologyDescription, after: TopologyDescription): Effects['hint'] {
  // A discovery that decides a contest is asked by itself, not by all processes at once.
  const discovery = after.contest === undefined ? 'monitors-and-discovery' : 'monitors';
  if (before.writable !== undefined && after.writable === undefined) return discovery;
  if (hasDiverged(before, after)) return 'monitors-and-discovery';
  return hasDoubts(before, after) ? 'monitors' : 'none';
}

/** Whether the data of a standby have just turned out to be of a later timeline than the primary's. */
function hasDiverged(before: TopologyDescription, after: TopologyDescription): boolean {
  return after.nodes.some(
    (node, index) => node.diverged && counterpart(node, index, before)?.diverged !== true,
  );
}

/**
 * Whether a node has just fallen silent, or its address turned out to lead elsewhere. After a silence the answers of
 * the others show whether the fault is ours.
 */
function hasDoubts(before: TopologyDescription, after: TopologyDescription): boolean {
  return after.nodes.some((node, index) => {
    if (node.suspectedAt === undefined && node.leadsTo === undefined) return false;
    const old = counterpart(node, index, before);
    const fellSilent = node.suspectedAt !== undefined && old?.suspectedAt === undefined;
    return fellSilent || (node.leadsTo !== undefined && old?.leadsTo === undefined);
  });
}

/**
 * Nodes that may be written to soon, at the times when that becomes likely: every standby when the primary is
 * lost, and the one that has just left recovery. None before the first write.
 */
function likelyWriters(before: TopologyDescription, after: TopologyDescription): string[] {
  if (after.incumbent === undefined || after.writable !== undefined || after.contest !== undefined) return [];
  const promoted = after.nodes.filter(
    (node, index) =>
      mayBePrepared(node) && node.role === 'primary' && counterpart(node, index, before)?.role === 'standby',
  );
  const standbys = before.writable === undefined ? [] : promotableStandbys(after);
  return [...standbys, ...promoted.map((node) => node.name)];
}

/** Standbys of which one may be written to soon, once the primary is lost. None before the first write. */
export function promotableStandbys({ incumbent, nodes }: TopologyDescription): string[] {
  if (incumbent === undefined) return [];
  return nodes.filter((node) => node.role === 'standby' && mayBePrepared(node)).map((node) => node.name);
}

function mayBePrepared({ health, promotable, standing }: NodeDescription): boolean {
  return health === 'ok' && standing === 'current' && promotable;
}
