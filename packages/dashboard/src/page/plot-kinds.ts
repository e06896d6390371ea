import type { Column, NodeSeries, Series } from '../model/message.ts';
import type { NodeColors } from './colors.ts';
import { bytesText, countText, msText } from './format.ts';
import type { State } from './state.ts';

/** One line of a plot. */
export interface Line {
  readonly label: string;
  /** Name of a colour of the style. */
  readonly color: string;
  readonly values: Column;
}

/** What kind of numbers a plot has. */
export interface Measure {
  readonly text: (value: number | null | undefined) => string;
  /** The upper end of the scale is at least this. */
  readonly least: number;
  /** Steps of the scale; default: round decimal ones. */
  readonly steps?: number[] | undefined;
}

const COUNTS: Measure = { text: countText, least: 1 };
const DURATIONS: Measure = { text: msText, least: 1 };
const SIZES: Measure = {
  text: bytesText,
  least: 1_024,
  steps: Array.from({ length: 44 }, (_, power) => 2 ** power),
};

/** A plot, whatever it shows. */
export interface PlotKind {
  readonly title: string;
  /** What its numbers are. */
  readonly unit: string;
  /** Whether it shows what only servers say. */
  readonly of: 'process' | 'servers' | 'both';
  readonly measure: Measure;
  lines(state: State, colors: NodeColors): readonly Line[];
}

const clusterLines =
  (entries: readonly (readonly [series: Series, label: string, color: string])[]) =>
  ({ history }: State): readonly Line[] =>
    entries.map(([series, label, color]) => ({ label, color, values: history.cluster[series] }));

const nodeLines =
  (series: NodeSeries) =>
  ({ history }: State, colors: NodeColors): readonly Line[] =>
    [...history.nodes].flatMap(([label, columns]) => {
      const values = columns[series];
      if (!values.some((value) => value !== null)) return [];
      return [{ label, color: `--node-${colors.indexOf(label)}`, values }];
    });

/** The plots in their order. */
export const PLOTS: readonly PlotKind[] = [
  {
    title: 'Statements',
    unit: 'per second, of this process',
    of: 'process',
    measure: COUNTS,
    lines: clusterLines([
      ['answered', 'answered', '--series-good'],
      ['failed', 'failed', '--series-bad'],
    ]),
  },
  {
    title: 'Transactions',
    unit: 'per second, of all clients of the database',
    of: 'servers',
    measure: COUNTS,
    lines: nodeLines('transactions'),
  },
  {
    title: 'Latency of calls',
    unit: 'waiting and retries included',
    of: 'process',
    measure: DURATIONS,
    lines: clusterLines([
      ['p50', 'p50', '--series-1'],
      ['p95', 'p95', '--series-2'],
      ['p99', 'p99', '--series-3'],
    ]),
  },
  {
    title: 'Lag',
    unit: 'age of what a standby shows',
    of: 'both',
    measure: DURATIONS,
    lines: nodeLines('lagMs'),
  },
  {
    title: 'Lag in bytes',
    unit: 'of the log',
    of: 'both',
    measure: SIZES,
    lines: nodeLines('lagBytes'),
  },
  {
    title: 'Connections of the pools',
    unit: 'of this process',
    of: 'process',
    measure: COUNTS,
    lines: clusterLines([
      ['used', 'used', '--series-1'],
      ['idle', 'idle', '--series-quiet'],
      ['waiting', 'calls that wait', '--series-bad'],
    ]),
  },
  {
    title: 'Connections of the servers',
    unit: 'of all clients',
    of: 'servers',
    measure: COUNTS,
    lines: nodeLines('connections'),
  },
  {
    title: 'Round trip of probes',
    unit: 'smoothed',
    of: 'both',
    measure: DURATIONS,
    lines: nodeLines('rttMs'),
  },
];
