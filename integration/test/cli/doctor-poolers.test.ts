import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../src/cli.ts';
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
    cluster = await createTestCluster({ standbys: 1, settings: { fsync: true, full_page_writes: true } });
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

  const ACCEPTING = { ignore_startup_parameters: 'default_transaction_read_only,search_path,options' };

  it.each([
    ['in transaction mode, undeclared', {}, '', ['pooler-undeclared']],
    [
      'in transaction mode, handing out its sessions by turns',
      { server_round_robin: 1 },
      '',
      ['pooler-undeclared'],
    ],
    ['in transaction mode, declared', {}, '?pgbouncer=true', []],
    ['in transaction mode, denied', ACCEPTING, '?pgbouncer=false', ['pooler-denied']],
    ['in session mode, undeclared', { pool_mode: 'session' }, '', ['pooler-keeps-sessions']],
    ['in session mode, declared as none', { pool_mode: 'session', ...ACCEPTING }, '?pgbouncer=false', []],
    ['with settings of the session', {}, '?pgbouncer=true&schema=shop', ['pooler-with-session-settings']],
    ['in statement mode', { pool_mode: 'statement' }, '?pgbouncer=true', ['pooler-in-statement-mode']],
  ] as const)('says what is to be said of one %s', async (_name, settings, parameters, expected) => {
    const { rules, text } = await examined(settings, parameters);
    expect(rules, text).toEqual([...expected]);
  });
});
