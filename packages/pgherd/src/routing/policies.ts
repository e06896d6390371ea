import type { NodeDescription } from '../model/topology.ts';

/** How busy a node is, seen from this process. Each value is read when it is asked for. */
export interface NodeLoad {
  /** Calls that run on the node now. */
  readonly inFlight: number;
  /** Connections that are open and free. */
  readonly idle: number;
  /** Smoothed duration of a statement there, milliseconds; `undefined` before the first. */
  readonly ewmaMs: number | undefined;
  /** Sequence number of the last choice of this node; 0 if it was never chosen. */
  readonly lastPick: number;
}

/** What a policy may use besides the candidates. */
export interface PolicyContext {
  load(node: string): NodeLoad;
  /** A number in [0, 1). */
  random(): number;
}

/** Picks one of several nodes that suit equally; there is at least one. Must return one of them. */
export type Policy = (candidates: readonly NodeDescription[], context: PolicyContext) => NodeDescription;

/** The policies known by name. */
export const POLICY_NAMES = Object.freeze([
  'round-robin',
  'random',
  'p2c',
  'most-idle',
  'latency-weighted',
] as const);
/** One of {@link POLICY_NAMES}. */
export type PolicyName = (typeof POLICY_NAMES)[number];

/** The node whose last pick is longest ago: unlike a running index, fair also while some nodes are down. */
export const roundRobin: Policy = (candidates, context) =>
  leastBy(candidates, (node) => context.load(node.name).lastPick);

/** Any node, with equal chances. */
export const random: Policy = (candidates, context) => pickAt(candidates, context.random());

/** Of two taken at random, the one with the smaller product of calls in flight and time per statement. */
export const p2c: Policy = (candidates, context) => {
  if (candidates.length === 1) return pickAt(candidates, 0);
  const first = Math.floor(context.random() * candidates.length);
  const step = 1 + Math.floor(context.random() * (candidates.length - 1));
  const one = at(candidates, first);
  const other = at(candidates, (first + step) % candidates.length);
  return cost(context.load(other.name)) < cost(context.load(one.name)) ? other : one;
};

/** The node with the most open and free connections; among equals the one with the fewest calls in flight. */
export const mostIdle: Policy = (candidates, context) =>
  leastBy(candidates, (node) => {
    const load = context.load(node.name);
    return load.inFlight - load.idle * 1_000_000;
  });

/**
 * Chances inverse to the duration of a statement: a node twice as fast gets twice the calls. Before the first
 * statement the round trip of the probes counts; a node without either counts as the fastest, so that it is
 * tried.
 */
export const latencyWeighted: Policy = (candidates, context) => {
  const weights: number[] = [];
  let heaviest = 0;
  let total = 0;
  let unmeasured = 0;
  for (let index = 0; index < candidates.length; index++) {
    const weight = weightOf(at(candidates, index), context);
    weights.push(weight);
    if (weight === 0) unmeasured++;
    if (weight > heaviest) heaviest = weight;
    total += weight;
  }
  if (unmeasured === candidates.length) return pickAt(candidates, context.random());
  let left = context.random() * (total + unmeasured * heaviest);
  for (let index = 0; index < candidates.length - 1; index++) {
    const weight = weights[index];
    left -= weight === undefined || weight === 0 ? heaviest : weight;
    if (left < 0) return at(candidates, index);
  }
  return at(candidates, candidates.length - 1);
};

/** The policy of that name. */
export function policyNamed(name: PolicyName): Policy {
  switch (name) {
    case 'round-robin':
      return roundRobin;
    case 'random':
      return random;
    case 'p2c':
      return p2c;
    case 'most-idle':
      return mostIdle;
    case 'latency-weighted':
      return latencyWeighted;
    default:
      return name satisfies never;
  }
}

/** Differences below this are noise, milliseconds: such nodes count as equally fast and share the work. */
const EQUALLY_FAST_MS = 1;

/** Shorter durations count as this one, milliseconds: chances must stay finite. */
const LEAST_LATENCY_MS = 0.1;

/** Statements per millisecond; 0 for a node without any measurement. */
function weightOf(node: NodeDescription, context: PolicyContext): number {
  const latencyMs = context.load(node.name).ewmaMs ?? node.rttMs;
  return latencyMs === undefined ? 0 : 1 / Math.max(LEAST_LATENCY_MS, latencyMs);
}

/** A node without a measurement counts as fast, so that it is tried. */
function cost(load: NodeLoad): number {
  return (load.inFlight + 1) * Math.max(EQUALLY_FAST_MS, load.ewmaMs ?? 0);
}

function pickAt(candidates: readonly NodeDescription[], share: number): NodeDescription {
  return at(candidates, Math.floor(share * candidates.length));
}

function at(candidates: readonly NodeDescription[], index: number): NodeDescription {
  const node = candidates[index];
  if (node === undefined) throw new RangeError(`no candidate at ${index} of ${candidates.length}`);
  return node;
}

function leastBy(
  candidates: readonly NodeDescription[],
  measure: (node: NodeDescription) => number,
): NodeDescription {
  let best = at(candidates, 0);
  let least = measure(best);
  for (let index = 1; index < candidates.length; index++) {
    const node = at(candidates, index);
    const value = measure(node);
    if (value < least) {
      best = node;
      least = value;
    }
  }
  return best;
}
