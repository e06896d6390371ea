import { isIP } from 'node:net';
import { InvalidOptionsError } from '../model/errors.ts';
import { listViolations } from './node-list.ts';
import type { DiscoveredNode, Discovery } from './port.ts';

/**
 * A list that never changes: for labels that the connection string cannot carry, and for tests. Each item is
 * a node, or a string: `host`, `host:port`, `[2001:db8::1]:port`, `/directory/of/the/socket`.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` if the list is empty or an item is not a node.
 * @example
 * const nodes = ['db1:5432', { host: 'db2', zone: 'b', promotable: false }];
 * createCluster({ url, discovery: staticDiscovery(nodes) });
 */
export function staticDiscovery(list: readonly (DiscoveredNode | string)[]): Discovery {
  const nodes = Array.isArray(list)
    ? list.map((item) => (typeof item === 'string' ? readNode(item) : item))
    : list;
  const violations = listViolations(nodes);
  if (violations.length > 0)
    throw new InvalidOptionsError(violations.map((one) => `staticDiscovery: ${one}`));
  const fixed = Object.freeze(nodes.map((node) => Object.freeze({ ...node })));
  return Object.freeze({
    name: 'static',
    async *watch() {
      yield fixed;
    },
  });
}

/** Reads a node from a string; an invalid string becomes a host that the rules refuse. */
function readNode(text: string): DiscoveredNode {
  if (isIP(text) !== 0) return { host: text };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed !== undefined && isIP(bracketed) !== 6 ? text : (bracketed ?? plain ?? text);
  return digits === undefined ? { host } : { host, port: Number(digits) };
}
