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
  'nearest',
] as const);
/** One of {@link POLICY_NAMES}. */
export type PolicyName = (typeof POLICY_NAMES)[number];

/** What the named policies are set to. */
export interface PolicySettings {
  /** `nearest`: how much longer than the quickest one's the probes of a node may take, milliseconds. */
  readonly nearestWindowMs: number;
}

/** The node whose last pick is longest ago: unlike a running index, fair also while some nodes are down. */
export const roundRobin: Policy = (candidates, context) =>
  leastBy(candidates, (node) => context.load(node.name).lastPick);

/** Any node, with equal chances. */
export const random: Policy = (candidates, context) => pickAt(candidates, context.random());

/**
 * Of two taken at random, the one with the smaller product of calls in flight and time per statement, if the difference is no noise.
 */
export const p2c: Policy = (candidates, context) => {
  if (candidates.length === 1) return pickAt(candidates, 0);
  const first = Math.floor(context.random() * candidates.length);
  const step = 1 + Math.floor(context.random() * (candidates.length - 1));
  const one = at(candidates, first);
  const other = at(candidates, (first + step) % candidates.length);
  return isCheaper(other, one, context) ? other : one;
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

/**
 * The policy `nearest`: of the nodes whose probes take at most `windowMs` longer than the quickest one's, the choice of {@link p2c}. A
 * node without a round trip is taken only if no candidate has one.
 */
export function nearestWithin(windowMs: number): Policy {
  return (candidates, context) => {
    let limitMs = Number.POSITIVE_INFINITY;
    for (const { rttMs } of candidates)
      if (rttMs !== undefined && rttMs + windowMs < limitMs) limitMs = rttMs + windowMs;
    const near = candidates.filter(({ rttMs }) => (rttMs ?? Number.POSITIVE_INFINITY) <= limitMs);
    return p2c(near, context);
  };
}

/** The policy of that name. */
export function policyNamed(name: PolicyName, { nearestWindowMs }: PolicySettings): Policy {
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
    case 'nearest':
      return nearestWithin(nearestWindowMs);
    default:
      return name satisfies never;
  }
}

/** Shorter durations count as this one, and smaller gains as none, milliseconds: such nodes share the work. */
const NOISE_MS = 5;
/** So is a gain of less than this part of what it would be a gain over. */
const NOISE_SHARE = 0.2;

/** Shorter durations count as this one, milliseconds: chances must stay finite. */
const LEAST_LATENCY_MS = 0.1;

/** Statements per millisecond; 0 for a node without any measurement. */
function weightOf(node: NodeDescription, context: PolicyContext): number {
  const latencyMs = context.load(node.name).ewmaMs ?? node.rttMs;
  return latencyMs === undefined ? 0 : 1 / Math.max(LEAST_LATENCY_MS, latencyMs);
}

/**
 * Whether a call is better off on `one` than on `other`. What one answer took says little: of two equal nodes, the one with the slower
 * last answer would get nothing until that is forgotten.
 */
function isCheaper(one: NodeDescription, other: NodeDescription, context: PolicyContext): boolean {
  const otherMs = costMs(context.load(other.name));
  const gainMs = otherMs - costMs(context.load(one.name));
  return gainMs >= NOISE_MS && gainMs >= NOISE_SHARE * otherMs;
}

/** A node without a measurement counts as fast, so that it is tried. */
function costMs(load: NodeLoad): number {
  return (load.inFlight + 1) * Math.max(NOISE_MS, load.ewmaMs ?? 0);
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
