import { isIP } from 'node:net';
import { quoted } from '../model/foreign.ts';
import { nodeName } from '../topology/node.ts';
import type { DiscoveredNode } from './port.ts';

/** More nodes than any cluster has: a longer list is a mistake. */
export const MAX_NODES = 1_024;

/** Longest host name of DNS, and longer than any path of a socket. */
const MAX_HOST_LENGTH = 255;
const MAX_PORT = 65_535;

/**
 * The violations in a list of nodes, one sentence each, with node, value and rule. The list may come from
 * anywhere, so that nothing is assumed about it. `defaultPort` is the port of nodes without one, if known.
 */
export function listViolations(list: unknown, defaultPort?: number): string[] {
  if (!Array.isArray(list)) return [`the list is ${quoted(list)}, but must be an array of nodes`];
  const nodes: readonly unknown[] = list;
  if (nodes.length === 0) return ['the list is empty, but must have at least one node'];
  if (nodes.length > MAX_NODES)
    return [`the list has ${nodes.length} nodes, but at most ${MAX_NODES} are allowed`];
  const violations = nodes.flatMap((node, index) => nodeViolations(node, `node ${index + 1}`));
  return violations.length > 0 ? violations : contradictions(list, defaultPort);
}

/** Rules for a single node. */
function nodeViolations(node: unknown, place: string): string[] {
  if (typeof node !== 'object' || node === null)
    return [`${place} is ${quoted(node)}, but must be an object with a host`];
  const given = new Map<string, unknown>(Object.entries(node));
  const rules: readonly (readonly [string, (value: unknown) => boolean, string])[] = [
    ['port', isPort, `an integer from 1 to ${MAX_PORT}`],
    ['hostaddr', (value) => typeof value === 'string' && isIP(value) !== 0, 'an IP address'],
    ['serverName', isHost, 'a host name'],
    ['zone', (value) => typeof value === 'string' && value !== '', 'a non-empty string'],
    ['tags', isTags, 'an object whose values are strings'],
    ['promotable', isBoolean, 'true or false'],
    ['readable', isBoolean, 'true or false'],
    ['leader', isBoolean, 'true or false'],
  ];
  const host = given.get('host');
  const named = isHost(host) ? `${place} (${String(host)})` : place;
  const violations = isHost(host)
    ? []
    : [
        `${place}: host is ${quoted(host)}, but must be a host name, an IP address or the directory of a socket`,
      ];
  for (const [name, holds, must] of rules) {
    const value = given.get(name);
    if (value !== undefined && !holds(value))
      violations.push(`${named}: ${name} is ${quoted(value)}, but must be ${must}`);
  }
  return violations;
}

/** Rules for the nodes of a list together. */
function contradictions(nodes: readonly DiscoveredNode[], defaultPort: number | undefined): string[] {
  const violations: string[] = [];
  const seen = new Set<string>();
  for (const { host, port = defaultPort } of nodes) {
    const name = port === undefined ? host : `${host}:${port}`;
    if (seen.has(name))
      violations.push(`${name} is listed twice, but every node needs a host and port of its own`);
    seen.add(name);
  }
  const leaders = nodes.filter((node) => node.leader === true).map((node) => node.host);
  if (leaders.length > 1)
    violations.push(`${leaders.join(' and ')} are all called leader, but only one can be`);
  return violations;
}

/** The name under which the cluster knows a node of a list. */
export function nameOf({ host, hostaddr, port }: DiscoveredNode, defaultPort: number): string {
  const transport = host.startsWith('/') || host.startsWith('@') ? 'unix' : 'tcp';
  return nodeName({ host, hostaddr, port: port ?? defaultPort, transport });
}

/** Whether it is a valid port. */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_PORT;
}

/** Whether it is a valid host name, an address, or the directory of a Unix socket. */
export function isHost(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_HOST_LENGTH) return false;
  if (value.startsWith('/') || value.startsWith('@')) return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(value);
  return isIP(value) !== 0 || /^[\p{L}\p{N}_.-]+$/u.test(value);
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isTags(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === 'string');
}
