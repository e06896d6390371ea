import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createTestCluster, type ServerSettings, type TestCluster, type TestNode } from '@pgherd/testing';
import { connect } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../src/cli.ts';
import { allCaughtUp, nameOf, restore } from '../../src/support.ts';

interface Doctor {
  readonly asked: readonly string[];
  readonly findings: readonly { readonly rule: string; readonly node: string | null }[];
}

/** The kit's servers give up durability for speed; a good one does not. */
const GOOD = { fsync: true, full_page_writes: true };

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, settings: GOOD });
  await allCaughtUp(cluster);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

async function examined(
  args: readonly string[] = [],
  url = cluster.url,
  env: Readonly<Record<string, string>> = {},
): Promise<Doctor & { code: number | null }> {
  const { out, err, code } = await cli(['doctor', url, '--json', ...args], { env });
  expect(out, err).not.toBe('');
  return { ...(JSON.parse(out) as Doctor), code };
}

const asSuperuser = () => cluster.url.replace(/\/\/app(?::[^@]*)?@/, '//postgres@');
const onPrimary = async (text: string): Promise<void> => {
  await cluster.primary.sql(text);
  await allCaughtUp(cluster);
};

interface Planted {
  readonly rule: string;
  /** Plants it, and returns how it is taken back. */
  readonly plant: () => Promise<() => Promise<unknown>>;
  readonly args?: readonly string[];
  readonly url?: () => string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Lets the program's own clock be off by so many milliseconds: to it, the servers' clocks are. */
const withClock = (offMs: number): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
    `const Real = Date; globalThis.Date = class extends Real {
      constructor(...parts) { if (parts.length === 0) super(Real.now() + ${offMs}); else super(...parts); }
      static now() { return Real.now() + ${offMs}; }
    };`,
  )}`,
});

const nothing = async (): Promise<void> => undefined;
const statements = (plant: string, undo: string) => async () => {
  await onPrimary(plant);
  return () => onPrimary(undo);
};
const configured =
  (which: 'primary' | 'standby', settings: ServerSettings, back: ServerSettings) => async () => {
    const node = which === 'primary' ? cluster.primary : cluster.standbys[0];
    await node?.configure(settings);
    return async () => node?.configure(back);
  };

const inApp = async (text: string): Promise<void> => {
  await using session = await connect(asSuperuser(), { env: {} });
  await session.query(text);
  await allCaughtUp(cluster);
};

/** Makes an extension that the primary has in one version, and the standbys in another or not at all. */
async function withExtension(onPrimaryVersion: string, onStandbys?: string): Promise<() => Promise<void>> {
  const offer = async (node: TestNode, version: string): Promise<void> => {
    const directory = await mkdtemp(path.join(path.dirname(node.dataDirectory), 'extensions-'));
    const files = path.join(directory, 'extension');
    await mkdir(files);
    await writeFile(path.join(files, 'herd_toy.control'), `default_version = '${version}'\n`);
    await writeFile(path.join(files, `herd_toy--${version}.sql`), 'select 1;\n');
    await chmod(directory, 0o755);
    await node.configureAndConfirm('extension_control_path', `${directory}:$system`);
  };
  await offer(cluster.primary, onPrimaryVersion);
  if (onStandbys !== undefined) for (const node of cluster.standbys) await offer(node, onStandbys);
  await inApp('create extension herd_toy');
  return async () => {
    await inApp('drop extension herd_toy');
    for (const node of cluster.nodes) await node.configureAndConfirm('extension_control_path', '$system');
  };
}

const PLANTED: readonly Planted[] = [
  { rule: 'too-few-connections', plant: async () => nothing, args: ['--processes', '40'] },
  { rule: 'superuser-login', plant: async () => nothing, url: asSuperuser },
  { rule: 'keepalives-off', plant: async () => nothing, url: () => `${cluster.url}?keepalives=0` },
  {
    rule: 'same-server-twice',
    plant: async () => nothing,
    url: () => cluster.url.replace(/@(127\.0\.0\.1:)(\d+)/, '@127.0.0.1:$2,localhost:$2'),
  },
  {
    rule: 'too-few-connections',
    plant: statements('alter role app connection limit 5', 'alter role app connection limit -1'),
  },
  {
    rule: 'slot-inactive',
    plant: statements(
      `select pg_create_physical_replication_slot('forgotten', true)`,
      `select pg_drop_replication_slot('forgotten')`,
    ),
  },
  {
    rule: 'control-file-hidden',
    plant: async () => {
      await inApp('revoke execute on function pg_control_system() from public');
      return () => inApp('grant execute on function pg_control_system() to public');
    },
  },
  {
    rule: 'statement-timeout-short',
    plant: statements('alter role app set statement_timeout = 900', 'alter role app reset statement_timeout'),
  },
  {
    rule: 'idle-timeout-short',
    plant: statements(
      `alter role app set idle_session_timeout = '20s'`,
      'alter role app reset idle_session_timeout',
    ),
  },
  {
    rule: 'read-only-primary',
    plant: configured(
      'primary',
      { default_transaction_read_only: true },
      { default_transaction_read_only: false },
    ),
  },
  {
    rule: 'read-only-by-default',
    plant: statements(
      'alter database app set default_transaction_read_only = on',
      'alter database app reset default_transaction_read_only',
    ),
  },
  {
    rule: 'read-only-by-default',
    plant: statements(
      'alter role app in database app set default_transaction_read_only = yes',
      'alter role app in database app reset default_transaction_read_only',
    ),
  },
  { rule: 'extension-missing', plant: () => withExtension('1.0') },
  { rule: 'different-extensions', plant: () => withExtension('1.0', '1.1') },
  {
    rule: 'different-preloads',
    plant: async () => {
      // Other roles may not see it.
      await onPrimary('grant pg_monitor to app');
      const [standby] = cluster.standbys;
      const preload = async (libraries: string) => {
        await standby?.configure({ shared_preload_libraries: libraries });
        await (await standby?.stop('fast'))?.undo();
        await allCaughtUp(cluster);
      };
      await preload('auto_explain');
      return async () => {
        await preload('');
        await onPrimary('revoke pg_monitor from app');
      };
    },
  },
  {
    rule: 'weak-passwords',
    plant: configured('primary', { password_encryption: 'md5' }, { password_encryption: 'scram-sha-256' }),
  },
  {
    rule: 'durability-off',
    plant: configured('primary', { synchronous_commit: 'off' }, { synchronous_commit: 'on' }),
  },
  {
    rule: 'synchronous-standby-missing',
    plant: async () => {
      // Other roles may not see which standbys confirm.
      await onPrimary('grant pg_monitor to app');
      await cluster.primary.configure({ synchronous_standby_names: 'gone' });
      return async () => {
        await cluster.primary.configure({ synchronous_standby_names: '' });
        await onPrimary('revoke pg_monitor from app');
      };
    },
  },
  {
    rule: 'reads-hold-up-replay',
    plant: configured('standby', { max_standby_streaming_delay: -1 }, { max_standby_streaming_delay: '30s' }),
  },
  {
    rule: 'replay-delayed',
    plant: configured('standby', { recovery_min_apply_delay: '1min' }, { recovery_min_apply_delay: 0 }),
  },
  {
    rule: 'replay-paused',
    plant: async () => {
      await cluster.standbys[0]?.pauseReplay();
      return async () => cluster.standbys[0]?.resumeReplay();
    },
  },
  {
    rule: 'not-receiving',
    plant: async () => {
      await cluster.standbys[0]?.follow(undefined);
      return nothing;
    },
  },
  {
    rule: 'no-primary',
    plant: async () => {
      await cluster.primary.kill();
      return nothing;
    },
  },
  {
    rule: 'node-not-believed',
    plant: async () => {
      await cluster.standbys[0]?.promote();
      return nothing;
    },
  },
  {
    rule: 'far-behind',
    plant: async () => {
      await cluster.standbys[0]?.pauseReplay();
      // Five files of 16 MB, of which next to nothing is written.
      for (let file = 0; file < 5; file++)
        await cluster.primary.sql(`select pg_logical_emit_message(false, 'doctor', ''), pg_switch_wal()`);
      return async () => cluster.standbys[0]?.resumeReplay();
    },
  },
  { rule: 'clock-skew', plant: async () => nothing, env: withClock(10_000) },
  // PostgreSQL 18 ends in November 2030.
  { rule: 'end-of-life', plant: async () => nothing, env: withClock(6 * 365 * 86_400_000) },
  {
    rule: 'node-not-examined',
    plant: async () => {
      await inApp('revoke select on pg_extension from public');
      return () => inApp('grant select on pg_extension to public');
    },
  },
  {
    rule: 'node-unreachable',
    plant: async () => {
      await cluster.standbys[0]?.kill();
      return nothing;
    },
  },
];

describe('pgherd doctor', () => {
  it('is silent on a good cluster', async () => {
    const { findings, code, asked } = await examined();
    expect(findings).toEqual([]);
    expect([...asked].sort()).toEqual(cluster.nodes.map(nameOf).sort());
    expect(code).toBe(0);
  });

  it.each(PLANTED)('finds $rule', async ({ rule, plant, args, url, env }) => {
    const undo = await plant();
    try {
      const { findings, code } = await examined(args, url?.(), env);
      expect(findings.map((finding) => finding.rule)).toContain(rule);
      expect(code).toBe(1);
    } finally {
      await undo();
    }
  });

  it('finds unencrypted and wal-level-minimal on a lone server', async () => {
    await using lone = await createTestCluster({
      standbys: 0,
      tls: true,
      settings: { ...GOOD, wal_level: 'minimal', max_wal_senders: 0 },
    });
    const { findings } = await examined([], `${lone.url}?sslmode=disable`);
    expect(findings.map(({ rule }) => rule).sort()).toEqual(['unencrypted', 'wal-level-minimal']);
  });
});
