import type { DoctorFacts, Finding } from './facts.ts';
import { type Found, NODE_RULES } from './rules-of-node.ts';

/** Looks at the cluster as a whole. */
type ClusterRule = (facts: DoctorFacts) => Found | undefined;

/** Rules for the cluster, by name. */
export const CLUSTER_RULES: Readonly<Record<string, ClusterRule>> = Object.freeze({
  'no-primary': ({ nodes }) =>
    nodes.some(({ picture: { role, standing } }) => role === 'primary' && standing === 'current')
      ? undefined
      : {
          severity: 'error',
          evidence: 'No server is a primary that takes writes: writes wait.',
          remedy:
            'Promote a standby, or mend the primary; pgherd explain read-write says of each server why not.',
          page: 'runbook.md',
        },
  'different-versions': ({ nodes }) => {
    const majors = new Set(
      nodes.flatMap(({ server }) => (server ? [Math.floor(server.version / 10_000)] : [])),
    );
    return majors.size < 2
      ? undefined
      : {
          severity: 'error',
          evidence: `The servers are of several major versions: ${[...majors].sort().join(', ')}.`,
          remedy: 'Servers of one list are of one cluster, and so of one major version.',
          page: 'runbook.md#major-upgrade',
        };
  },
  'keepalives-off': ({ keepalives }) =>
    keepalives
      ? undefined
      : {
          severity: 'warning',
          evidence: 'keepalives=0 in the connection settings: a firewall may forget idle connections.',
          remedy: 'Leave keepalives on.',
          page: 'topology.md#connections-that-are-lost-without-a-word',
        },
});

/** All names of rules. */
export const RULE_NAMES: readonly string[] = Object.freeze([
  ...Object.keys(CLUSTER_RULES),
  ...Object.keys(NODE_RULES),
]);

/** What the rules find, errors first. Pure. */
export function examine(facts: DoctorFacts): readonly Finding[] {
  const found: Finding[] = [];
  for (const [rule, look] of Object.entries(CLUSTER_RULES)) {
    const finding = look(facts);
    if (finding !== undefined) found.push({ rule, node: null, ...finding });
  }
  for (const node of facts.nodes) {
    for (const [rule, look] of Object.entries(NODE_RULES)) {
      for (const finding of look(node, facts)) found.push({ rule, node: node.picture.name, ...finding });
    }
  }
  return [...found.filter(isError), ...found.filter((finding) => !isError(finding))];
}

function isError({ severity }: Finding): boolean {
  return severity === 'error';
}
