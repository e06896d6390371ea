import { type Line, type Span, spanWidth } from './line.ts';
import type { Output } from './output.ts';
import { widthOf } from './width.ts';

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Span;
  /** Whether its cells end at the same place, as numbers do. Default `false`. */
  readonly isRight?: boolean | undefined;
  /** If the terminal is too narrow, the column with the highest number is left out first. Default: it stays. */
  readonly dispensable?: number | undefined;
}

const GAP = '  ';

/** Writes rows below the titles of their columns, as many columns as there is room for. */
export function writeTable<Row>(output: Output, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  for (const line of tableLines(columns, rows, output.columns)) output.line(...line);
}

/** The lines of such a table: the titles, then each row. Pure. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  room: number,
): readonly Line[] {
  const shown = fitting(columns, rows, room);
  const widths = shown.map((column) => columnWidth(column, rows));
  const line = (cells: readonly Span[]): Line =>
    cells.flatMap((cell, index): Span[] => {
      const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - spanWidth(cell)));
      const gap = index === 0 ? '' : GAP;
      return shown[index]?.isRight === true ? [gap, blanks, cell] : [gap, cell, blanks];
    });
  return [
    line(shown.map(({ title }) => ({ tone: 'faint', text: title }))),
    ...rows.map((row) => line(shown.map(({ cell }) => cell(row)))),
  ];
}

function fitting<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  room: number,
): readonly Column<Row>[] {
  let shown = columns;
  while (totalWidth(shown, rows) > room) {
    const least = Math.max(...shown.map(({ dispensable = 0 }) => dispensable));
    if (least === 0) break;
    shown = shown.filter(({ dispensable }) => dispensable !== least);
  }
  return shown;
}

function totalWidth<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  return columns.reduce((sum, column) => sum + columnWidth(column, rows) + GAP.length, -GAP.length);
}

function columnWidth<Row>({ title, cell }: Column<Row>, rows: readonly Row[]): number {
  return Math.max(widthOf(title), ...rows.map((row) => spanWidth(cell(row))));
}
