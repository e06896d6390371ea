import type { Column, Columns, NodeSeries, Series } from '../model/message.ts';

/** What a page has of the plotted figures: columns of one length, oldest first. */
export interface History {
  readonly at: readonly number[];
  readonly cluster: Readonly<Record<Series, Column>>;
  readonly nodes: ReadonlyMap<string, Readonly<Record<NodeSeries, Column>>>;
}

/**
 * Adds new points, and drops those that are older than `historyMs`, and all before the clock of the server was set back: time only grows in a
 * plot. Pure.
 */
export function extended(history: History | undefined, added: Columns, historyMs: number): History {
  const before = history?.at ?? [];
  const at = [...before, ...added.at];
  const oldest = (at.at(-1) ?? 0) - historyMs;
  const restart = at.findLastIndex((time, index) => time <= (at[index - 1] ?? Number.NEGATIVE_INFINITY));
  const first = at.findIndex((time, index) => time >= oldest && index >= restart);
  const drop = Math.max(0, first);
  const join = (old: Column | undefined, fresh: Column | undefined): Column =>
    [...(old ?? nulls(before.length)), ...(fresh ?? nulls(added.at.length))].slice(drop);
  const nodes = new Map<string, Record<NodeSeries, Column>>();
  const fresh = new Map(added.nodes.map(({ name, columns }) => [name, columns]));
  for (const name of new Set([...(history?.nodes.keys() ?? []), ...fresh.keys()])) {
    const columns = joined(history?.nodes.get(name), fresh.get(name), join);
    // A node that has gone has no value left once its last one is old enough.
    if (fresh.has(name) || Object.values(columns).some((column) => column.some((value) => value !== null)))
      nodes.set(name, columns);
  }
  return { at: at.slice(drop), cluster: joined(history?.cluster, added.cluster, join), nodes };
}

function joined<K extends string>(
  old: Readonly<Record<K, Column>> | undefined,
  fresh: Readonly<Record<K, Column>> | undefined,
  join: (old: Column | undefined, fresh: Column | undefined) => Column,
): Record<K, Column> {
  const keys = Object.keys(old ?? fresh ?? {}) as K[];
  return Object.fromEntries(keys.map((key) => [key, join(old?.[key], fresh?.[key])])) as Record<K, Column>;
}

function nulls(length: number): Column {
  return new Array<null>(length).fill(null);
}
