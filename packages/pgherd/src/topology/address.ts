import type { Observation, ProbeFacts } from '../model/observation.ts';
import type { NodeDescription } from '../model/topology.ts';
import { afterDial } from './several.ts';

/** Two connections that were dialled one after the other agree on where the address leads, or the monitor has looked. */
export function leadsStillTo(
  { leadsTo }: NodeDescription,
  { postmasterStartedAt }: ProbeFacts,
  redialled: boolean,
): string | undefined {
  return redialled || leadsTo === postmasterStartedAt ? undefined : leadsTo;
}

/**
 * A new connection that leads to another server shows that the address has moved, or has several servers behind it. Once there turns
 * out to be one server again, no connection of before is known to lead to it.
 */
export function onStart(
  node: NodeDescription,
  { startedAt, systemIdentifier, inRecovery, at }: Extract<Observation, { kind: 'start-shown' }>,
): NodeDescription {
  const known = node.postmasterStartedAt;
  if (known === undefined) return node;
  const dialled = afterDial(node, { startedAt, systemIdentifier, inRecovery }, at);
  const ends = node.several !== undefined && dialled.several === undefined;
  const leadsTo = dialled.several !== undefined || known === startedAt ? undefined : startedAt;
  if (dialled === node && (leadsTo === undefined || leadsTo === node.leadsTo)) return node;
  const generation = ends ? node.generation + 1 : node.generation;
  const { several, shown, agreeing } = dialled;
  return Object.freeze({
    ...node,
    several,
    shown,
    agreeing,
    leadsTo: leadsTo ?? kept(node, several),
    generation,
  });
}

/** That another connection leads to the known server does not yet say where the address leads. */
function kept({ leadsTo }: NodeDescription, several: NodeDescription['several']): string | undefined {
  return several === undefined ? leadsTo : undefined;
}

/** The monitor could not say where the address leads now: the node goes on with the server that is known. */
export function onAlternation(node: NodeDescription): NodeDescription {
  return node.leadsTo === undefined ? node : Object.freeze({ ...node, leadsTo: undefined });
}
