import { type Output, type Span, textOf } from './output.ts';

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
  const shown = fitting(columns, rows, output.columns);
  const widths = shown.map((column) => widthOf(column, rows));
  const line = (cells: readonly Span[]): void => {
    const spans = cells.flatMap((cell, index): Span[] => {
      const blanks = ' '.repeat(Math.max(0, (widths[index] ?? 0) - lengthOf(cell)));
      const gap = index === 0 ? '' : GAP;
      return shown[index]?.isRight === true ? [gap, blanks, cell] : [gap, cell, blanks];
    });
    output.line(...spans);
  };
  line(shown.map(({ title }) => ({ tone: 'faint', text: title })));
  for (const row of rows) line(shown.map(({ cell }) => cell(row)));
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
  return columns.reduce((sum, column) => sum + widthOf(column, rows) + GAP.length, -GAP.length);
}

function widthOf<Row>({ title, cell }: Column<Row>, rows: readonly Row[]): number {
  return Math.max(lengthOf(title), ...rows.map((row) => lengthOf(cell(row))));
}

function lengthOf(span: Span): number {
  return [...textOf(span)].length;
}
