import { unknownNode } from '../../../src/topology/node.ts';
import { initialTopology } from '../../../src/topology/topology.ts';
import { addressOf, named } from '../../support/evidence.ts';
import { type Expected, SYSTEMS } from './format.ts';
import type { Place } from './json.ts';

/** Fields of a node that a case may speak of: all that the description has. */
export const NODE_FIELDS: readonly string[] = Object.keys(unknownNode(addressOf('a'))).filter(
  (field) => field !== 'name' && field !== 'address',
);
/** Fields of the picture that a case may speak of. */
export const CLUSTER_FIELDS: readonly string[] = Object.keys(initialTopology([])).filter(
  (field) => field !== 'nodes',
);

const NODE_NAMES = new Set(['aliasOf', 'incumbent', 'leaderHint']);
const SYSTEM_NAMES = new Set(['systemIdentifier', 'identityConflict']);
const POSITIONS = new Set(['lsn', 'receivedLsn']);

/**
 * What a value of a case file stands for: `null` is "not known", a letter a node, the name of a system its identifier,
 * a text between slashes a pattern. `{main}` in a text is the identifier of that system.
 *
 * @throws CaseFileError where the value names something that does not exist
 */
export function expectedValue(place: Place, field: string): Expected {
  const { value } = place;
  if (typeof value === 'string' && value.length > 2 && value.startsWith('/') && value.endsWith('/')) {
    return { kind: 'match', pattern: place.within(() => new RegExp(spelledOut(value.slice(1, -1)), 'u')) };
  }
  return { kind: 'value', value: understood(place, field, value) };
}

function understood(place: Place, field: string, value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map((one: unknown) => understood(place, field, one));
  if (typeof value === 'object') {
    const entries = Object.entries(value as Record<string, unknown>);
    return Object.fromEntries(
      entries.map(([key, one]) => [
        field === 'floors' ? systemOf(place, key) : key,
        understood(place, key, one),
      ]),
    );
  }
  if (POSITIONS.has(field)) {
    return typeof value === 'number' ? BigInt(value) : place.fail('a position is a number of bytes');
  }
  if (typeof value !== 'string') return value;
  if (SYSTEM_NAMES.has(field)) return systemOf(place, value);
  if (NODE_NAMES.has(field)) return named(value);
  return spelledOut(value);
}

function systemOf(place: Place, name: string): string {
  return (
    SYSTEMS[name] ?? place.fail(`no system is called "${name}"; there are ${Object.keys(SYSTEMS).join(', ')}`)
  );
}

function spelledOut(text: string): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => SYSTEMS[name] ?? whole);
}

/** Whether `actual` is what was expected. Of an object only the members that are named count. */
export function meets(actual: unknown, expected: Expected): boolean {
  if (expected.kind === 'match') return typeof actual === 'string' && expected.pattern.test(actual);
  return contains(actual, expected.value);
}

function contains(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false;
    return expected.every((one, index) => contains(actual[index], one));
  }
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  const members = actual as Readonly<Record<string, unknown>>;
  return Object.entries(expected).every(([key, one]) => contains(members[key], one));
}
