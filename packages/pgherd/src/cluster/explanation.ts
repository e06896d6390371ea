import type { Rejection, Selection } from '../routing/select.ts';

/** Which nodes would serve a target, and why. */
export interface TargetExplanation {
  /** Names of the nodes that could serve it, best tier first. */
  readonly tiers: readonly (readonly string[])[];
  readonly rejections: readonly Rejection[];
  /** The same by node: first those that could serve, best tier first. */
  readonly nodes: readonly NodeExplanation[];
}

/** Why a node would serve a target, or would not. */
export interface NodeExplanation {
  readonly node: string;
  /** Index of its tier, 0 for the best; `undefined` if it does not suit. */
  readonly tier: number | undefined;
  /** Plain words, with the numbers. */
  readonly reason: string;
}

/** Why each node suits, or does not. */
export function explanationOf({ tiers, reasons, rejections }: Selection): TargetExplanation {
  const suitable = tiers.flatMap((nodes, tier) =>
    nodes.map(({ name }) => ({ node: name, tier, reason: reasons[tier] ?? '' })),
  );
  const unsuitable = rejections.map(({ node, reason }) => ({ node, tier: undefined, reason }));
  return Object.freeze({
    tiers: tiers.map((tier) => tier.map((node) => node.name)),
    rejections,
    nodes: Object.freeze([...suitable, ...unsuitable]),
  });
}
