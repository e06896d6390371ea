import type { DoctorFacts, Finding, NodeFacts, ServerFacts } from './facts.ts';

/** What a rule returns: a finding without the name of the rule and the node. */
export type Found = Omit<Finding, 'rule' | 'node'>;

/** Looks at the cluster as a whole. */
export type ClusterRule = (facts: DoctorFacts) => Found | readonly Found[] | undefined;

/** Looks at one server; more than one finding if, say, several slots are inactive. */
export type NodeRule = (node: NodeFacts, facts: DoctorFacts) => readonly Found[];

/** A rule that needs what the server says about itself. */
export type ServerRule = (
  server: ServerFacts,
  node: NodeFacts,
  facts: DoctorFacts,
) => Found | readonly Found[] | undefined;

/** A rule that is silent where the server could not be asked. */
export const onServer =
  (rule: ServerRule): NodeRule =>
  (node, facts) =>
    node.server === undefined ? [] : listOf(rule(node.server, node, facts));

/** What a rule found, as a list. */
export function listOf(found: Found | readonly Found[] | undefined): readonly Found[] {
  return found === undefined ? [] : 'evidence' in found ? [found] : found;
}

/** Whether a server is out of recovery. */
export function isPrimary({ picture: { role } }: NodeFacts): boolean {
  return role === 'primary' || role === 'primary-read-only';
}

/** Whether a primary is one of several servers at one address: then no connection is sure to lead to it, and writes wait. */
export function isPrimaryAmongSeveral({ picture: { several }, isPrimaryMet }: NodeFacts): boolean {
  return several !== undefined && (several.barsWrites || isPrimaryMet === true);
}
