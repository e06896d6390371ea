import { isIP } from 'node:net';
import type { Health } from '../model/names.ts';

/** Most addresses of one name that are nodes: more than any cluster has behind one name. */
export const MAX_ADDRESSES = 16;
/** An address leaves after so many lookups in a row that did not show it: DNS may show a part of its records at a time. */
const LOOKUPS_WITHOUT_IT = 3;

/** Which of the two kinds of IP addresses. */
export type Family = 4 | 6;

/** One address of a name that is a node of its own. */
export interface AddressNode {
  readonly address: string;
  /** Lookups in a row that did not show it. */
  readonly missed: number;
}

/** What is known of the addresses of one name. */
export interface NameAddresses {
  /** What the last lookup showed, in its order; empty before the first one. */
  readonly found: readonly string[];
  /** The family whose addresses are used: a server usually has an address of each, so that these are only spares. `undefined` until known. */
  readonly family: Family | undefined;
  /** The address at which the node of the name was reached last; `undefined` if it was not. */
  readonly reached: string | undefined;
  /** The addresses that are nodes; empty while the name itself is one node. */
  readonly nodes: readonly AddressNode[];
}

/** Of a name that was not looked up yet. */
export const UNKNOWN_ADDRESSES: NameAddresses = Object.freeze({
  found: Object.freeze([]),
  family: undefined,
  reached: undefined,
  nodes: Object.freeze([]),
});

/**
 * What is known of a name after one more lookup. Once it shows several addresses of the family that is used, each of them is a node, for
 * good: the name does not become one node again, because a resolver may show now all of them and now one. An address stays while its
 * node is `ok`, whatever the lookups say.
 */
export function afterLookup(
  before: NameAddresses,
  answer: readonly string[],
  healthAt: (address: string) => Health | undefined,
): NameAddresses {
  const found = Object.freeze([...new Set(answer.filter((address) => isIP(address) !== 0))]);
  if (found.length === 0) return before;
  const name = Object.freeze({ ...before, found });
  return before.nodes.length === 0 ? spread(name) : followed(name, healthAt);
}

/** What is known of a name that is one node once the monitor of that node was connected to `address`. */
export function afterReached(before: NameAddresses, address: string): NameAddresses {
  const family = familyOf(address);
  if (before.nodes.length > 0 || family === undefined) return before;
  if (before.reached === address && before.family === family) return before;
  return spread(Object.freeze({ ...before, reached: address, family }));
}

/** What is known of a name that is one node once no connection to that node came about: the family that the resolver prefers is used. */
export function afterFailure(before: NameAddresses): NameAddresses {
  const [first] = before.found;
  if (before.nodes.length > 0 || before.family !== undefined || first === undefined) return before;
  return spread(Object.freeze({ ...before, family: familyOf(first) }));
}

function spread(name: NameAddresses): NameAddresses {
  const families = new Set(name.found.map(familyOf));
  const family = families.size === 1 ? familyOf(name.found[0]) : name.family;
  const addresses = ofFamily(name.found, family);
  if (addresses.length < 2) return Object.freeze({ ...name, family });
  return Object.freeze({ ...name, family, nodes: withNew([], addresses) });
}

/** Of a name whose addresses are nodes already. */
function followed(name: NameAddresses, healthAt: (address: string) => Health | undefined): NameAddresses {
  const { found, nodes } = name;
  const counted = nodes.map(({ address, missed }) => ({
    address,
    missed: found.includes(address) ? 0 : missed + 1,
  }));
  const kept = counted.filter(
    ({ address, missed }) => missed < LOOKUPS_WITHOUT_IT || healthAt(address) === 'ok',
  );
  const family = familyToUse(name, kept, healthAt);
  const shown = ofFamily(found, family);
  const isFull = new Set([...kept.map(({ address }) => address), ...shown]).size > MAX_ADDRESSES;
  const isDead = kept.every(({ address }) => healthAt(address) !== 'ok');
  // Where none of those that were chosen serves, others are tried.
  const staying = isFull && isDead ? kept.filter(({ address }) => healthAt(address) !== 'offline') : kept;
  const gone = kept.filter((one) => !staying.includes(one)).map(({ address }) => address);
  const untried = shown.filter((address) => !gone.includes(address));
  return Object.freeze({ ...name, family, nodes: withNew(staying, [...untried, ...gone]) });
}

/** The other family is used once no node of this one can be reached. */
function familyToUse(
  { family, found }: NameAddresses,
  kept: readonly AddressNode[],
  healthAt: (address: string) => Health | undefined,
): Family | undefined {
  const isLost = kept.every(({ address }) => healthAt(address) === 'offline');
  const other = found.map(familyOf).find((one) => one !== family);
  if (isLost && other !== undefined) return other;
  return family;
}

function withNew(kept: readonly AddressNode[], addresses: readonly string[]): readonly AddressNode[] {
  const fresh = addresses.filter((address) => !kept.some((one) => one.address === address));
  const all = [...kept, ...fresh.map((address) => ({ address, missed: 0 }))];
  return Object.freeze(all.slice(0, MAX_ADDRESSES).map((one) => Object.freeze(one)));
}

function ofFamily(addresses: readonly string[], family: Family | undefined): readonly string[] {
  return family === undefined ? [] : addresses.filter((address) => familyOf(address) === family);
}

function familyOf(address: string | undefined): Family | undefined {
  const family = isIP(address ?? '');
  return family === 4 || family === 6 ? family : undefined;
}
