import { left, renderGrid, right } from './grid.ts';
import { median } from './statistics.ts';
import type { OTHER_BUILD, PeerName, SubjectName } from './throughput-contenders.ts';
import { leastRatio, mostP95Ratio, mostP99Ratio } from './throughput-targets.ts';
import type { Cell, Sample } from './throughput-works.ts';

/** A subject and a peer, one after the other. */
export interface Round {
  readonly subject: Sample;
  readonly peer: Sample;
}

/** One pair in one cell: an element of what `--json` prints. */
export interface PairSummary extends Cell {
  readonly subject: SubjectName;
  readonly peer: PeerName | typeof OTHER_BUILD;
  /** The subject's statements per second over the peer's: the median of the rounds' ratios. */
  readonly ratio: number;
  /** The same of the 99th percentiles: below 1 is better. */
  readonly p99Ratio: number;
  /** The same of the 95th percentiles. */
  readonly p95Ratio: number;
  /** The same of the client's processor time for each statement. */
  readonly clientRatio: number;
  readonly runs: number;
  /** Medians of statements per second. */
  readonly subjectPerSecond: number;
  readonly peerPerSecond: number;
  readonly subjectP99Ms: number;
  readonly peerP99Ms: number;
  /** Processor time of the client's process for each statement, µs, medians. */
  readonly subjectClientUs: number;
  readonly peerClientUs: number;
  /** What the limit was made of; absent for other peers. */
  readonly arrangement?: string | undefined;
  /** Of the machine over the last minute, when the cell began. */
  readonly loadAverage: number;
}

/** What is known of a pair besides its rounds. */
export type PairLabels = Cell & Pick<PairSummary, 'subject' | 'peer' | 'arrangement' | 'loadAverage'>;

/**
 * Sums up the rounds of a pair. Each ratio is of two neighbours in time, so that what the machine does
 * besides falls on both.
 */
export function summarizePair(labels: PairLabels, rounds: readonly Round[]): PairSummary {
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick)) ?? Number.NaN;
  const { work, callers, subject, peer, arrangement, loadAverage } = labels;
  return {
    work,
    callers,
    subject,
    peer,
    ratio: rounded(
      middle((round) => round.subject.perSecond / round.peer.perSecond),
      3,
    ),
    p99Ratio: rounded(
      middle((round) => round.subject.p99Ms / round.peer.p99Ms),
      3,
    ),
    p95Ratio: rounded(
      middle((round) => round.subject.p95Ms / round.peer.p95Ms),
      3,
    ),
    clientRatio: rounded(
      middle((round) => round.subject.clientUs / round.peer.clientUs),
      3,
    ),
    runs: rounds.length,
    subjectPerSecond: Math.round(middle((round) => round.subject.perSecond)),
    peerPerSecond: Math.round(middle((round) => round.peer.perSecond)),
    subjectP99Ms: rounded(
      middle((round) => round.subject.p99Ms),
      3,
    ),
    peerP99Ms: rounded(
      middle((round) => round.peer.p99Ms),
      3,
    ),
    subjectClientUs: rounded(
      middle((round) => round.subject.clientUs),
      1,
    ),
    peerClientUs: rounded(
      middle((round) => round.peer.clientUs),
      1,
    ),
    ...(arrangement === undefined ? {} : { arrangement }),
    loadAverage: rounded(loadAverage, 2),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** A table for people; what misses its target has a `!`. */
export function renderPairs(rows: readonly PairSummary[]): string {
  return renderGrid<PairSummary>(
    [
      left(['', 'work'], (row) => row.work),
      right(['', 'callers'], (row) => String(row.callers)),
      left(['', 'subject'], (row) => row.subject),
      left(
        ['', 'against'],
        (row) => row.peer + (row.arrangement === undefined ? '' : `: ${row.arrangement}`),
      ),
      right(['', 'ratio'], (row) => judged(row.ratio, leastRatio(row), 1)),
      right(['', 'target'], (row) => leastRatio(row)?.toFixed(2) ?? ''),
      right(['p99', 'ratio'], (row) => judged(row.p99Ratio, mostP99Ratio(row), -1)),
      right(['p95', 'ratio'], (row) => judged(row.p95Ratio, mostP95Ratio(row), -1)),
      right(['statements/s', 'subject'], (row) => String(row.subjectPerSecond)),
      right(['', 'peer'], (row) => String(row.peerPerSecond)),
      right(['p99 ms', 'subject'], (row) => row.subjectP99Ms.toFixed(2)),
      right(['', 'peer'], (row) => row.peerP99Ms.toFixed(2)),
      right(['client µs', 'subject'], (row) => row.subjectClientUs.toFixed(1)),
      right(['', 'peer'], (row) => row.peerClientUs.toFixed(1)),
      right(['', 'ratio'], (row) => row.clientRatio.toFixed(2)),
      right(['', 'runs'], (row) => String(row.runs)),
      right(['load', 'average'], (row) => row.loadAverage.toFixed(1)),
    ],
    rows,
  );
}

/** `sign` 1: the bound is a least value; -1: a greatest. */
function judged(value: number, bound: number | undefined, sign: 1 | -1): string {
  const missed = bound !== undefined && sign * value < sign * bound;
  return `${missed ? '! ' : ''}${value.toFixed(2)}`;
}
