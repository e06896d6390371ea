import type { ClusterStats, Lag, NodeDescription, Role, TopologyDescription } from 'pgherd';
import { bytesText, msText } from '../shell/numbers.ts';
import type { Tone } from '../shell/paint.ts';
import type { EventStart, Ledger } from './ledger.ts';
import type { PlannedEvent } from './schedule.ts';
import { percentile, type Series } from './series.ts';

/** Something that was said, and when, milliseconds since the workload began. */
export interface LogLine {
  readonly atMs: number;
  /** Who says it: the one that does things to the servers, or pgherd that notices. */
  readonly by: 'demo' | 'pgherd';
  readonly text: string;
}

/** One node as a line of a table. */
export interface NodeRow {
  readonly symbol: string;
  readonly tone: Tone;
  readonly name: string;
  readonly role: string;
  readonly health: string;
  readonly standing: string;
  readonly timeline: string;
  readonly lag: string;
  readonly connections: number;
  readonly inFlight: number;
}

/** Rate and latency of one kind of call. */
export interface RateRow {
  readonly label: 'writes' | 'reads';
  /** Calls answered in the last second. */
  readonly perSecond: number;
  /** Over the last five seconds, milliseconds. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Calls in each of the last whole seconds, oldest first. */
  readonly history: readonly number[];
  readonly series: Series;
}

/** All that is shown at one moment. */
export interface Frame {
  /** Milliseconds since the workload began. */
  readonly atMs: number;
  readonly durationMs: number;
  readonly nodes: readonly NodeRow[];
  readonly rates: readonly RateRow[];
  readonly planned: readonly PlannedEvent[];
  readonly started: readonly EventStart[];
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Calls that pgherd has run again. */
  readonly retried: number;
  /** Newest last. */
  readonly log: readonly LogLine[];
}

/** Seconds that the history of a rate goes back. */
export const HISTORY_SECONDS = 40;
const LATENCY_WINDOW_MS = 5_000;

/** The part of a frame that comes from the books. */
export function ratesOf(ledger: Ledger, atMs: number): RateRow[] {
  return [rateOf('writes', ledger.writes, atMs), rateOf('reads', ledger.reads, atMs)];
}

function rateOf(label: RateRow['label'], series: Series, atMs: number): RateRow {
  const durations = series.durationsBetween(atMs - LATENCY_WINDOW_MS, atMs);
  const wholeSeconds = Math.floor(atMs / 1_000);
  const from = Math.max(0, wholeSeconds - HISTORY_SECONDS);
  const seconds = Array.from({ length: wholeSeconds - from }, (_, index) => from + index);
  return {
    label,
    perSecond: series.countBetween(atMs - 1_000, atMs),
    p50Ms: percentile(durations, 0.5),
    p99Ms: percentile(durations, 0.99),
    history: seconds.map((second) => series.countBetween(second * 1_000, (second + 1) * 1_000)),
    series,
  };
}

/** The nodes as lines of a table; `nameOf` turns `host:port` into the name a person knows. */
export function nodeRows(
  topology: TopologyDescription,
  stats: ClusterStats,
  nameOf: (node: string) => string,
): NodeRow[] {
  return topology.nodes.map((node) => {
    const numbers = stats.nodes.find((one) => one.node === node.name);
    return {
      ...signOf(node),
      name: nameOf(node.name),
      role: ROLE_WORDS[node.role],
      health: node.health,
      standing: node.standing,
      timeline: timelineOf(node),
      lag: node.role === 'standby' ? lagText(node.lag) : '-',
      connections: numbers?.pool.size ?? 0,
      inFlight: numbers?.inFlight ?? 0,
    };
  });
}

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  primary: 'primary',
  'primary-read-only': 'read-only',
  standby: 'standby',
  unknown: 'unknown',
};

/** The sign of a node, by what is known of it. */
export function signOf(node: Pick<NodeDescription, 'role' | 'health' | 'standing'>): {
  readonly symbol: string;
  readonly tone: Tone;
} {
  if (node.health === 'offline') return { symbol: '×', tone: 'bad' };
  if (node.standing !== 'current') return { symbol: '!', tone: 'bad' };
  if (node.health === 'suspect') return { symbol: '?', tone: 'warning' };
  switch (node.role) {
    case 'primary':
      return { symbol: '●', tone: 'good' };
    case 'standby':
      return { symbol: '○', tone: 'plain' };
    case 'primary-read-only':
      return { symbol: '◐', tone: 'warning' };
    case 'unknown':
      return { symbol: '?', tone: 'faint' };
    default:
      return node.role satisfies never;
  }
}

function timelineOf(node: NodeDescription): string {
  if (node.timeline !== undefined) return String(node.timeline);
  return node.timelineAtLeast === undefined ? '?' : `≥ ${node.timelineAtLeast}`;
}

function lagText({ bytes, ms }: Lag): string {
  if (bytes === undefined && ms === undefined) return '?';
  const size = bytes === undefined ? '' : bytesText(bytes);
  const age = ms === undefined ? '' : msText(ms);
  return [size, age].filter((part) => part !== '').join(' ');
}

/**
 * How a part of the time strip went: not yet, answers all along, or a longest silence that was short or long.
 */
export type Level = 'future' | 'flowing' | 'pause' | 'stall';

const PAUSE_MS = 150;
const STALL_MS = 600;

/** The time from 0 to `durationMs` in so many cells, each marked by the longest silence that touches it. */
export function stripOf(series: Series, atMs: number, durationMs: number, cells: number): Level[] {
  const cellMs = Math.max(durationMs, atMs) / cells;
  return Array.from({ length: cells }, (_, cell) => {
    const fromMs = cell * cellMs;
    if (fromMs >= atMs) return 'future';
    const gap = series.longestGap(fromMs, Math.min(fromMs + cellMs, atMs), atMs);
    if (gap >= STALL_MS) return 'stall';
    return gap >= PAUSE_MS ? 'pause' : 'flowing';
  });
}
