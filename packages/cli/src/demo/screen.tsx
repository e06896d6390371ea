import { Box, Text } from 'ink';
import type { ReactElement } from 'react';
import { msText, secondsText } from '../shell/numbers.ts';
import type { Tone } from '../shell/paint.ts';
import { axisMarks, LEVEL_SIGNS, lineOfMarks, runsOf, sparkline } from './chart.ts';
import { type Frame, type Level, type RateRow, stripOf } from './frame.ts';
import { logText } from './plain.ts';
import { EVENT_WORDS, type EventName } from './schedule.ts';
import { NodeTable } from './screen-nodes.tsx';
import { toneProps } from './tone.ts';

/** What the screen shows, and how much room it has. */
export interface ScreenProps {
  readonly frame: Frame;
  readonly columns: number;
  readonly rows: number;
}

/** Lines of everything but the log, without the blank ones. */
const FIXED_ROWS = 14;
const BLANK_ROWS = 5;
/** Lines of the log below which the blank lines are given up. */
const FEW_LOG_ROWS = 3;
const NARROW = 66;

/** The smallest terminal that the picture makes sense in. */
export const SMALLEST = Object.freeze({ columns: 50, rows: FIXED_ROWS + 1 });

/** The whole picture, at most `rows - 1` lines high: a full screen would be cleared at every frame. */
export function Screen({ frame, columns, rows }: ScreenProps): ReactElement {
  const room = rows - 1 - FIXED_ROWS;
  const isAiry = room - BLANK_ROWS >= FEW_LOG_ROWS;
  const logRows = Math.max(0, isAiry ? room - BLANK_ROWS : room);
  const gap = isAiry ? <Text> </Text> : null;
  return (
    <Box flexDirection="column" width={columns}>
      <Header frame={frame} columns={columns} />
      {gap}
      <NodeTable nodes={frame.nodes} columns={columns} />
      {gap}
      {frame.rates.map((rate) => (
        <Rate key={rate.label} rate={rate} columns={columns} />
      ))}
      {gap}
      <Strip frame={frame} columns={columns} />
      {gap}
      <Totals frame={frame} />
      {gap}
      {lastOf(frame.log, logRows).map((line) => (
        <Text key={`${line.atMs} ${line.text}`} wrap="truncate" dimColor={line.by === 'pgherd'}>
          {logText(line)}
        </Text>
      ))}
    </Box>
  );
}

function Header({ frame, columns }: { readonly frame: Frame; readonly columns: number }): ReactElement {
  const clock = `${secondsText(frame.atMs)} s of ${Math.round(frame.durationMs / 1_000)} s`;
  const current = frame.started.at(-1)?.name;
  return (
    <>
      <Box justifyContent="space-between" width={columns}>
        <Text bold wrap="truncate">
          {columns < NARROW ? 'pgherd demo' : 'pgherd demo: transfers and reads while servers die'}
        </Text>
        <Text>{clock}</Text>
      </Box>
      <Text color="cyan" wrap="truncate">
        {current === undefined ? ' ' : EVENT_WORDS[current].sentence}
      </Text>
    </>
  );
}

function Rate({ rate, columns }: { readonly rate: RateRow; readonly columns: number }): ReactElement {
  const numbers =
    `${rate.label.padEnd(7)}${`${rate.perSecond}/s`.padStart(7)}` +
    `   p50 ${orDash(rate.p50Ms).padStart(7)}   p99 ${orDash(rate.p99Ms).padStart(7)}   `;
  const room = Math.max(0, columns - numbers.length - 1);
  return (
    <Text wrap="truncate">
      {numbers}
      <Text color="green">{room === 0 ? '' : sparkline(rate.history.slice(-room))}</Text>
    </Text>
  );
}

const LABEL_WIDTH = 8;

function Strip({ frame, columns }: { readonly frame: Frame; readonly columns: number }): ReactElement {
  const width = Math.max(10, columns - LABEL_WIDTH - 1);
  const durationMs = Math.max(frame.durationMs, frame.atMs);
  const column = (atMs: number): number => Math.round((atMs / durationMs) * width);
  const numbered = frame.planned.filter(({ name }) => name !== 'undisturbed');
  const marks = numbered.map(({ name, atMs }, index) => {
    const begun = frame.started.find((start) => start.name === name);
    return { column: column(begun?.atMs ?? atMs), label: String(index + 1) };
  });
  return (
    <>
      {frame.rates.map(({ label, series }) => (
        <Text key={label} wrap="truncate">
          {label.padEnd(LABEL_WIDTH)}
          <Cells levels={stripOf(series, frame.atMs, durationMs, width)} />
        </Text>
      ))}
      <Text wrap="truncate">
        {' '.repeat(LABEL_WIDTH)}
        {lineOfMarks(marks, width)}
      </Text>
      <Text dimColor wrap="truncate">
        {' '.repeat(LABEL_WIDTH)}
        {lineOfMarks(axisMarks(durationMs, width), width)}
      </Text>
      <Legend names={numbered.map(({ name }) => name)} frame={frame} />
    </>
  );
}

const LEVEL_TONES: Readonly<Record<Level, Tone>> = {
  future: 'faint',
  flowing: 'good',
  pause: 'warning',
  stall: 'bad',
};

function Cells({ levels }: { readonly levels: readonly Level[] }): ReactElement {
  const runs = runsOf(levels);
  return (
    <>
      {runs.map(({ value, count }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: runs have no identity but their place.
        <Text key={index} {...toneProps(LEVEL_TONES[value])}>
          {LEVEL_SIGNS[value].repeat(count)}
        </Text>
      ))}
    </>
  );
}

/** The numbered events: what has been is faint, what goes on is bold. */
function Legend({
  names,
  frame,
}: {
  readonly names: readonly EventName[];
  readonly frame: Frame;
}): ReactElement {
  const current = frame.started.at(-1)?.name;
  const begun = new Set(frame.started.map(({ name }) => name));
  return (
    <Text wrap="truncate">
      {names.map((name, index) => (
        <Text key={name} bold={name === current} dimColor={name !== current && begun.has(name)}>
          {`${index === 0 ? '' : '  '}${index + 1} ${SHORT[name]}`}
        </Text>
      ))}
    </Text>
  );
}

const SHORT: Readonly<Record<EventName, string>> = {
  undisturbed: '',
  'standby-lost': 'lost',
  'standby-back': 'back',
  switchover: 'switchover',
  'primary-killed': 'killed',
  'old-primary-rejoined': 'rejoined',
  'primary-frozen': 'frozen',
  'thawed-and-rejoined': 'thawed',
};

function Totals({ frame }: { readonly frame: Frame }): ReactElement {
  const { acknowledged, failed, unknown, retried } = frame;
  return (
    <Text wrap="truncate">
      {`acknowledged ${acknowledged}   `}
      <Text {...toneProps(failed > 0 ? 'bad' : 'good')}>{`failed ${failed}`}</Text>
      {'   '}
      <Text {...(unknown > 0 ? toneProps('warning') : {})}>{`outcome unknown ${unknown}`}</Text>
      {`   run again by pgherd ${retried}`}
    </Text>
  );
}

function lastOf<T>(values: readonly T[], count: number): readonly T[] {
  return count === 0 ? [] : values.slice(-count);
}

function orDash(ms: number | undefined): string {
  return ms === undefined ? '-' : msText(ms);
}
