import { scaleLinear, scaleLog } from 'd3-scale';
import { CLIENTS } from '../clients.ts';
import { SCENARIOS } from '../scenarios.ts';
import type { Summary } from '../summary.ts';
import { gridLine, type Panel, renderPanels } from './panels.ts';
import { element, text } from './svg.ts';

/** Of the axis of times, ms. */
const SHORTEST_MS = 1;
const LONGEST_MS = 10_000;
const MARKS: readonly (readonly [number, string])[] = [
  [1, '1 ms'],
  [10, '10 ms'],
  [100, '100 ms'],
  [1_000, '1 s'],
];
/** Where clients stand that never wrote, px from the right edge. */
const NEVER = 34;

/** One row of each scenario: the first write after the promotion, from the median to the worst trial. */
export function firstWriteChart(rows: readonly Summary[]): string {
  return renderPanels({
    title:
      'Time from the promotion to the first write, by scenario and client: the dot is the median, the line ends at the worst trial.',
    ...gridOf(rows),
    legend: [
      text(
        'from the promotion to the first write: median (dot) and worst trial (end of the line)',
        0,
        16,
        'small',
      ),
    ],
    draw: (scenario, room) => {
      const scale = scaleLog([SHORTEST_MS, LONGEST_MS], [room.left, room.left + room.width - NEVER]).clamp(
        true,
      );
      const grid = MARKS.flatMap(([ms, label]) => gridLine(room, scale(ms), label));
      const marks = rows
        .filter((row) => row.scenario === scenario)
        .flatMap((row) => firstWrite(row, room, (ms) => scale(Math.max(SHORTEST_MS, ms))));
      return [...grid, ...marks];
    },
  });
}

function firstWrite({ client, firstWriteMs }: Summary, room: Panel, xOf: (ms: number) => number): string[] {
  const { median, max } = firstWriteMs;
  const y = room.middleOf(client);
  const edge = room.left + room.width;
  if (median === null) return [text('never', edge, y + 4, 'small end words bad')];
  const style = client === 'pgherd' ? ' good' : '';
  const end = max === null ? edge : xOf(max);
  const dashes = max === null ? ' dashed' : '';
  return [
    element('path', {
      class: `line${style}${dashes}`,
      d: `M${xOf(median).toFixed(1)} ${y} H${end.toFixed(1)}`,
    }),
    element('circle', { class: `dot${style}`, cx: xOf(median), cy: y, r: 4 }),
  ];
}

/** Parts of a row of the chart of calls: what became of those that were not simply acknowledged. */
const PARTS: readonly {
  readonly style: string;
  readonly label: string;
  readonly count: (row: Summary) => number;
}[] = [
  { style: 'bar solid', label: 'failed for certain', count: ({ failedRetryable }) => failedRetryable },
  { style: 'bar solid wait', label: 'outcome unknown', count: ({ unknownOutcome }) => unknownOutcome },
  {
    style: 'bar solid bad',
    label: 'acknowledged on the lower timeline',
    count: ({ staleAcknowledged }) => staleAcknowledged,
  },
];

/** One row of each scenario: the share of calls that failed, or were acknowledged where they are lost. */
export function callsChart(rows: readonly Summary[]): string {
  return renderPanels({
    title:
      'Share of the calls that failed, whose outcome is unknown, or that were acknowledged on the lower timeline.',
    ...gridOf(rows),
    legend: [text('share of all calls:', 0, 16, 'small'), ...PARTS.flatMap(legendOf)],
    draw: (scenario, room) => {
      const scale = scaleLinear([0, 1], [room.left, room.left + room.width - NEVER]);
      const grid = [0, 0.5, 1].flatMap((share) => gridLine(room, scale(share), `${share * 100} %`));
      const bars = rows.filter((row) => row.scenario === scenario).flatMap((row) => barsOf(row, room, scale));
      return [...grid, ...bars];
    },
  });
}

function legendOf({ style, label }: (typeof PARTS)[number], index: number): string[] {
  const x = [112, 236, 366][index] ?? 0;
  return [
    element('rect', { class: style, x, y: 7, width: 10, height: 10 }),
    text(label, x + 14, 16, 'small'),
  ];
}

function barsOf(row: Summary, room: Panel, xOf: (share: number) => number): string[] {
  const y = room.middleOf(row.client);
  let before = 0;
  const bars = PARTS.flatMap(({ style, count }) => {
    const from = before;
    before += count(row) / Math.max(1, row.calls);
    if (before === from) return [];
    return [
      element('rect', { class: style, x: xOf(from), y: y - 5, width: xOf(before) - xOf(from), height: 10 }),
    ];
  });
  const style = row.client === 'pgherd' ? 'small words good' : 'small';
  return [...bars, text(percent(before), xOf(before) + 4, y + 4, style)];
}

function percent(share: number): string {
  if (share === 0) return '0';
  return share < 0.1 ? `${(share * 100).toFixed(1)} %` : `${Math.round(share * 100)} %`;
}

function gridOf(rows: readonly Summary[]) {
  return {
    rows: CLIENTS.map(({ name }) => name).filter((name) => rows.some((row) => row.client === name)),
    panels: SCENARIOS.map(({ name }) => name).filter((name) => rows.some((row) => row.scenario === name)),
    columns: 2,
    heading: (scenario: string) => scenario,
  };
}
