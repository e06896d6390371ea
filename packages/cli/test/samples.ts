import type { Frame } from '../src/demo/frame.ts';
import { ratesOf } from '../src/demo/frame.ts';
import { type EventSummary, Ledger } from '../src/demo/ledger.ts';
import type { DemoReport } from '../src/demo/report.ts';
import { EVENT_NAMES, planSchedule } from '../src/demo/schedule.ts';
import { TOTAL_BALANCE } from '../src/demo/workload.ts';

/** Books of ten seconds: a write every 10 ms but for one second from 6 s on, a read every 5 ms. */
export function sampleLedger(): Ledger {
  const ledger = new Ledger();
  ledger.begin('undisturbed', 0);
  ledger.begin('standby-lost', 1_800);
  ledger.begin('primary-killed', 6_000);
  for (let atMs = 5; atMs < 10_000; atMs += 5) {
    if (atMs % 10 === 0 && (atMs < 6_000 || atMs >= 7_000)) ledger.writeAcknowledged(atMs, atMs, 4);
    ledger.readAnswered(atMs, 1);
  }
  return ledger;
}

/** A picture with a node of each kind. */
export function sampleFrame(change: Partial<Frame> = {}): Frame {
  const ledger = sampleLedger();
  const { events, durationMs } = planSchedule(20);
  const node = { standing: 'current', connections: 8, inFlight: 3, lag: '-', health: 'ok' } as const;
  return {
    atMs: 10_000,
    durationMs,
    nodes: [
      { ...node, symbol: '●', tone: 'good', name: 'node1', role: 'primary', timeline: '2' },
      {
        ...node,
        symbol: '○',
        tone: 'plain',
        name: 'node2',
        role: 'standby',
        timeline: '≥ 2',
        lag: '12 kB 1.5 ms',
      },
      {
        ...node,
        symbol: '×',
        tone: 'bad',
        name: 'node3',
        role: 'unknown',
        health: 'offline',
        standing: 'stale',
        timeline: '?',
      },
    ],
    rates: ratesOf(ledger, 10_000),
    planned: events,
    started: ledger.starts,
    acknowledged: 900,
    failed: 0,
    unknown: 2,
    retried: 5,
    log: Array.from({ length: 20 }, (_, index) => ({
      atMs: index * 500,
      by: index % 2 === 0 ? 'demo' : 'pgherd',
      text: `something happened, number ${index}`,
    })),
    ...change,
  };
}

/** A report of all events; `change` goes over the first one. */
export function sampleReport(change: Partial<EventSummary> = {}, rest: Partial<DemoReport> = {}): DemoReport {
  const events = EVENT_NAMES.map((name, index) => ({
    name,
    fromMs: index * 2_000,
    toMs: (index + 1) * 2_000,
    writeStallMs: 12.34 * (index + 1),
    readStallMs: 1_234.5,
    slowestWriteMs: 80,
    slowestReadMs: 9.5,
    writes: 1_000,
    reads: 2_000,
    failedWrites: 0,
    failedReads: 0,
    unknownOutcome: 0,
    ...(index === 0 ? change : {}),
  }));
  return {
    events,
    failures: [],
    acknowledged: 8_000,
    answered: 16_000,
    retried: 40,
    verification: { lost: 0, duplicated: 0, unknownExecuted: 0, failedExecuted: 0, balance: TOTAL_BALANCE },
    verifiedOn: 'the last primary (node2)',
    durationMs: 20_000,
    ...rest,
  };
}
