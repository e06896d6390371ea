import { collectMetrics } from 'pgherd/prometheus';
import { AggregatorRegistry, Counter, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { codeOf, nameOf, rejection } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key)']);

/** Runs the work while metrics are collected. */
async function collecting(work: (register: Registry) => Promise<void>): Promise<void> {
  const register = new Registry();
  const telemetry = collectMetrics({ register, clusters: { shop: it1.db } });
  try {
    await work(register);
  } finally {
    telemetry.disable();
  }
}

/** The lines of a metric, without what varies. */
async function linesOf(register: Registry, metric: string): Promise<string[]> {
  return (await register.metrics()).split('\n').filter((line) => line.startsWith(metric));
}

const NAME = 'pgherd_call_duration_seconds';

describe('the histograms in a registry of prom-client', () => {
  it('have the form of its own', async () => {
    await collecting(async (register) => {
      for (let round = 0; round < 5; round++) await it1.db.query('select 1');
      const node = nameOf(it1.cluster.primary);
      const labels = { cluster: 'shop', node, verb: 'query', error: '' };
      const own = new Registry();
      const histogram = new Histogram({
        name: NAME,
        help: 'Duration of calls with statements, from the call to its end, waiting and retries included.',
        labelNames: Object.keys(labels),
        buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
        registers: [own],
      });
      for (let round = 0; round < 5; round++) histogram.observe(labels, 0.002);
      const form = (text: string) =>
        text
          .split('\n')
          .filter((line) => line.includes(NAME))
          .map((line) => line.replace(/ [\d.e-]+$/, ' N'));
      expect(form(await register.metrics())).toEqual(form(await own.metrics()));
      const [last] = (await linesOf(register, `${NAME}_bucket`)).slice(-1);
      expect(last).toContain('le="+Inf"');
      expect(last).toMatch(/ 5$/);
    });
  });

  it('count all values up to a boundary, and what failed apart', async () => {
    await collecting(async (register) => {
      await it1.db.query('select pg_sleep(0.06)');
      await rejection(it1.db.query('select x'));
      const lines = await linesOf(register, `${NAME}_bucket`);
      const value = (le: string, error: string) =>
        lines
          .find((line) => line.includes(`le="${le}"`) && line.includes(`error="${error}"`))
          ?.split(' ')
          .at(-1);
      expect([value('0.05', ''), value('10', ''), value('+Inf', '')]).toEqual(['0', '1', '1']);
      expect(value('+Inf', '42703')).toBe('1');
    });
  });

  it('begin anew when the registry is reset', async () => {
    await collecting(async (register) => {
      await it1.db.query('select 1');
      register.resetMetrics();
      expect(await linesOf(register, `${NAME}_count`)).toEqual([]);
      await it1.db.query('select 1');
      expect((await linesOf(register, `${NAME}_count`))[0]).toMatch(/ 1$/);
    });
  });

  it('are added up over the workers of a cluster of processes', async () => {
    await collecting(async (register) => {
      await it1.db.query('select 1');
      const json = await register.getMetricsAsJSON();
      const all = AggregatorRegistry.aggregate([json, json]);
      const text = await all.metrics();
      expect(text).toMatch(/pgherd_call_duration_seconds_count\{[^}]*verb="query"[^}]*\} 2/);
    });
  });
});

describe('collectMetrics', () => {
  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /register is undefined, but must be a registry of prom-client/],
    ['no registry', { register: {} }, /register is an object, but must be a registry of prom-client/],
    ['a text as registry', { register: 'default' }, /register is "default", but must be a registry/],
    [
      'a wrong name',
      { registry: new Registry() },
      /registry is not an option of collectMetrics; did you mean register\?/,
    ],
    [
      'no function for errors',
      { register: new Registry(), onError: 'log' },
      /onError is "log", but must be a function/,
    ],
    ['a list of clusters', { register: new Registry(), clusters: [] }, /an object of clusters by name/],
    [
      'what is no cluster',
      { register: new Registry(), clusters: { shop: 7 } },
      /The cluster "shop" is no cluster/,
    ],
    [
      'an empty name',
      { register: new Registry(), clusters: { '': 7 } },
      /the name of a cluster is "", but must be a text/,
    ],
  ])('refuses %s', async (_what, options, message) => {
    expect(() => collectMetrics(options as Parameters<typeof collectMetrics>[0])).toThrow(message);
    const { register } = (options ?? {}) as { register?: unknown };
    if (register instanceof Registry) expect(await register.getMetricsAsJSON()).toEqual([]);
  });

  it('refuses a registry that has one of the metrics, and leaves it as it was', async () => {
    const register = new Registry();
    new Counter({ name: 'pgherd_retries_total', help: 'of the program', registers: [register] });
    expect(() => collectMetrics({ register })).toThrow(/pgherd_retries_total has already been registered/);
    const names = (await register.getMetricsAsJSON()).map(({ name, help }) => [name, help]);
    expect(names).toEqual([['pgherd_retries_total', 'of the program']]);
    register.clear();
    collectMetrics({ register }).disable();
  });

  it('reports what fails in it, and no call notices', async () => {
    const errors: unknown[] = [];
    const register = new Registry();
    const telemetry = collectMetrics({
      register,
      clusters: { shop: it1.db },
      onError: (error) => {
        errors.push(error);
        throw new Error('the log is full');
      },
    });
    try {
      const timeouts = register.getSingleMetric('pgherd_connection_timeouts_total') as Counter;
      timeouts.inc = () => {
        throw new Error('the counter has failed');
      };
      const leases = await Promise.all(Array.from({ length: 4 }, () => it1.db.acquire()));
      const error = await rejection(it1.db.acquire({ timeoutMs: 50 }));
      for (const lease of leases) lease.release();
      expect(codeOf(error)).toBe('PGHERD_TIMEOUT');
      expect(await it1.db.one('select 1 as n')).toEqual({ n: 1 });
      expect(errors.map(String)).toEqual(['Error: the counter has failed']);
    } finally {
      telemetry.disable();
    }
  });
});
