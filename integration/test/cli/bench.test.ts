import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli, startCli } from '../../src/cli.ts';
import { allCaughtUp, nameOf, restore, standbyNames } from '../../src/support.ts';

interface Calls {
  readonly answered: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number | null;
}
interface Report extends Calls {
  readonly nodes: readonly { readonly node: string; readonly answered: number }[];
  readonly errors: readonly { readonly code: string | null; readonly count: number }[];
  readonly comparison: {
    readonly node: string;
    readonly ratio: number;
    readonly rounds: readonly { readonly pgherd: Calls; readonly pg: Calls }[];
  } | null;
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await allCaughtUp(cluster);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

function reportOf(out: string): Report {
  return JSON.parse(String(out.trim().split('\n').at(-1))) as Report;
}

async function schemas(): Promise<number> {
  const [row] = await cluster.primary.appSql(
    `select count(*)::int as count from pg_namespace where nspname like 'pgherd\\_bench\\_%'`,
  );
  return Number(row?.['count']);
}

describe('pgherd bench', () => {
  it('reads from the standbys, and reports throughput, percentiles and nodes', async () => {
    const { code, out, err } = await cli([
      'bench',
      cluster.url,
      '--seconds',
      '2',
      '--callers',
      '4',
      '--json',
    ]);
    const report = reportOf(out);
    expect(report, `${out}${err}`).toMatchObject({ type: 'report', callers: 4, failed: 0, errors: [] });
    expect(report.nodes.map(({ node }) => node)).toEqual(standbyNames(cluster));
    expect(report.nodes.reduce((sum, { answered }) => sum + answered, 0)).toBe(report.answered);
    expect(report.answered).toBeGreaterThan(20);
    expect(report.p50Ms).toBeGreaterThan(0);
    expect(out).toMatch(/"type":"announcement".*4 callers send/);
    expect(out).toMatch(/"type":"progress"/);
    expect(code).toBe(0);
  });

  it('says to people what it does before it begins, and what came of it', async () => {
    const { code, out } = await cli(['bench', cluster.url, '--seconds', '1', '--query', 'select 2']);
    expect(out).toMatch(/^10 callers send "select 2" \(target prefer-standby\) for 1 s/);
    expect(out).toMatch(/node +answered +share +a second +p50 +p95 +p99 +longest/);
    expect(out).toContain('0 failed, in 1');
    expect(code).toBe(0);
  });

  it('writes to a table of its own, goes through a failover, and drops it', async () => {
    const run = startCli(['bench', cluster.url, '--write', '--seconds', '60', '--callers', '4', '--json']);
    await run.says(/"answered":[1-9]\d*/);
    expect(await schemas()).toBe(1);
    await cluster.primary.kill();
    await cluster.failover();
    const progress = run.out.match(/"type":"progress"/g)?.length ?? 0;
    await run.says(new RegExp(`(?:\\{"type":"progress".*\\n){${progress + 3},}`));
    run.process.kill('SIGINT');
    const { code, out, err } = await run.ended;
    const report = reportOf(out);
    expect(
      report.nodes.map(({ node }) => node),
      `${out}${err}`,
    ).toContain(nameOf(cluster.primary));
    // Updates whose answer was lost are reported as what they are, and nothing else fails.
    expect(report.errors.filter((error) => error.code !== 'PGHERD_OUTCOME_UNKNOWN')).toEqual([]);
    expect(code).toBe(report.failed === 0 ? 0 : 1);
    expect(await schemas()).toBe(0);
  });

  it('compares with pg.Pool on one server', async () => {
    const args = ['bench', cluster.url, '--compare', 'pg', '--seconds', '3', '--callers', '20', '--json'];
    const { code, out, err } = await cli(args);
    const { comparison, answered } = reportOf(out);
    expect(comparison?.rounds, `${out}${err}`).toHaveLength(3);
    expect(standbyNames(cluster)).toContain(comparison?.node);
    for (const { pgherd, pg } of comparison?.rounds ?? []) {
      expect(pgherd).toMatchObject({ failed: 0 });
      expect(pg).toMatchObject({ failed: 0 });
      expect(Math.min(pgherd.answered, pg.answered)).toBeGreaterThan(20);
    }
    expect(answered).toBe(comparison?.rounds.reduce((sum, { pgherd }) => sum + pgherd.answered, 0));
    expect(comparison?.ratio).toBeGreaterThan(0);
    expect(code).toBe(0);
  });

  it('reports errors by their codes, and ends with 4 if servers refuse every statement', async () => {
    const args = [
      'bench',
      cluster.url,
      '--seconds',
      '1',
      '--query',
      'select nothing',
      '--callers',
      '2',
      '--json',
    ];
    const { code, out } = await cli(args);
    expect(reportOf(out)).toMatchObject({ answered: 0, p50Ms: null, errors: [{ code: '42703' }] });
    expect(code).toBe(4);
  });

  it('reads only: a query that writes fails unless it asks for the primary', async () => {
    await cluster.primary.appSql('create table if not exists target (id int)');
    await allCaughtUp(cluster);
    const insert = ['--query', 'insert into target values (1)', '--seconds', '1', '--json'];
    const reads = await cli(['bench', cluster.url, ...insert]);
    expect(reportOf(reads.out).answered, reads.out).toBe(0);
    expect(await cluster.primary.appSql('select 1 from target')).toEqual([]);
  });

  it.each([
    ['--write'],
    ['--query', 'delete from t', '--target', 'primary'],
  ])('asks for --yes before it writes to another machine: %s %s', async (...args) => {
    const { code, err, out } = await cli(['bench', 'postgres://app@db.example:5432/app', ...args]);
    expect(err).toMatch(/This may write to db\.example:5432.*--yes/);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  it('ends with 3 if no server answers', async () => {
    const { code, err } = await cli(
      ['bench', 'postgres://app@127.0.0.1:1/app', '--write', '--seconds', '1'],
      {
        env: { PGCONNECT_TIMEOUT: '2' },
      },
    );
    expect(err).toContain('127.0.0.1:1');
    expect(code).toBe(3);
  });
});
