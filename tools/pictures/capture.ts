import type { IBufferCell, Terminal } from '@xterm/headless';
import type { TerminalRun } from '../lib/terminal-svg.ts';

/** Everything that a terminal emulator holds, what has scrolled away included, in runs that look alike. */
export function captured({
  buffer: { active },
}: Pick<Terminal, 'buffer'>): readonly (readonly TerminalRun[])[] {
  return Array.from({ length: active.length }, (_, row) => {
    const line = active.getLine(row);
    const cells = Array.from({ length: line?.length ?? 0 }, (__, column) => line?.getCell(column));
    return runsOf(cells.filter((cell) => cell !== undefined));
  });
}

function runsOf(cells: readonly IBufferCell[]): readonly TerminalRun[] {
  const runs: TerminalRun[] = [];
  for (const [column, cell] of cells.entries()) {
    const text = cell.getChars() || ' ';
    const style = styleOf(cell);
    const last = runs.at(-1);
    if (last !== undefined && isAlike(last, style))
      runs[runs.length - 1] = { ...last, text: last.text + text };
    else runs.push({ column, text, ...style });
  }
  return runs;
}

function styleOf(cell: IBufferCell): Omit<TerminalRun, 'column' | 'text'> {
  const color = cell.isFgPalette() ? cell.getFgColor() % 8 : undefined;
  return { color, isBold: cell.isBold() !== 0, isFaint: cell.isDim() !== 0 };
}

function isAlike(one: TerminalRun, other: Omit<TerminalRun, 'column' | 'text'>): boolean {
  return one.color === other.color && one.isBold === other.isBold && one.isFaint === other.isFaint;
}
