import { PgHerdError } from '../model/errors.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Policy, PolicyContext } from './policies.ts';

/**
 * Picks a node from the first tier that has one not to be avoided; `undefined` if no tier has.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if the policy returns none of the nodes it was given; what it
 * throws.
 */
export function chooseNode(
  tiers: readonly (readonly NodeDescription[])[],
  avoid: ReadonlySet<string>,
  policy: Policy,
  context: PolicyContext,
): NodeDescription | undefined {
  for (const tier of tiers) {
    const candidates = avoid.size === 0 ? tier : tier.filter((node) => !avoid.has(node.name));
    if (candidates.length === 0) continue;
    const picked: unknown = policy(candidates, context);
    for (const candidate of candidates) if (candidate === picked) return candidate;
    throw notACandidate(picked, candidates);
  }
  return undefined;
}

function notACandidate(picked: unknown, candidates: readonly NodeDescription[]): PgHerdError {
  const names = candidates.map((node) => node.name).join(', ');
  return new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    `The policy returned ${described(picked)}, but must return one of the nodes it was given: ${names}.`,
    { details: { argument: 'policy', candidates: candidates.map((node) => node.name) } },
  );
}

function described(picked: unknown): string {
  if (picked instanceof Promise) return 'a promise';
  if (typeof picked !== 'object' || picked === null) return String(picked);
  return 'name' in picked ? `an object named ${String(picked.name)}` : 'an object without a name';
}
