import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli, startCli } from '../../src/cli.ts';
import { TerminalRun } from '../../src/cli-terminal.ts';
import { allCaughtUp, nameOf, restore } from '../../src/support.ts';

interface StatusJson {
  readonly status: string;
  readonly reasons: readonly string[];
  readonly writable: string | null;
  readonly nodes: readonly {
    readonly node: string;
    readonly role: string;
    readonly health: string;
    readonly timeline: number | null;
    readonly lagBytes: number | null;
    readonly latencyMs: number | null;
    readonly connections: { readonly used: number; readonly max: number } | null;
  }[];
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, auth: 'scram-sha-256' });
  await cluster.primary.sql(`alter role app password '${PASSWORD}'`);
  await allCaughtUp(cluster);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

const PASSWORD = 'not-to-be-seen';
const AS_APP = { env: { PGPASSWORD: PASSWORD } };

/** The URL of the cluster with another password, or with none. */
function urlWith(password = ''): string {
  return cluster.url.replace(/\/\/app:[^@]*@/, password === '' ? '//app@' : `//app:${password}@`);
}

function statusJson(text: string): StatusJson {
  return JSON.parse(text) as StatusJson;
}

async function run(...args: string[]) {
  return cli(['status', urlWith(), ...args], AS_APP);
}

describe('pgherd status', () => {
  it('shows a good cluster and ends with 0', async () => {
    const { code, out, err } = await run('--json');
    expect(err).toBe('');
    const status = statusJson(out);
    expect(status, out).toMatchObject({ status: 'up', reasons: [], writable: nameOf(cluster.primary) });
    expect(status.nodes.map(({ role }) => role).sort()).toEqual(['primary', 'standby', 'standby']);
    for (const node of status.nodes) {
      expect(node).toMatchObject({
        health: 'ok',
        timeline: expect.any(Number),
        latencyMs: expect.any(Number),
      });
      expect(node.connections?.used).toBeGreaterThan(0);
      expect(node.lagBytes === null).toBe(node.role === 'primary');
    }
    expect(code).toBe(0);
  });

  it('shows it to people as one table, without a colour in a pipe', async () => {
    const { code, out } = await run();
    for (const node of cluster.nodes) expect(out).toContain(nameOf(node));
    expect(out).toContain(`up: writes go to ${nameOf(cluster.primary)}`);
    expect(out).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  it('shows what is left of a cluster that has lost a server, and ends with 1', async () => {
    const [standby] = cluster.standbys;
    await standby?.kill();
    const { code, out } = await run('--json');
    const status = statusJson(out);
    expect(status.status).toBe('degraded');
    expect(status.reasons.join()).toContain(nameOf(standby));
    expect(status.nodes.filter(({ health }) => health === 'ok')).toHaveLength(2);
    expect(code).toBe(1);
  });

  it('ends with 3 if no server answers', async () => {
    const { code, out } = await cli(['status', 'postgres://app@127.0.0.1:1/app', '--timeout', '2']);
    expect(out).toContain('down: no node takes writes');
    expect(out).toContain('127.0.0.1:1');
    expect(code).toBe(3);
  });

  it('follows a failover', async () => {
    const old = nameOf(cluster.primary);
    await cluster.primary.kill();
    await cluster.failover();
    expect(nameOf(cluster.primary)).not.toBe(old);
    const { out } = await run('--json');
    expect(statusJson(out).writable).toBe(nameOf(cluster.primary));
  });

  it('takes the servers from the environment', async () => {
    const [first] = cluster.nodes;
    const env = { PGPASSWORD: PASSWORD, PGHOST: '127.0.0.1', PGPORT: String(first?.port), PGUSER: 'app' };
    const { out } = await cli(['status', '--json'], { env: { ...env, PGDATABASE: 'app' } });
    expect(statusJson(out).nodes, out).toMatchObject([{ node: nameOf(first), health: 'ok' }]);
  });

  it('warns of a password in the argument, and never shows it', async () => {
    const { err, out } = await cli(['status', urlWith(PASSWORD)]);
    expect(err).toContain('The password in the argument can be read');
    expect(`${out}${err}`).not.toContain(PASSWORD);
  });

  it('asks for the password on a terminal, and does not show what is typed', async () => {
    await using terminal = new TerminalRun(['status', urlWith(), '--no-color']);
    await terminal.shows(/Password of app: /);
    terminal.type(`${PASSWORD}\r`);
    await terminal.shows(/up: writes go to/);
    const { out, code } = await terminal.ended;
    expect(out).not.toContain(PASSWORD);
    expect(code).toBe(0);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('gives up asking at %s', async (signal) => {
    const terminal = new TerminalRun(['status', urlWith()], {
      before: 'echo "shell $$"',
    });
    await terminal.shows(/Password of app: /);
    const pid = Number(/shell (\d+)/.exec(terminal.run.out)?.[1]);
    process.kill(pid, signal);
    expect((await terminal.ended).code).toBe(130);
  });

  it('ends quietly if what reads its output goes away', async () => {
    const run = startCli(['status', urlWith()], AS_APP);
    run.process.stdout?.destroy();
    const { code, err } = await run.ended;
    expect(err).toBe('');
    expect(code).toBe(141);
  });
});
