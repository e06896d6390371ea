import { describe, expect, test } from 'vitest';
import { takeJson } from '../src/arguments.ts';
import type { Call } from '../src/load.ts';
import { parseOptions } from '../src/options.ts';
import { parseSockets } from '../src/receive-queue.ts';
import { median, spread } from '../src/statistics.ts';
import { medianSteps, stepTimes } from '../src/steps.ts';
import { summarize } from '../src/summary.ts';
import { renderTable } from '../src/table.ts';
import { type Evidence, judge } from '../src/verdict.ts';

const OLD = 5001;
const NEW = 5002;

function call(id: number, parts: Partial<Call> = {}): Call {
  return { id, startedAt: 0, endedAt: 1, outcome: 'acknowledged', port: NEW, error: undefined, ...parts };
}

function evidence(parts: Partial<Evidence>): Evidence {
  return {
    calls: [],
    struckAt: 1_000,
    readyAt: 2_000,
    promotedPort: NEW,
    demotedPort: OLD,
    newRows: [],
    oldRows: [],
    lastWorkAt: undefined,
    ...parts,
  };
}

describe('statistics', () => {
  test('the median of an even number of values is the mean of the middle two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7, -1, 3])).toBe(3);
    expect(median([])).toBeUndefined();
  });

  test('a trial that never ended counts as endless', () => {
    expect(spread([5, Number.POSITIVE_INFINITY, 3])).toEqual({ median: 5, max: null });
    expect(spread([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])).toEqual({ median: null, max: null });
    expect(spread([])).toEqual({ median: null, max: null });
  });
});

describe('the verdict on a trial', () => {
  test('the first write is the earliest acknowledgement by the new primary', () => {
    const calls = [
      call(1, { endedAt: 900, port: OLD }),
      call(2, { endedAt: 2_012 }),
      call(3, { endedAt: 2_009 }),
      call(4, { endedAt: 2_001, outcome: 'failed', port: undefined }),
    ];
    expect(judge(evidence({ calls, newRows: [1, 2, 3] })).firstWriteMs).toBe(9);
    expect(judge(evidence({ calls: calls.slice(0, 1), newRows: [1] })).firstWriteMs).toBeUndefined();
  });

  test('an acknowledged write that is not there is lost; one that failed for certain must not be there', () => {
    const failed = { outcome: 'failed', port: undefined } as const;
    const unknown = { outcome: 'unknown', port: undefined } as const;
    const calls = [call(1), call(2, { port: OLD }), call(3, failed), call(4, unknown), call(5, unknown)];
    const result = judge(evidence({ calls, newRows: [1, 3, 4] }));
    expect(result).toMatchObject({
      failedCalls: 3,
      failedRetryable: 1,
      unknownOutcome: 2,
      lostWrites: 1,
      wronglyFailed: 1,
    });
  });

  test('a row that is there twice was written twice', () => {
    expect(judge(evidence({ calls: [call(1)], newRows: [1, 1] })).writtenTwice).toBe(1);
  });

  test('a stale write began after the promotion; what the old primary executes late may have begun before', () => {
    const calls = [call(1, { startedAt: 990 }), call(2, { startedAt: 2_500 })];
    expect(judge(evidence({ calls, oldRows: [1, 2] }))).toMatchObject({ staleWrites: 1, lateWrites: 2 });
  });

  test('a write that the old primary acknowledges after the promotion is counted; after a restart there is no other one', () => {
    const calls = [
      call(1, { startedAt: 1_990, port: OLD }),
      call(2, { startedAt: 2_010, port: OLD }),
      call(3, { startedAt: 2_020 }),
      call(4, { startedAt: 2_030, outcome: 'failed', port: undefined }),
    ];
    expect(judge(evidence({ calls })).staleAcknowledged).toBe(1);
    expect(judge(evidence({ calls, promotedPort: OLD })).staleAcknowledged).toBe(0);
  });

  test('the longest gap is without any acknowledgement, and reaches to the end of the load', () => {
    const acknowledged = [900, 950, 2_010].map((endedAt, id) => call(id, { endedAt, startedAt: endedAt }));
    const failed = call(9, { startedAt: 2_500, endedAt: 9_000, outcome: 'failed', port: undefined });
    expect(judge(evidence({ calls: [...acknowledged, failed] })).longestGapMs).toBe(1_060);
    const late = { ...failed, startedAt: 4_000 };
    expect(judge(evidence({ calls: [...acknowledged, late] })).longestGapMs).toBe(1_990);
    expect(judge(evidence({ calls: acknowledged.slice(0, 2) })).longestGapMs).toBeUndefined();
  });

  test('no new work counts from the fault', () => {
    expect(judge(evidence({ lastWorkAt: 1_700 })).noNewWorkMs).toBe(700);
    expect(judge(evidence({})).noNewWorkMs).toBeUndefined();
  });
});

test('the kernel tells what a server has not read', () => {
  const text = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534 0 1 1',
    '   1: 0100007F:1389 0100007F:C350 01 00000000:0000002A 00:00000000 00000000 65534 0 2 1',
    '   2: 0100007F:1389 0100007F:C351 08 00000000:00000006 00:00000000 00000000 65534 0 3 1',
    '',
  ].join('\n');
  expect(parseSockets(text)).toEqual([
    { localPort: 5001, remotePort: 50_000, unread: 42 },
    { localPort: 5001, remotePort: 50_001, unread: 6 },
  ]);
});

test('the way to the first write is found among what a client did', () => {
  const steps = [
    { name: 'monitor long poll answered', at: 1_500, node: 'b' },
    { name: 'monitor long poll answered', at: 2_004, node: 'b' },
    { name: 'monitor probe answered', at: 2_006, node: 'b' },
    { name: 'primary:changed', at: 2_006, detail: 'undefined → b' },
    { name: 'pool connects', at: 2_007, node: 'b' },
    { name: 'pool connected', at: 2_020, node: 'b' },
    { name: 'pool write sent', at: 2_020, node: 'a' },
    { name: 'pool write sent', at: 2_021, node: 'b' },
    { name: 'pool write answered', at: 2_024, node: 'b' },
  ];
  const ways = medianSteps([stepTimes(steps, 'b', 2_000, 2_023)]);
  expect(ways.map(([, ms]) => ms)).toEqual([4, 6, 6, 7, 20, 21, 23, 24]);
});

test('the table says never where a client never wrote', () => {
  const of = { scenario: 'killed', mode: 'async', client: 'pg.Pool' };
  const summary = summarize(of, [judge(evidence({ calls: [call(1, { port: OLD })] }))], [0.5, 0.7]);
  const lines = renderTable([summary]).split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(
    /^killed {4}async {2}pg\.Pool +1 +never +never +never +1 +1 +0 +0 +0 +1 +0 +0 +0 +0 +0 +0\.6$/,
  );
});

test.each([
  [['--json'], { json: true, file: undefined, rest: [] }],
  [['--trials', '3'], { json: false, file: undefined, rest: ['--trials', '3'] }],
  [['--json', 'out.json', '--trials', '3'], { json: false, file: 'out.json', rest: ['--trials', '3'] }],
  [['--json=out.json'], { json: false, file: 'out.json', rest: [] }],
  [['--json='], { json: true, file: undefined, rest: [] }],
  [['--json', '--trials', '3'], { json: true, file: undefined, rest: ['--trials', '3'] }],
])('%j prints or writes the results', (args, taken) => {
  expect(takeJson(args)).toEqual(taken);
});

test('an argument that cannot be used is named', () => {
  expect(() => parseOptions(['--trials', 'few'])).toThrow('--trials is few');
  expect(() => parseOptions(['--scenario', 'bored'])).toThrow('--scenario is bored');
  expect(parseOptions(['--help'])).toBeUndefined();
  const peers = parseOptions(['--client', 'peers'])?.clients.map((one) => one.name) ?? [];
  expect(peers).toEqual(expect.arrayContaining(['pgherd', 'pgherd/pg', 'aws wrapper', 'psycopg', 'pgjdbc']));
  expect(peers).not.toContain('floor');
  expect(parseOptions(['--client', 'pgherd,PG.Pool'])?.clients.map((one) => one.name)).toEqual([
    'pgherd',
    'pg.Pool',
  ]);
});
