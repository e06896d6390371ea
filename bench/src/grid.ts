/** A column of a table for people; its head may take two lines. */
export interface Column<R> {
  readonly head: readonly [string, string];
  readonly cell: (row: R) => string;
  readonly align: 'left' | 'right';
}

/** A column of words. */
export function left<R>(head: readonly [string, string], cell: (row: R) => string): Column<R> {
  return { head, cell, align: 'left' };
}

/** A column of numbers. */
export function right<R>(head: readonly [string, string], cell: (row: R) => string): Column<R> {
  return { head, cell, align: 'right' };
}

/** Lines of even columns. */
export function renderGrid<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const grid = [
    columns.map((column) => column.head[0]),
    columns.map((column) => column.head[1]),
    ...rows.map((row) => columns.map((column) => column.cell(row))),
  ];
  const widths = columns.map((_column, index) => Math.max(...grid.map((line) => line[index]?.length ?? 0)));
  return grid
    .map((line) =>
      line.map((cell, index) => padded(cell, widths[index] ?? 0, columns[index]?.align)).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function padded(cell: string, width: number, align: Column<unknown>['align'] | undefined): string {
  return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
}
