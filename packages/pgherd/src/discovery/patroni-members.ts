import { quoted } from '../model/foreign.ts';
import { isHost, isPort } from './node-list.ts';
import type { DiscoveredNode } from './port.ts';
import { isRecord, isText } from './settings.ts';

/**
 * Roles of the member that holds the leader lock and accepts writes. A `standby_leader` leads too, but stays
 * in recovery. Every other role, also one of a later Patroni, is that of a standby.
 */
const LEADING_ROLES: ReadonlySet<unknown> = new Set(['leader', 'master', 'primary']);

/** Tags that control Patroni itself. All others are the operator's own. */
const TAGS_OF_PATRONI: ReadonlySet<string> = new Set([
  'clonefrom',
  'failover_priority',
  'nofailover',
  'noloadbalance',
  'nostream',
  'nosync',
  'replicatefrom',
  'sync_priority',
]);

/**
 * The nodes in Patroni's answer to `GET /cluster`. Members that are not running are included: the node itself
 * is asked whether it serves.
 *
 * @throws Error naming every member that cannot be read, and what is wrong with it.
 */
export function readMembers(text: string, zoneTag: string): readonly DiscoveredNode[] {
  const members = memberList(text);
  const problems: string[] = [];
  const places = new Map<string, string>();
  const nodes = members.flatMap((member, index) => {
    const read = readMember(member, zoneTag);
    const name = nameOf(member, index);
    if (typeof read === 'string') {
      problems.push(`${name}: ${read}`);
      return [];
    }
    const place = `${read.host}:${read.port ?? ''}`;
    const other = places.get(place);
    if (other !== undefined) problems.push(`${name}: is at ${place} just as ${other}; see connect_address`);
    places.set(place, name);
    return [read];
  });
  const leaders = nodes.filter((node) => node.leader === true);
  if (leaders.length > 1) problems.push(`${leaders.length} members are called leader`);
  if (problems.length > 0) throw new Error(`named members that cannot be used: ${problems.join('; ')}`);
  return nodes;
}

function memberList(text: string): readonly unknown[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`answered ${quoted(text)}, which is no JSON`);
  }
  const members = isRecord(answer) ? answer['members'] : undefined;
  if (!Array.isArray(members))
    throw new Error('answered JSON without a list of members: is this the API of Patroni?');
  if (members.length === 0) throw new Error('named no member');
  return members;
}

function nameOf(member: unknown, index: number): string {
  const name = isRecord(member) ? member['name'] : undefined;
  return isText(name) ? quoted(name) : `member ${index + 1}`;
}

/** The node, or the violation in the member. */
function readMember(member: unknown, zoneTag: string): DiscoveredNode | string {
  if (!isRecord(member)) return `is ${quoted(member)}, but must be an object`;
  const { host, port, role, tags = {} } = member;
  if (!isHost(host)) return `host is ${quoted(host)}, but must be a host name or an IP address`;
  if (port !== undefined && !isPort(port))
    return `port is ${quoted(port)}, but must be an integer from 1 to 65535`;
  if (!isText(role)) return `role is ${quoted(role)}, but must be a string`;
  if (!isRecord(tags)) return `tags are ${quoted(tags)}, but must be an object`;
  const leader = LEADING_ROLES.has(role);
  const own = ownTags(tags);
  return {
    host,
    // Patroni omits the port if the address of a member has none; then it is PostgreSQL's default.
    port: port ?? 5_432,
    zone: own[zoneTag] === '' ? undefined : own[zoneTag],
    tags: own,
    // A leader with the tag stays the leader: Patroni only does not elect it again.
    promotable: leader || !isBarredFromFailover(tags),
    readable: !isSet(tags['noloadbalance']),
    leader,
  };
}

/** `failover_priority: 0` means the same as `nofailover`, which takes precedence. */
function isBarredFromFailover(tags: Readonly<Record<string, unknown>>): boolean {
  const { nofailover, failover_priority: priority } = tags;
  if (nofailover !== undefined && nofailover !== null) return isSet(nofailover);
  return priority !== undefined && priority !== null && priority !== '' && Number(priority) <= 0;
}

/** Whether a tag is on; in YAML it is a boolean, a number or a string. */
function isSet(value: unknown): boolean {
  if (typeof value === 'string') return !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase());
  return Boolean(value);
}

function ownTags(tags: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const own = Object.entries(tags).flatMap(([name, value]) => {
    const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return plain && !TAGS_OF_PATRONI.has(name) ? [[name, String(value)] as const] : [];
  });
  return Object.fromEntries(own);
}
