import { createTestCluster } from '@pgherd/testing';
import { expect, test } from 'vitest';
import { inApp } from '../src/app-session.ts';
import { parseBenchArguments } from '../src/arguments.ts';
import { measureMemory } from '../src/memory-measure.ts';
import { measurePools } from '../src/pool-measure.ts';
import { TABLE } from '../src/throughput-works.ts';

const SOURCES = { execArgv: ['--conditions=@pgherd/source', '--import', import.meta.resolve('tsx')] };

test('every way to take and give back is measured', async () => {
  const figures = await measurePools(1, 1_000);
  expect(figures.map(({ pool, way }) => `${pool}, ${way}`)).toEqual([
    'pgherd, at once',
    'pgherd, promised',
    'pgherd, queued',
    'pg-pool, promised',
    'pg-pool, queued',
  ]);
  for (const { nsPerCycle } of figures) expect(nsPerCycle).toBeGreaterThan(0);
});

test('memory is measured on real connections, and each of those who waited is answered', async () => {
  await using cluster = await createTestCluster({ standbys: 0 });
  for (const text of TABLE) await inApp(cluster.primary, text);
  const found = await measureMemory(cluster.url, { connections: 5, callers: 2_000, runs: 1 }, SOURCES);
  expect(found.map(({ what, count }) => `${what} ${count}`)).toEqual([
    'idle connection 5',
    'idle connection of pg.Client 5',
    'queued caller 2000',
    'queued caller of pg.Pool 2000',
  ]);
  // With so few only the order of magnitude is sure.
  for (const { bytes } of found.slice(1)) expect(bytes).toBeGreaterThan(100);
});

test('a process that cannot do its work says why', async () => {
  const plan = { connections: 1, callers: 1, runs: 1 };
  const measured = measureMemory('postgres://app@127.0.0.1:1/app', plan, SOURCES);
  await expect(measured).rejects.toThrow(/^pgherd idle: /);
});

test('arguments that cannot be used are named', () => {
  expect(parseBenchArguments([], 9)).toEqual({ runs: 9, json: false });
  expect(parseBenchArguments(['--runs', '3', '--json'], 9)).toEqual({ runs: 3, json: true });
  expect(parseBenchArguments(['--help'], 9)).toBeUndefined();
  expect(() => parseBenchArguments(['--runs', 'all'], 9)).toThrow('--runs is "all"');
  expect(() => parseBenchArguments(['--fast'], 9)).toThrow("Unknown option '--fast'");
});
