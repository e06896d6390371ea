import type { Span } from '../shell/line.ts';
import { bytesText, msText } from '../shell/numbers.ts';
import type { Output } from '../shell/output.ts';
import type { Tone } from '../shell/paint.ts';
import { type Column, writeTable } from '../shell/table.ts';
import type { NodeStatus, StatusJson } from './picture.ts';

const UNKNOWN: Span = { tone: 'faint', text: '-' };
/** From this share of `max_connections` on, a server is nearly full. */
const NEARLY_FULL = 0.9;

/** The columns that say what a node is, after its name. */
export const NODE_COLUMNS: readonly Column<NodeStatus>[] = Object.freeze([
  { title: 'role', cell: roleCell },
  { title: 'health', cell: ({ health }) => toned(health, HEALTH_TONES[health]) },
  {
    title: 'standing',
    dispensable: 1,
    cell: ({ standing }) => toned(standing, standing === 'current' ? 'good' : 'bad'),
  },
  { title: 'timeline', isRight: true, dispensable: 3, cell: timelineCell },
  { title: 'lag', isRight: true, cell: lagCell },
] satisfies readonly Column<NodeStatus>[]);

const COLUMNS: readonly Column<NodeStatus>[] = [
  { title: 'node', cell: ({ node }) => node },
  ...NODE_COLUMNS,
  { title: 'latency', isRight: true, dispensable: 4, cell: ({ latencyMs }) => orUnknown(latencyMs, msText) },
  { title: 'connections', isRight: true, dispensable: 2, cell: connectionsCell },
  {
    title: 'version',
    isRight: true,
    dispensable: 5,
    cell: ({ serverVersion }) => orUnknown(serverVersion, versionText),
  },
];

const HEALTH_TONES: Readonly<Record<NodeStatus['health'], Tone>> = {
  ok: 'good',
  suspect: 'warning',
  offline: 'bad',
};
/** How the status of a cluster is meant. */
export const STATUS_TONES: Readonly<Record<StatusJson['status'], Tone>> = {
  up: 'good',
  degraded: 'warning',
  down: 'bad',
};

/** Writes the status for people: the table, the verdict, and a line for each thing that is wrong. */
export function writeStatus(output: Output, status: StatusJson): void {
  writeTable(output, COLUMNS, status.nodes);
  output.line();
  const verdict = toned(status.status, STATUS_TONES[status.status]);
  output.line(
    verdict,
    status.writable === null ? ': no node takes writes' : `: writes go to ${status.writable}`,
  );
  for (const reason of status.reasons) output.line(toned('  ! ', 'warning'), reason);
}

function roleCell({ role, aliasOf, health, standing }: NodeStatus): Span {
  if (aliasOf !== null) return toned(`the same as ${aliasOf}`, 'faint');
  if (role === 'unknown') return toned(role, 'bad');
  // What it was when it was last seen, if it is not believed.
  if (health === 'offline' || standing !== 'current') return toned(role, 'faint');
  return role === 'primary' ? { tone: 'strong', text: role } : role;
}

/** The control file of a standby has only a lower bound. */
function timelineCell({ timeline, role }: NodeStatus): Span {
  return orUnknown(timeline, (value) => (role === 'standby' ? `≥ ${value}` : String(value)));
}

function lagCell({ role, lagBytes, lagMs }: NodeStatus): Span {
  if (role !== 'standby' || (lagBytes === null && lagMs === null)) return UNKNOWN;
  if (lagBytes === 0) return 'none';
  return [lagBytes === null ? '' : bytesText(lagBytes), lagMs === null ? '' : msText(lagMs)]
    .filter((part) => part !== '')
    .join(', ');
}

/** How many connections a server has, of how many. */
export function connectionsCell({ connections }: NodeStatus): Span {
  if (connections === null) return UNKNOWN;
  const text = `${connections.used} of ${connections.max}`;
  return connections.used >= NEARLY_FULL * connections.max ? toned(text, 'warning') : text;
}

/** `18.4` for 180004. */
export function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`;
}

/** What is not known is a dash. */
export function orUnknown<T>(value: T | null, shown: (value: T) => string): Span {
  return value === null ? UNKNOWN : shown(value);
}

/** A text with a tone. */
export function toned(text: string, tone: Tone): Span {
  return { tone, text };
}
