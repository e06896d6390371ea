import type { Level } from './frame.ts';

const BARS = Object.freeze([' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']);

const UNKNOWN = '·';

/**
 * One character for each value, as high as the value is against the largest one, or against `atLeast` if that is larger. Zero is a blank, anything
 * above is not; what is unknown is a dot.
 */
export function sparkline(values: readonly (number | undefined)[], atLeast = 0): string {
  const most = Math.max(...values.filter((value) => value !== undefined), atLeast);
  return values
    .map((value) => {
      if (value === undefined) return UNKNOWN;
      const height = most === 0 ? 0 : Math.ceil((value / most) * (BARS.length - 1));
      return BARS[height] ?? ' ';
    })
    .join('');
}

/** The sign of each level of the time strip; the levels differ without colour too. */
export const LEVEL_SIGNS: Readonly<Record<Level, string>> = Object.freeze({
  future: '·',
  flowing: '█',
  pause: '▄',
  stall: '▁',
});

/** Neighbours of the same kind together, so that each needs one colour only. */
export function runsOf<T>(values: readonly T[]): { readonly value: T; readonly count: number }[] {
  const runs: { value: T; count: number }[] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last !== undefined && last.value === value) last.count++;
    else runs.push({ value, count: 1 });
  }
  return runs;
}

/** A label and the column it should start in. */
export interface Mark {
  readonly column: number;
  readonly label: string;
}

/**
 * One line with each label in its column; what would touch or overwrite an earlier one, or leave the line, is
 * left out.
 */
export function lineOfMarks(marks: readonly Mark[], width: number): string {
  let line = '';
  for (const { column, label } of marks) {
    const isFree = column === 0 ? line.length === 0 : column > line.length;
    if (isFree && column + label.length <= width) line = line.padEnd(column) + label;
  }
  return line;
}

const STEPS_S = Object.freeze([1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200]);
/** Columns between two ticks of the axis, at least. */
const TICK_COLUMNS = 9;

/** Ticks of a time axis from 0 to `durationMs`, at round seconds. */
export function axisMarks(durationMs: number, width: number): Mark[] {
  const seconds = durationMs / 1_000;
  const step = STEPS_S.find((one) => (one / seconds) * width >= TICK_COLUMNS) ?? seconds;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => ({
    column: Math.round(((index * step) / seconds) * width),
    label: `${index * step} s`,
  }));
}
