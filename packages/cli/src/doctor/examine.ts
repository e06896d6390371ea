import type { DoctorFacts, Finding } from './facts.ts';
import { type ClusterRule, isPrimaryAmongSeveral, listOf, type NodeRule } from './rule.ts';
import { differentExtensions, differentPreloads, EXTENSION_RULES } from './rules-of-extensions.ts';
import { IDENTITY_RULES } from './rules-of-identity.ts';
import { NODE_RULES } from './rules-of-node.ts';
import { POOLER_RULES } from './rules-of-poolers.ts';
import { WRITE_RULES } from './rules-of-writes.ts';

/** Rules for the cluster, by name. */
export const CLUSTER_RULES: Readonly<Record<string, ClusterRule>> = Object.freeze({
  'no-primary': ({ nodes }) =>
    nodes.some(
      (node) =>
        (node.picture.role === 'primary' && node.picture.standing === 'current') ||
        // Its address is what is wrong then, and its role is that of the server that answered last.
        isPrimaryAmongSeveral(node),
    )
      ? undefined
      : {
          severity: 'error',
          evidence: 'No server is a primary that takes writes: writes wait.',
          remedy:
            'Promote a standby, or mend the primary; pgherd explain read-write says of each server why not.',
          page: 'runbook.md',
        },
  'different-versions': ({ nodes }) => {
    // Also of a server that is not believed, as all but one are where the versions differ, and which is therefore not asked.
    const majors = new Set(
      nodes.flatMap(({ picture: { serverVersion } }) =>
        serverVersion === undefined ? [] : [Math.floor(serverVersion / 10_000)],
      ),
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
  'different-extensions': differentExtensions,
  'different-preloads': differentPreloads,
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

/** Rules for one server, by name. */
const SERVER_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  ...NODE_RULES,
  ...IDENTITY_RULES,
  ...WRITE_RULES,
  ...POOLER_RULES,
  ...EXTENSION_RULES,
});

/** All names of rules. */
export const RULE_NAMES: readonly string[] = Object.freeze([
  ...Object.keys(CLUSTER_RULES),
  ...Object.keys(SERVER_RULES),
]);

/** What the rules find, errors first. Pure. */
export function examine(facts: DoctorFacts): readonly Finding[] {
  const found: Finding[] = [];
  for (const [rule, look] of Object.entries(CLUSTER_RULES)) {
    for (const finding of listOf(look(facts))) found.push({ rule, node: null, ...finding });
  }
  for (const node of facts.nodes) {
    for (const [rule, look] of Object.entries(SERVER_RULES)) {
      for (const finding of look(node, facts)) found.push({ rule, node: node.picture.name, ...finding });
    }
  }
  return [...found.filter(isError), ...found.filter((finding) => !isError(finding))];
}

function isError({ severity }: Finding): boolean {
  return severity === 'error';
}
