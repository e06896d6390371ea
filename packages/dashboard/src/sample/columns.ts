import {
  type Column,
  type Columns,
  NODE_SERIES,
  type NodePoint,
  type NodeSeries,
  type Point,
  SERIES,
} from '../model/message.ts';

/** Points by figure, with three digits, which is what a plot can show. Pure. */
export function columnsOf(points: readonly Point[]): Columns {
  const names = [...new Set(points.flatMap(({ nodes }) => nodes.map(({ name }) => name)))];
  const byName = points.map(({ nodes }) => new Map(nodes.map((node) => [node.name, node])));
  return {
    at: points.map(({ at }) => at),
    cluster: byKey(SERIES, (series) => points.map((point) => rounded(point[series]))),
    nodes: names.map((name) => ({
      name,
      columns: byKey(NODE_SERIES, (series) => byName.map((nodes) => figureOf(nodes.get(name), series))),
    })),
  };
}

function figureOf(node: NodePoint | undefined, series: NodeSeries): number | null {
  return rounded(node?.[series] ?? null);
}

function byKey<K extends string>(keys: readonly K[], columnOf: (key: K) => Column): Record<K, Column> {
  return Object.fromEntries(keys.map((key) => [key, columnOf(key)])) as Record<K, Column>;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3));
}
