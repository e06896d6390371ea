import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../src/cli.ts';
import { GOOD } from '../../src/doctor/faults.ts';
import { POOLER_CASES } from '../../src/doctor/poolers.ts';
import {
  type PgBouncer,
  type PgBouncerSettings,
  pgbouncerPath,
  startPgBouncer,
} from '../../src/pgbouncer.ts';
import { allCaughtUp } from '../../src/support.ts';

// Where CI runs it is installed; elsewhere a machine may lack it.
const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;

suite('pgherd doctor before poolers', () => {
  let cluster: TestCluster;
  const bouncers: PgBouncer[] = [];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1, settings: GOOD });
    await allCaughtUp(cluster);
  });
  afterEach(async () => {
    for (const bouncer of bouncers.splice(0)) await bouncer[Symbol.asyncDispose]();
  });
  afterAll(() => cluster?.close());

  async function examined(
    settings: PgBouncerSettings,
    parameters = '',
  ): Promise<{ rules: string[]; text: string }> {
    bouncers.push(...(await Promise.all(cluster.nodes.map((node) => startPgBouncer(node, settings)))));
    const url = `postgresql://app@${bouncers.map(({ name }) => name).join(',')}/app${parameters}`;
    const { out, err } = await cli(['doctor', url, '--json'], { env: { PGPASSWORD: 'app' } });
    const { findings } = JSON.parse(out) as { findings: { rule: string }[] };
    return { rules: [...new Set(findings.map(({ rule }) => rule))], text: `${out}${err}` };
  }

  it.each(POOLER_CASES)('says what is to be said of one $as', async ({
    settings,
    parameters,
    rules: expected,
  }) => {
    const { rules, text } = await examined(settings, parameters);
    expect(rules, text).toEqual(expected);
  });
});
