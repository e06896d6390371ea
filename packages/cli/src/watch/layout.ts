import { cutLine, type Line, spreadLine } from '../shell/line.ts';
import { tableLines } from '../shell/table.ts';
import { STATUS_TONES, toned } from '../status/text.ts';
import { detailLines } from './details.ts';
import { KEY_HELP } from './keys.ts';
import { nodeColumns, type WatchRow, watchRows } from './nodes.ts';
import type { Level, LogLine, WatchState } from './state.ts';

/** How much room there is, in characters. */
export interface Room {
  readonly columns: number;
  readonly rows: number;
}

/** The smallest terminal that the picture makes sense in. */
export const SMALLEST: Room = Object.freeze({ columns: 40, rows: 6 });
/** Lines with reasons that are shown above the table; the log has them all. */
const MOST_REASONS = 3;
/** Lines of the log that stay on the terminal at the end. */
const LAST_LOG_LINES = 10;

const EMPTY: Line = [];
const KEYS: Line = [{ tone: 'faint', text: 'q quit   ↑↓ select   Enter details   p pause   ? help' }];

/** The whole screen: exactly as many lines as there are rows, none wider than the columns. Pure. */
export function layout(state: WatchState, room: Room): readonly Line[] {
  const { columns, rows } = room;
  const lines =
    columns < SMALLEST.columns || rows < SMALLEST.rows ? tooSmall(state, room) : fitted(state, room);
  const cut = lines.slice(0, rows).map((line) => cutLine(line, columns));
  return [...cut, ...blankLines(rows - cut.length)];
}

/** What stays on the terminal at the end. Pure. */
export function lastLines(state: WatchState, columns: number): readonly Line[] {
  const rows = watchRows(state, undefined);
  return [
    header(state, columns),
    ...verdict(state, MOST_REASONS),
    EMPTY,
    ...tableLines(nodeColumns(columns), rows, columns),
    ...(state.log.length === 0 ? [] : [EMPTY, ...logLines(state.log, LAST_LOG_LINES)]),
  ].map((line) => cutLine(line, columns));
}

function tooSmall(state: WatchState, { columns, rows }: Room): readonly Line[] {
  const least = `${SMALLEST.columns} × ${SMALLEST.rows}`;
  return [[`${columns} × ${rows} is too small, ${least} at least`], ...verdict(state, rows)];
}

function fitted(state: WatchState, { columns, rows }: Room): readonly Line[] {
  // Reasons only where table and log have room besides.
  const isRoomy = rows >= SMALLEST.rows + 2 + MOST_REASONS + (state.sample?.nodes.length ?? 0);
  const top = [header(state, columns), ...verdict(state, isRoomy ? MOST_REASONS : 0)];
  const gap = isRoomy ? [EMPTY] : [];
  const all = watchRows(state, state.selected);
  const nodes = windowOf(all, Math.max(1, rows - top.length - 2 * gap.length - 2));
  const table = tableLines(nodeColumns(columns, all), nodes, columns);
  const room = rows - top.length - 2 * gap.length - table.length - 1;
  const lower = [...lowerPart(state, columns, room)].slice(0, Math.max(0, room));
  return [
    ...top,
    ...gap,
    ...table,
    ...gap,
    ...lower,
    ...blankLines(room - lower.length),
    footer(all, nodes, columns),
  ];
}

/** The keys, and which nodes are shown if not all of them are. */
function footer(all: readonly WatchRow[], shown: readonly WatchRow[], columns: number): Line {
  const [head] = shown;
  const first = head === undefined ? 0 : all.indexOf(head) + 1;
  const which = `nodes ${first} to ${first + shown.length - 1} of ${all.length}`;
  return spreadLine(KEYS, shown.length === all.length ? [] : [toned(which, 'faint')], columns);
}

function header({ title, startedAt, sample, pausedOn }: WatchState, columns: number): Line {
  const at = sample?.at ?? startedAt;
  const clock = `${Math.max(0, Math.round((at - startedAt) / 1_000))} s   ${clockText(at)}`;
  return spreadLine(
    [{ tone: 'strong', text: 'pgherd watch' }, `   ${title}`],
    pausedOn === undefined ? [clock] : [toned('paused', 'warning'), `   ${clock}`],
    columns,
  );
}

function verdict({ sample }: WatchState, mostReasons: number): readonly Line[] {
  if (sample === undefined) return [['…']];
  const { status, writable, reasons } = sample.status;
  const writes = writable === null ? 'no node takes writes' : `writes go to ${writable}`;
  const more = reasons.length > mostReasons ? [`; ${reasons.length - mostReasons} more reasons`] : [];
  const said: Line = [toned(status, STATUS_TONES[status]), `: ${writes}`];
  if (mostReasons === 0) return [reasons.length === 0 ? said : [...said, `; ${reasons[0]}`]];
  return [
    [...said, ...more],
    ...reasons.slice(0, mostReasons).map((reason): Line => [toned('  ! ', 'warning'), reason]),
  ];
}

/** As many rows as there is room for, with the selected one among them. */
function windowOf(rows: readonly WatchRow[], room: number): readonly WatchRow[] {
  const selected = Math.max(
    0,
    rows.findIndex(({ isSelected }) => isSelected),
  );
  const first = Math.min(Math.max(0, selected - Math.floor(room / 2)), Math.max(0, rows.length - room));
  return rows.slice(first, first + room);
}

function lowerPart(state: WatchState, columns: number, room: number): readonly Line[] {
  switch (state.panel) {
    case 'none':
      return logLines(state.log, room);
    case 'help':
      return KEY_HELP.map(([keys, what]) => [{ tone: 'strong', text: keys.padEnd(12) }, what]);
    case 'details': {
      const details = detailLines(state, columns);
      const left = room - details.length - 1;
      return left < 1 ? details : [...details, EMPTY, ...logLines(state.log, left)];
    }
    default:
      return state.panel satisfies never;
  }
}

const LEVEL_TONES = { info: undefined, warn: 'warning', error: 'bad' } as const satisfies Record<
  Level,
  unknown
>;

function logLines(log: readonly LogLine[], most: number): readonly Line[] {
  if (most <= 0) return [];
  return log.length === 0 ? [[toned('Nothing has happened yet.', 'faint')]] : log.slice(-most).map(logLine);
}

/** A line of the log: time, and what happened. */
export function logLine({ at, level, text }: LogLine): Line {
  const tone = LEVEL_TONES[level];
  return [{ tone: 'faint', text: clockText(at) }, '  ', tone === undefined ? text : toned(text, tone)];
}

/** The time of day here. */
export function clockText(at: number): string {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

function blankLines(count: number): readonly Line[] {
  return Array.from({ length: Math.max(0, count) }, () => EMPTY);
}
