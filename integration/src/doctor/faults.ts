import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  createTestAddress,
  createTestCluster,
  type ServerSettings,
  type TestCluster,
  type TestNode,
  waitUntil,
} from '@pgherd/testing';
import { connect } from 'pgherd';
import { allCaughtUp, nameOf, rejection } from '../support.ts';

/** The kit's servers give up durability for speed; a good one does not. */
export const GOOD = Object.freeze({ fsync: true, full_page_writes: true });

/** Something that is wrong now. */
export interface Planted {
  /** What the doctor is given, if it is not the cluster's own. */
  readonly url?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes it back. What the cluster repairs by itself after each test need not be undone. */
  readonly undo?: () => Promise<unknown>;
}

/** The oldest version; its servers are fetched where they are not there. */
const OLDEST = 13;

export const asSuperuser = ({ url }: TestCluster): string =>
  url.replace(/\/\/app(?::[^@]*)?@/, '//postgres@');

export async function onPrimary(cluster: TestCluster, text: string): Promise<void> {
  await cluster.primary.sql(text);
  await allCaughtUp(cluster);
}

export async function inApp(cluster: TestCluster, text: string): Promise<void> {
  await using session = await connect(asSuperuser(cluster), { env: {} });
  await session.query(text);
  await allCaughtUp(cluster);
}

export const statements =
  (run: typeof onPrimary, plant: string, undo: string) => async (cluster: TestCluster) => {
    await run(cluster, plant);
    return { undo: () => run(cluster, undo) };
  };

export const alter = (what: string, set: string) => {
  const [name = ''] = set.split(/ = /);
  // It may be the session of the undoing that begins read-only.
  return statements(
    onPrimary,
    `alter ${what} set ${set}`,
    `begin read write; alter ${what} reset ${name}; commit`,
  );
};

export function firstStandby({ standbys: [standby] }: TestCluster): TestNode {
  if (standby === undefined) throw new Error('the cluster has no standby');
  return standby;
}

export const configured =
  (which: 'primary' | 'standby', settings: ServerSettings, back: ServerSettings) =>
  async (cluster: TestCluster) => {
    const node = which === 'primary' ? cluster.primary : firstStandby(cluster);
    await node.configure(settings);
    return { undo: () => node.configure(back) };
  };

/** What the role of applications may not see. */
export async function withMonitorRights(
  cluster: TestCluster,
  undo: () => Promise<unknown>,
): Promise<Planted> {
  await onPrimary(cluster, 'grant pg_monitor to app');
  return {
    undo: async () => {
      await undo();
      await onPrimary(cluster, 'revoke pg_monitor from app');
    },
  };
}

/** Lets the program's own clock be off by so many milliseconds: to it, the servers' clocks are. */
export const withClock = (offMs: number): Planted => ({
  env: {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(
      `const Real = Date; globalThis.Date = class extends Real {
        constructor(...parts) { if (parts.length === 0) super(Real.now() + ${offMs}); else super(...parts); }
        static now() { return Real.now() + ${offMs}; }
      };`,
    )}`,
  },
});

/** Makes an extension that the primary has in one version, and the standbys in another or not at all. */
export const extension = (onPrimaryVersion: string, onStandbys?: string) => async (cluster: TestCluster) => {
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
  await inApp(cluster, 'create extension herd_toy');
  return {
    undo: async () => {
      await inApp(cluster, 'drop extension herd_toy');
      for (const node of cluster.nodes) await node.configureAndConfirm('extension_control_path', '$system');
    },
  };
};

/** A standby alone loads a library at its start. */
export async function preload(cluster: TestCluster): Promise<Planted> {
  const standby = firstStandby(cluster);
  const load = async (libraries: string) => {
    await standby.configure({ shared_preload_libraries: libraries });
    await (await standby.stop('fast')).undo();
    await allCaughtUp(cluster);
  };
  await load('auto_explain');
  return withMonitorRights(cluster, () => load(''));
}

/** The list names a server of another version, as after an upgrade to servers beside the old ones. */
export async function olderServer(cluster: TestCluster): Promise<Planted> {
  const old = await createTestCluster({ standbys: 0, version: OLDEST, settings: GOOD });
  return {
    url: cluster.url.replace(/\/app$/, `,${nameOf(old.primary)}/app`),
    undo: () => old.close(),
  };
}

/** One address before some of the servers, beside the servers that the URL names by themselves. */
export const balancer =
  (
    named: (cluster: TestCluster) => readonly TestNode[],
    behind: (cluster: TestCluster) => readonly TestNode[],
  ) =>
  async (cluster: TestCluster): Promise<Planted> => {
    const address = await createTestAddress(...behind(cluster));
    const hosts = [...named(cluster).map(nameOf), `127.0.0.1:${address.port}`];
    return { url: `postgresql://app:app@${hosts.join(',')}/app`, undo: () => address.close() };
  };

/** A read of a standby loses rows that it may still need, since the primary has removed them. */
export async function cancelledRead(cluster: TestCluster): Promise<Planted> {
  const standby = firstStandby(cluster);
  await standby.configureAndConfirm('max_standby_streaming_delay', '0ms');
  await inApp(cluster, 'create table removed as select 1 as id');
  await inApp(cluster, 'grant select on removed to app');
  {
    await using reader = await connect(standby.directUrl, { target: 'any', env: {} });
    await reader.query('begin isolation level repeatable read');
    await reader.query('select * from removed');
    await inApp(cluster, 'delete from removed');
    const refused = rejection(reader.query('select pg_sleep(3600)'));
    await inApp(cluster, 'vacuum removed');
    await refused;
  }
  const conflicts = `select confl_snapshot::int as n from pg_stat_database_conflicts where datname = 'app'`;
  await waitUntil(async () => Number((await standby.sql(conflicts))[0]?.['n']) > 0, {
    what: 'the standby to count the read that it cancelled',
  });
  return {
    undo: async () => {
      await standby.configureAndConfirm('max_standby_streaming_delay', '30000ms');
      await inApp(cluster, 'drop table removed');
      const url = standby.directUrl.replace('//app:app@', '//postgres@');
      await using session = await connect(url, { target: 'any', env: {} });
      await session.query('select pg_stat_reset()');
    },
  };
}

export async function farBehind(cluster: TestCluster): Promise<Planted> {
  const standby = firstStandby(cluster);
  await standby.pauseReplay();
  // Five files of 16 MB, of which next to nothing is written.
  for (let file = 0; file < 5; file++)
    await cluster.primary.sql(`select pg_logical_emit_message(false, 'doctor', ''), pg_switch_wal()`);
  return { undo: () => standby.resumeReplay() };
}

/** A server of its own, to which the connection is made without TLS. */
export const lone = (settings: ServerSettings, tls: boolean) => async (): Promise<Planted> => {
  const server = await createTestCluster({ standbys: 0, tls, settings: { ...GOOD, ...settings } });
  return { url: `${server.url}${tls ? '?sslmode=disable' : ''}`, undo: () => server.close() };
};

/** A server that does not run. */
export const killed = (which: (cluster: TestCluster) => TestNode) => async (cluster: TestCluster) => {
  await which(cluster).kill();
  return {};
};

/** Whether the servers of {@link OLDEST} may be fetched: in CI, or where `PGHERD_TEST_VERSIONS` names the version. */
export const mayFetchOldest =
  process.env['CI'] !== undefined ||
  (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').includes(String(OLDEST));
