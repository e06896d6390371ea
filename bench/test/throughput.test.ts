import { createTestCluster } from '@pgherd/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { preparePrograms } from '../src/peer-programs.ts';
import { isPair, PEERS } from '../src/throughput-contenders.ts';
import { type Contender, Driver, percentile } from '../src/throughput-load.ts';
import { renderMarkdown } from '../src/throughput-markdown.ts';
import { parseThroughputOptions } from '../src/throughput-options.ts';
import { readReport } from '../src/throughput-pgbench.ts';
import { runThroughput } from '../src/throughput-run.ts';
import { renderPairs, summarizePair } from '../src/throughput-summary.ts';
import { leastRatio, mostP99Ratio } from '../src/throughput-targets.ts';
import { NAP_EVERY, type Sample, SERVER_SETTINGS, SKEWED, skewed, WORKS } from '../src/throughput-works.ts';

const sample = (perSecond: number, p99Ms = 1): Sample => ({
  perSecond,
  p95Ms: p99Ms / 2,
  p99Ms,
  clientUs: 10,
});
const LABELS = {
  work: 'select',
  callers: 10,
  subject: 'pgherd',
  peer: 'pg.Pool',
  arrangement: undefined,
  loadAverage: 0.5,
} as const;

describe('the arithmetic', () => {
  test('a ratio is the median of the rounds, each of two neighbours in time', () => {
    const rounds = [
      { subject: sample(300, 2), peer: sample(100, 4) },
      // The machine was busy with something else: both were slow.
      { subject: sample(30, 40), peer: sample(15, 20) },
      { subject: sample(200, 1), peer: sample(80, 2) },
    ];
    expect(summarizePair(LABELS, rounds)).toMatchObject({
      ratio: 2.5,
      p99Ratio: 0.5,
      runs: 3,
      subjectPerSecond: 200,
      peerPerSecond: 80,
    });
  });

  test('a percentile is a value that occurred', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.99)).toBe(0);
  });

  test('what misses its target is marked', () => {
    const slow = summarizePair(LABELS, [{ subject: sample(200, 3), peer: sample(100, 2) }]);
    const fast = summarizePair(LABELS, [{ subject: sample(500, 1), peer: sample(100, 2) }]);
    const [, , missed, met] = renderPairs([slow, fast]).split('\n');
    expect(missed).toMatch(/! 2\.00 +4\.00 +! 1\.50/);
    expect(met).toMatch(/ 5\.00 +4\.00 +0\.50/);
    expect(met).not.toContain('!');
  });

  test('the documents show a row for each pair and a column for each number of callers', () => {
    const rounds = [{ subject: sample(3_000, 1), peer: sample(1_000, 2) }];
    const [first, other] = [summarizePair(LABELS, rounds), summarizePair({ ...LABELS, callers: 1 }, rounds)];
    const lines = renderMarkdown([other, first]).split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'ratio (target), by callers:',
      '',
      '| work | subject | against | 1 | 10 |',
      '| --- | --- | --- | --- | --- |',
      '| select | pgherd | pg.Pool | 3.00 (≥ 1.3) | 3.00 (≥ 4) |',
    ]);
    expect(lines).toContain('| select | pgherd | pg.Pool | 3.0k, 1.0k | 3.0k, 1.0k |');
  });

  test('the targets of a cell, and none between', () => {
    const pair = { work: 'update', subject: 'pgherd', peer: 'postgres.js' } as const;
    expect(leastRatio({ ...pair, callers: 1_000 })).toBe(1.1);
    expect(leastRatio({ ...pair, callers: 50 })).toBeUndefined();
    expect(leastRatio({ ...pair, callers: 10, subject: 'pgherd lanes off', peer: 'pg.Pool' })).toBe(0.95);
    expect(mostP99Ratio({ ...pair, callers: 1 })).toBeUndefined();
    expect(mostP99Ratio({ ...pair, callers: 1, peer: 'pg.Pool', work: 'mix' })).toBe(1);
  });

  test('lanes off are held against pg.Pool alone, several nodes against one only where reads spread', () => {
    const those = (subject: 'pgherd' | 'pgherd lanes off', work: 'select' | 'mix' | 'read') =>
      PEERS.filter((peer) => isPair(subject, peer, work));
    expect(those('pgherd', 'select')).toEqual([
      'pg.Pool',
      'pg.Pool named',
      'postgres.js',
      'limit',
      'pgherd/pg',
      'aws wrapper',
      'hasql',
      'psycopg',
      'pgx',
      'pgjdbc',
      'pgbench',
    ]);
    expect(those('pgherd', 'read')).toEqual(['pgherd one node']);
    expect(those('pgherd lanes off', 'select')).toEqual(['pg.Pool']);
    expect(those('pgherd lanes off', 'mix')).toEqual([]);
  });
});

describe('the load', () => {
  /** Answers in the next turn of the event loop, and counts. */
  function counting() {
    const counts = { select: 0, update: 0, transaction: 0, nap: 0, most: 0 };
    let running = 0;
    const answer = (what: 'select' | 'update' | 'transaction' | 'nap') => async () => {
      counts[what]++;
      counts.most = Math.max(counts.most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    const contender: Contender = {
      check: async (id) => id,
      select: answer('select'),
      update: answer('update'),
      transaction: answer('transaction'),
      read: answer('select'),
      nap: answer('nap'),
      run: (text) => answer(text.includes('from bench') ? 'select' : 'nap')(),
      close: async () => undefined,
    };
    return { counts, contender };
  }

  test('so many callers, each with one statement at a time', async () => {
    const { counts, contender } = counting();
    const driver = new Driver(contender);
    const found = await driver.slice({ work: 'update', callers: 7, seconds: 0.05 });
    expect(counts.most).toBe(7);
    expect(driver.updates).toBe(counts.update);
    expect(counts.select + counts.nap).toBe(0);
    expect(found.perSecond * 0.05).toBeLessThanOrEqual(counts.update);
    expect(found.clientUs).toBeGreaterThan(0);
  });

  test('one of a hundred statements of a skew is slow, by its value or its text', async () => {
    for (const work of ['skew-new', 'skew-known'] as const) {
      const { counts, contender } = counting();
      await new Driver(contender).slice({ work, callers: 1, seconds: 0.05 });
      expect(counts.nap).toBe(Math.ceil((counts.nap + counts.select) / NAP_EVERY));
    }
    const texts = [1, 2].map((number) => skewed('skew-new', true, 1, number)[0]);
    expect(new Set(texts).size).toBe(2);
    expect(skewed('skew-value', true, 7, 1)).toEqual([SKEWED, [7, 0.2]]);
    expect(skewed('skew-value', false, 7, 2)).toEqual([SKEWED, [7, 0]]);
  });

  test('one of a hundred statements of the mix is slow', async () => {
    const { counts, contender } = counting();
    await new Driver(contender).slice({ work: 'mix', callers: 1, seconds: 0.05 });
    expect(counts.nap).toBe(Math.ceil((counts.nap + counts.select) / NAP_EVERY));
  });

  test('a statement that fails ends the slice', async () => {
    const contender = { ...counting().contender, select: () => Promise.reject(new Error('no')) };
    await expect(new Driver(contender).slice({ work: 'select', callers: 2, seconds: 0.05 })).rejects.toThrow(
      'no',
    );
  });
});

describe('the arguments', () => {
  test('names and numbers come in lists', () => {
    const args = [
      '--work',
      'update,mix',
      '--callers',
      '5, 5,6',
      '--peer',
      'PG.Pool,limit',
      '--seconds',
      '0.2',
    ];
    expect(parseThroughputOptions(args)).toMatchObject({
      works: ['update', 'mix'],
      callers: [5, 6],
      peers: ['pg.Pool', 'limit'],
      subjects: ['pgherd', 'pgherd lanes off'],
      runs: 5,
      seconds: 0.2,
      standbys: 0,
      json: false,
    });
    expect(parseThroughputOptions([])).toMatchObject({
      works: ['select', 'update'],
      callers: [1, 10, 100, 1000],
    });
    expect(parseThroughputOptions(['--help'])).toBeUndefined();
  });

  test('all is what can be measured on these servers', () => {
    expect(parseThroughputOptions(['--work', 'all'])?.works).toEqual(WORKS.filter((work) => work !== 'read'));
    expect(parseThroughputOptions(['--work', 'all', '--standbys', '1'])?.works).toContain('read');
  });

  test.each([
    [['--work', 'sleep'], '--work is "sleep", but must be of select'],
    [['--work', 'read'], '--work read needs standbys to read from'],
    [['--callers', '0'], '--callers is "0"'],
    [['--callers', '1,,2'], '--callers is ""'],
    [['--runs', '2.5'], '--runs is "2.5"'],
    [['--seconds', 'long'], '--seconds is "long"'],
    [['--seconds', '0'], '--seconds is "0"'],
    [['--standbys', '9'], '--standbys is "9"'],
    [['--peer', 'mysql'], '--peer is "mysql"'],
    [['--speed', '9'], "Unknown option '--speed'"],
    [['fast'], 'fast'],
  ])('%j cannot be used', (args, why) => {
    expect(() => parseThroughputOptions(args)).toThrow(why);
  });
});

test('a small run on a real server measures every pair, and the table holds every update', async () => {
  await using cluster = await createTestCluster({ standbys: 0, settings: SERVER_SETTINGS });
  const lines: string[] = [];
  const found = await runThroughput({
    cluster,
    options: {
      works: ['select', 'update'],
      callers: [2],
      subjects: ['pgherd'],
      peers: ['postgres.js', 'limit'],
      runs: 2,
      seconds: 0.05,
    },
    worker: { execArgv: ['--conditions=@pgherd/source', '--import', import.meta.resolve('tsx')] },
    progress: (line) => lines.push(line),
  });
  expect(found.map(({ work, peer, runs }) => `${work} ${peer} ${runs}`)).toEqual([
    'select postgres.js 2',
    'select limit 2',
    'update postgres.js 2',
    'update limit 2',
  ]);
  // On a busy machine not one statement may end in so short a slice: that what was acknowledged was executed is checked inside.
  for (const one of found) expect(one.subjectPerSecond).toBeGreaterThanOrEqual(0);
  expect(found[1]?.arrangement).toMatch(/^[12] lanes?(, corked)?$/);
  expect(lines).toContain('select, 2 callers, 2/2');
});

const lines: string[] = [];
const programs = await preparePrograms(['psycopg'], 'python3', (line) => lines.push(line));
afterAll(() => programs[Symbol.asyncDispose]());

test.runIf(programs.of('psycopg') !== undefined)(
  'a client in another language drives itself, its updates count, and one that is not installed is named',
  { timeout: 60_000 },
  async () => {
    await using cluster = await createTestCluster({ standbys: 0, settings: SERVER_SETTINGS });
    const versions: Record<string, string> = {};
    const found = await runThroughput({
      cluster,
      options: {
        works: ['update'],
        callers: [2],
        subjects: ['pgherd'],
        peers: ['hasql', 'psycopg'],
        runs: 1,
        seconds: 0.2,
        python: '/no/python',
      },
      worker: { execArgv: ['--conditions=@pgherd/source', '--import', import.meta.resolve('tsx')] },
      progress: (line) => lines.push(line),
      versions,
    });
    const psycopg = found.find(({ peer }) => peer === 'psycopg');
    expect(psycopg?.peerPerSecond).toBeGreaterThan(0);
    expect(versions['psycopg']).toContain('psycopg 3.');
    const hasql =
      found.some(({ peer }) => peer === 'hasql') ||
      lines.some((line) => line.startsWith('hasql is left out'));
    expect(hasql).toBe(true);
  },
);

describe('pgbench as a contender', () => {
  const REPORT = `pgbench (18.4)
number of clients: 10
number of transactions actually processed: 20000
latency average = 0.500 ms
tps = 19876.543210 (without initial connection time)
0m0.00s 0m0.01s
0m1.50s 1m0.50s
`;

  test('its report is read: statements per second, and processor time of the children for each', () => {
    expect(readReport(REPORT)).toEqual({ perSecond: 19_876.54321, clientUs: 3_100, done: 20_000 });
  });

  test('what is no report is an error that shows it', () => {
    expect(() => readReport('pgbench: error: connection refused')).toThrow('connection refused');
  });
});
