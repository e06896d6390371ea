import { isDeepStrictEqual } from 'node:util';
import type { TopologyDescription } from '../../../src/model/topology.ts';
import { selectNodes } from '../../../src/routing/select.ts';
import { findNode } from '../../../src/topology/topology.ts';
import { writableNode } from '../../../src/topology/writable.ts';
import { named } from '../../support/evidence.ts';
import type { Expectation, Expected, ExpectedFields, Phase, TransitionCase } from './format.ts';
import { letterOf, type Played, tiersFor } from './play.ts';
import { meets } from './values.ts';

/** Where the picture after a phase is not as the phase expects it; one sentence each, none where all is well. */
export function pictureMisses(
  topology: TopologyDescription,
  phase: Phase,
  one: TransitionCase,
): readonly string[] {
  const { expect } = phase;
  const { zones, allowStale, settings } = one;
  const { fencing } = settings;
  const context = { fencing, zones, lag: { ...settings.lag, allowStale } };
  const picture = { ...topology, writesOpen: phase.writesOpen };
  const misses: string[] = [];
  for (const [letter, fields] of Object.entries(expect.nodes)) {
    misses.push(...fieldMisses(`node ${letter}`, findNode(topology, named(letter)), fields));
  }
  misses.push(...fieldMisses('cluster', topology, expect.cluster));
  if (expect.writes !== undefined) {
    const writable = writableNode(topology);
    misses.push(...unequal('writes', writable === undefined ? null : letterOf(writable.name), expect.writes));
  }
  for (const { key, asked, tiers } of expect.serves) {
    misses.push(...unequal(`serves ${key}`, tiersFor(picture, asked, context), tiers));
  }
  for (const { key, asked, node, reason } of expect.refused) {
    const { rejections } = selectNodes(picture, asked, context);
    const told = rejections.find((rejection) => rejection.node === node)?.reason;
    if (!meets(told, reason)) misses.push(miss(`refused ${key}, ${node}`, told, reason));
  }
  return misses;
}

/** Where what happened during a phase is not what the phase expects. */
export function courseMisses(played: Played, expect: Expectation): readonly string[] {
  const misses: string[] = [];
  if (expect.events !== undefined) misses.push(...unequal('events', played.events, expect.events));
  if (expect.connections !== undefined) {
    misses.push(...unequal('connections', played.connections, expect.connections));
  }
  if (expect.prepares !== undefined) misses.push(...unequal('prepares', played.prepares, expect.prepares));
  return misses;
}

function fieldMisses(what: string, object: object | undefined, fields: ExpectedFields): readonly string[] {
  const members = (object ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(fields).flatMap(([field, expected]) =>
    meets(members[field], expected) ? [] : [miss(`${what}, ${field}`, members[field], expected)],
  );
}

function unequal(what: string, actual: unknown, expected: unknown): readonly string[] {
  if (isDeepStrictEqual(actual, expected)) return [];
  return [miss(what, actual, { kind: 'value', value: expected })];
}

function miss(what: string, actual: unknown, expected: Expected): string {
  const wanted = expected.kind === 'match' ? String(expected.pattern) : shown(expected.value);
  return `${what}: expected ${wanted}, but it is ${shown(actual)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one));
  return text ?? 'unknown';
}
