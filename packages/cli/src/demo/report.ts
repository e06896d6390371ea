import { msText } from '../shell/numbers.ts';
import { type Paint, withoutColor } from '../shell/paint.ts';
import type { EventSummary, Failure } from './ledger.ts';
import { EVENT_WORDS } from './schedule.ts';
import { balances, type Verification } from './verify.ts';

/** The outcome of a demo. */
export interface DemoReport {
  readonly events: readonly EventSummary[];
  readonly failures: readonly Failure[];
  /** Acknowledged writes. */
  readonly acknowledged: number;
  /** Answered reads. */
  readonly answered: number;
  /** Calls that pgherd ran again. */
  readonly retried: number;
  readonly verification: Verification;
  /** The node from which everything was read back. */
  readonly verifiedOn: string;
  /** How long the workload ran, milliseconds. */
  readonly durationMs: number;
}

/** What `--json` prints. */
export interface DemoJson {
  readonly events: readonly {
    readonly name: string;
    readonly writeStallMs: number;
    readonly readStallMs: number;
    readonly failedWrites: number;
    readonly failedReads: number;
    readonly unknownOutcome: number;
  }[];
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly durationMs: number;
}

/** The report for programs; durations in whole milliseconds. */
export function toJson(report: DemoReport): DemoJson {
  return {
    events: report.events.map((event) => ({
      name: event.name,
      writeStallMs: Math.round(event.writeStallMs),
      readStallMs: Math.round(event.readStallMs),
      failedWrites: event.failedWrites,
      failedReads: event.failedReads,
      unknownOutcome: event.unknownOutcome,
    })),
    acknowledged: report.acknowledged,
    lost: report.verification.lost,
    duplicated: report.verification.duplicated,
    durationMs: Math.round(report.durationMs),
  };
}

/**
 * Whether every promise was kept. An unknown outcome breaks none: it is the truth about a write whose answer
 * was lost.
 */
export function isGood({ events, verification }: DemoReport): boolean {
  const failed = sum(events, (event) => event.failedWrites + event.failedReads);
  const { lost, duplicated, failedExecuted } = verification;
  return failed === 0 && lost === 0 && duplicated === 0 && failedExecuted === 0 && balances(verification);
}

/** The report for people, at most 80 columns wide. */
export function renderReport(report: DemoReport, paint: Paint = withoutColor): string {
  return [
    ...table(report.events, paint),
    '',
    ...totals(report),
    '',
    ...verdict(report, paint),
    ...failureLines(report.failures, paint),
  ].join('\n');
}

const NAME_WIDTH = 20;
const COLUMNS: readonly {
  readonly head: readonly [string, string];
  readonly width: number;
  readonly cell: (event: EventSummary) => string;
  readonly isBad: (event: EventSummary) => boolean;
}[] = [
  {
    head: ['writes', 'stood still'],
    width: 12,
    cell: (event) => msText(event.writeStallMs),
    isBad: () => false,
  },
  { head: ['slowest', 'write'], width: 9, cell: (event) => msText(event.slowestWriteMs), isBad: () => false },
  {
    head: ['reads', 'stood still'],
    width: 12,
    cell: (event) => msText(event.readStallMs),
    isBad: () => false,
  },
  { head: ['slowest', 'read'], width: 9, cell: (event) => msText(event.slowestReadMs), isBad: () => false },
  {
    head: ['failed', 'calls'],
    width: 8,
    cell: (event) => String(event.failedWrites + event.failedReads),
    isBad: (event) => event.failedWrites + event.failedReads > 0,
  },
  {
    head: ['', 'unknown'],
    width: 9,
    cell: (event) => String(event.unknownOutcome),
    isBad: () => false,
  },
];

function table(events: readonly EventSummary[], paint: Paint): string[] {
  const heads = [0, 1].map((line) => {
    const cells = COLUMNS.map(({ head, width }) => (head[line] ?? '').padStart(width));
    return paint('faint', `${''.padEnd(NAME_WIDTH)}${cells.join('')}`.trimEnd());
  });
  const rows = events.map((event) => {
    const cells = COLUMNS.map(({ width, cell, isBad }) => {
      const text = cell(event).padStart(width);
      return isBad(event) ? paint('bad', text) : text;
    });
    return `${EVENT_WORDS[event.name].title.padEnd(NAME_WIDTH)}${cells.join('')}`;
  });
  return [...heads, ...rows];
}

function totals(report: DemoReport): string[] {
  const seconds = report.durationMs / 1_000;
  const rate = (count: number) => `${Math.round(count / seconds)}/s`;
  const { acknowledged, answered, retried } = report;
  return [
    `${seconds.toFixed(1)} s, ${number(acknowledged)} writes acknowledged (${rate(acknowledged)}), ` +
      `${number(answered)} reads answered (${rate(answered)}).`,
    `Run again by pgherd, unseen by the callers: ${counted(retried, 'call')}.`,
  ];
}

function verdict(report: DemoReport, paint: Paint): string[] {
  const { verification, events, acknowledged, verifiedOn } = report;
  const failed = sum(events, (event) => event.failedWrites + event.failedReads);
  const { lost, duplicated, failedExecuted } = verification;
  const good = isGood(report);
  const headline =
    `${good ? 'All promises kept' : 'PROMISES BROKEN'}: ${counted(lost, 'acknowledged write')} lost, ` +
    `${number(duplicated)} done twice, ${counted(failed, 'call')} failed.`;
  const checked =
    `Checked by reading back all ${number(acknowledged)} acknowledged writes from ${verifiedOn}, past pgherd. ` +
    (balances(verification)
      ? 'The balances add up to what they were at the start.'
      : `The balances add up to ${verification.balance}, which is wrong.`);
  const tone = good ? 'good' : 'bad';
  return [
    ...wrapped(headline).map((line) => paint(tone, line)),
    ...wrapped(checked),
    ...(failedExecuted > 0
      ? wrapped(`${counted(failedExecuted, 'write')} reported as failed, but executed.`).map((line) =>
          paint('bad', line),
        )
      : []),
    ...wrapped(unknownSentence(report)),
  ];
}

function unknownSentence({ events, verification }: DemoReport): string {
  const unknown = sum(events, (event) => event.unknownOutcome);
  if (unknown === 0) return 'No write had an unknown outcome.';
  return (
    `${counted(unknown, 'write')} with an unknown outcome: the server was lost before it answered. ` +
    `Executed, according to the tables: ${number(verification.unknownExecuted)}. ` +
    'pgherd reports such a write and never guesses.'
  );
}

const SHOWN_REASONS = 8;

function failureLines(failures: readonly Failure[], paint: Paint): string[] {
  const counts = new Map<string, number>();
  for (const { kind, outcome, reason } of failures) {
    const line = `${kind} ${outcome}: ${reason}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  const reasons = [...counts].map(([line, count]) => `${count} × ${line}`);
  const rest = reasons.length - SHOWN_REASONS;
  const shown = [
    ...reasons.slice(0, SHOWN_REASONS),
    ...(rest > 0 ? [`and ${counted(rest, 'other reason')}`] : []),
  ];
  return shown.flatMap((line) => wrapped(line, '  ', '    ')).map((line) => paint('faint', line));
}

const COLUMNS_WIDE = 80;

/** Breaks a text between words into lines of at most 80 columns. */
function wrapped(text: string, firstIndent = '', indent = firstIndent): string[] {
  const lines: string[] = [];
  let line = firstIndent;
  for (const word of text.split(/\s+/)) {
    const isEmpty = line.trim() === '';
    if (!isEmpty && line.length + 1 + word.length > COLUMNS_WIDE) {
      lines.push(line);
      line = indent + word;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line];
}

function sum<T>(values: readonly T[], pick: (value: T) => number): number {
  return values.reduce((total, value) => total + pick(value), 0);
}

function counted(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
