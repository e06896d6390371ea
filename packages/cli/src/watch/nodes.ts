import { sparkline } from '../demo/chart.ts';
import { signOf } from '../demo/frame.ts';
import type { Span } from '../shell/line.ts';
import { msText } from '../shell/numbers.ts';
import type { Tone } from '../shell/paint.ts';
import type { Column } from '../shell/table.ts';
import { cutTo } from '../shell/width.ts';
import type { NodeStatus } from '../status/picture.ts';
import { connectionsCell, NODE_COLUMNS, orUnknown, toned } from '../status/text.ts';
import type { WatchState } from './state.ts';

/** One line of the table. */
export interface WatchRow {
  readonly node: NodeStatus;
  readonly sign: { readonly symbol: string; readonly tone: Tone };
  readonly isSelected: boolean;
  readonly lagMs: readonly (number | undefined)[];
  readonly perSecond: number | null;
}

/** A lag below this is no mountain in the picture, ms. */
const SMALL_LAG_MS = 10;
/** Longest part of a node's name, columns: the rest of the line is worth more. */
const LONGEST_NAME = 40;
const WIDE = 136;
/** What is left out first in a narrow terminal has the highest number; the sign of a node and the reasons say what its standing is. */
const DISPENSABLE: Readonly<Record<string, number>> = Object.freeze({
  standing: 7,
  'tx/s': 6,
  connections: 5,
  'round trip': 4,
  sparks: 3,
  timeline: 2,
  health: 1,
});

const SPARKS = Object.freeze({ wide: 30, narrow: 15 });

/** The lines of the table. Pure. */
export function watchRows(
  { sample, history, perSecond }: WatchState,
  selected: string | undefined,
): readonly WatchRow[] {
  return (sample?.status.nodes ?? []).map((node) => ({
    node,
    sign: signOf(node),
    isSelected: node.node === selected,
    lagMs: history.get(node.node)?.lagMs ?? [],
    perSecond: perSecond.get(node.node) ?? null,
  }));
}

/** The columns of the table, for a terminal of this width. Pure. */
export function nodeColumns(columns: number, rows: readonly WatchRow[] = []): readonly Column<WatchRow>[] {
  const sparks = columns >= WIDE ? SPARKS.wide : SPARKS.narrow;
  const isMarked = rows.some(({ isSelected }) => isSelected);
  return [
    ...(isMarked ? [{ title: '', cell: ({ isSelected }: WatchRow): Span => (isSelected ? '▸' : ' ') }] : []),
    { title: '', cell: ({ sign }) => toned(sign.symbol, sign.tone) },
    { title: 'node', cell: nameCell },
    ...NODE_COLUMNS.map(
      (column): Column<WatchRow> => ({
        ...column,
        dispensable: DISPENSABLE[column.title],
        cell: ({ node }) => column.cell(node),
      }),
    ),
    {
      title: `lag, last ${sparks} s`,
      dispensable: DISPENSABLE['sparks'],
      cell: ({ node, lagMs }) =>
        node.role === 'standby' ? lagLine(lagMs.slice(-sparks)).padStart(sparks) : '',
    },
    {
      title: 'round trip',
      isRight: true,
      dispensable: DISPENSABLE['round trip'],
      cell: ({ node }) => orUnknown(node.latencyMs, msText),
    },
    {
      title: 'connections',
      isRight: true,
      dispensable: DISPENSABLE['connections'],
      cell: ({ node }) => connectionsCell(node),
    },
    {
      title: 'tx/s',
      isRight: true,
      dispensable: DISPENSABLE['tx/s'],
      cell: ({ perSecond }) => orUnknown(perSecond, (value) => String(Math.round(value))),
    },
  ];
}

/** A lag of nothing is a line at the bottom: it was measured. */
function lagLine(lagMs: WatchRow['lagMs']): string {
  const shown = lagMs.map((ms) => (ms === undefined ? undefined : Math.max(ms, SMALL_LAG_MS / 100)));
  return sparkline(shown, SMALL_LAG_MS);
}

function nameCell({ node, isSelected }: WatchRow): Span {
  const text = cutTo(node.node, LONGEST_NAME);
  return isSelected ? { tone: 'strong', text } : text;
}
