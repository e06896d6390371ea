import type { NodeFrame } from '../model/message.ts';

/** Replication from one node to another. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** `behind`: beyond the limits of the cluster. `assumed`: nothing says where the standby receives from. */
  readonly kind: 'flows' | 'behind' | 'assumed';
}

/** Where nodes stand in the picture: rows from the source of the log downwards. */
export interface Layout {
  readonly rows: readonly (readonly string[])[];
  readonly arrows: readonly Arrow[];
}

/**
 * The picture of a cluster: primaries on top, each standby below the node that it receives from, what is not connected at the end of the first row of standbys.
 * Within a row nodes keep the order of the list. Pure.
 */
export function layoutOf(nodes: readonly NodeFrame[], writable: string | null): Layout {
  const shown = nodes.filter(({ aliasOf }) => aliasOf === null);
  const source = sourceOf(shown, writable);
  const arrows = shown.flatMap((node) => arrowTo(node, shown, source));
  const upstream = new Map(arrows.map(({ from, to }) => [to, from]));
  const rows: string[][] = [];
  for (const node of shown) {
    const row = isPrimary(node) ? 0 : depthOf(node.name, upstream);
    rows[row] ??= [];
    rows[row].push(node.name);
  }
  // Without a primary its row stays, empty: the picture does not jump when there is one again.
  return { rows: Array.from(rows, (row) => row ?? []), arrows };
}

function isPrimary({ role }: NodeFrame): boolean {
  return role === 'primary' || role === 'primary-read-only';
}

/** The node whose log the standbys get, as far as is known. */
function sourceOf(nodes: readonly NodeFrame[], writable: string | null): string | undefined {
  if (writable !== null) return writable;
  const primaries = nodes.filter(
    (node) => isPrimary(node) && node.health === 'ok' && node.standing === 'current',
  );
  return primaries.length === 1 ? primaries[0]?.name : undefined;
}

function arrowTo(node: NodeFrame, nodes: readonly NodeFrame[], source: string | undefined): Arrow[] {
  if (node.role !== 'standby' || node.health !== 'ok' || node.standing !== 'current') return [];
  const kind = node.lagging ? 'behind' : 'flows';
  if (
    node.upstream !== null &&
    node.upstream !== node.name &&
    nodes.some(({ name }) => name === node.upstream)
  )
    return [{ from: node.upstream, to: node.name, kind }];
  if (source === undefined || source === node.name) return [];
  return [
    { from: source, to: node.name, kind: node.lagBytes === null && node.lagMs === null ? 'assumed' : kind },
  ];
}

/** How many nodes the log passes before this one; at least 1, and bounded, should nodes name each other. */
function depthOf(name: string, upstream: ReadonlyMap<string, string>): number {
  let depth = 0;
  for (let at: string | undefined = name; at !== undefined && depth < MOST_ROWS; depth++)
    at = upstream.get(at);
  return Math.max(1, depth - 1);
}

const MOST_ROWS = 6;
