import { chmod, mkdtemp, statfs, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { TestCluster } from './cluster.ts';
import { TestClusterError } from './errors.ts';
import { type ClusterOptions, resolveOptions, type TestClusterOptions } from './options.ts';
import { ensurePostgres, type PostgresInstallation } from './postgres/ensure.ts';
import { type PortReservation, reservePorts } from './process/ports.ts';
import { canReach, findRunUser, type RunUser } from './process/run-user.ts';
import { theSupervisor } from './process/supervisor.ts';
import { startProxy } from './proxy/proxy.ts';
import { ServerLog } from './server/log.ts';
import { type NodeSurroundings, TestNode } from './server/node.ts';
import { rejoin } from './server/rejoin.ts';
import { ServerProcess } from './server/server.ts';
import { renderHba, renderSettings, synchronousSettings } from './server/settings.ts';
import { buildDataDirectory, copyStopped, ensureTemplate, giveTo } from './server/template.ts';
import { placeTls, prepareTls, TLS_SETTINGS } from './tls/server.ts';

/**
 * Starts a real primary and its streaming standbys on free ports of 127.0.0.1; resolves when all standbys stream. Use it with
 * `await using`, or call `close()`; if the process dies without that, its servers and directories go with it.
 *
 * @throws {@link TestClusterError} when an option breaks a rule, PostgreSQL cannot be had, or a server does not start.
 * @example
 * await using cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'on', any: 1 } });
 * await cluster.primary.kill();
 * const { promoted } = await cluster.failover({ afterMs: 1_000 });
 */
export async function createTestCluster(given: TestClusterOptions = {}): Promise<TestCluster> {
  const options = resolveOptions(given);
  const supervisor = theSupervisor();
  const [postgres, user] = await Promise.all([ensurePostgres(options.choice), findRunUser()]);
  const directory = await makeDirectory(user);
  supervisor.watch(directory);
  const count = options.standbys + 1;
  const reservation = await reservePorts(options.proxy ? 2 * count : count);
  const site: Site = { options, postgres, user, directory, reservation };
  try {
    const cluster = await assemble(site);
    await startAll(cluster, site);
    return cluster;
  } catch (error) {
    reservation.release();
    await supervisor.remove(directory);
    throw error;
  }
}

interface Site {
  readonly options: ClusterOptions;
  readonly postgres: PostgresInstallation;
  readonly user: RunUser;
  readonly directory: string;
  readonly reservation: PortReservation;
}

/** Memory is used for the servers' directories when this much of it is free. */
const ROOMY_BYTES = 8 * 1024 ** 3;

/**
 * `PGHERD_TESTING_DIR`; else memory (`/dev/shm`) where there is plenty, since copying three data directories to a busy disk takes
 * seconds; else the system's folder for temporary files.
 */
async function candidateFolders(): Promise<string[]> {
  const chosen = process.env['PGHERD_TESTING_DIR'];
  if (chosen) return [path.resolve(chosen)];
  const usual = [os.tmpdir(), '/tmp', '/var/tmp'];
  try {
    const memory = await statfs('/dev/shm');
    const free = Math.min(memory.bavail * memory.bsize, os.freemem());
    return free >= ROOMY_BYTES ? ['/dev/shm', ...usual] : usual;
  } catch {
    return usual;
  }
}

async function makeDirectory(user: RunUser): Promise<string> {
  const folders = await candidateFolders();
  for (const folder of folders) {
    if (!(await canReach(folder, user))) continue;
    const directory = await mkdtemp(path.join(folder, 'pgherd-testing-'));
    await giveTo(directory, user);
    await chmod(directory, 0o755);
    return directory;
  }
  throw new TestClusterError(
    `None of ${folders.join(', ')} can be entered by the user ${user.uid} that runs the servers. ` +
      'Set PGHERD_TESTING_DIR to a folder that can.',
  );
}

async function assemble(site: Site): Promise<TestCluster> {
  const { options, user, reservation } = site;
  const count = options.standbys + 1;
  const ports = reservation.ports.slice(0, count);
  const proxies = await Promise.all(
    ports.map((port, index) => {
      const proxyPort = reservation.ports[count + index];
      return proxyPort === undefined ? undefined : startProxy(proxyPort, port);
    }),
  );
  const surroundings: NodeSurroundings = {
    giveTo: (place) => giveTo(place, user),
    copy: (from, to) => copyStopped(from, to, user),
    primary: () => cluster.primary,
    promoted: (node) => cluster.promoted(node),
    rejoin: async (node) => {
      await rejoin(node, cluster.primary, user);
      await cluster.waitForStreaming();
    },
    replicationAddress: (node) =>
      `host=${node.host} port=${options.replicationThroughProxy ? node.port : node.directPort}`,
  };
  const nodes = ports.map((port, index) => {
    const name = `node${index + 1}`;
    const log = new ServerLog(path.join(site.directory, `${name}.log`));
    const server = new ServerProcess(site.postgres.binDir, path.join(site.directory, name), log, user);
    return new TestNode({ name, port, server, proxy: proxies[index], surroundings });
  });
  const [primary] = nodes;
  if (!primary) throw new TestClusterError('A cluster has at least one node.');
  const cleanUp = (): Promise<void> => dismantle(nodes, site);
  const cluster = new TestCluster({ nodes, primary, version: site.postgres.major, options, cleanUp });
  return cluster;
}

async function startAll(cluster: TestCluster, site: Site): Promise<void> {
  const { options, user } = site;
  const template = await sourceDirectory(site);
  await Promise.all(cluster.nodes.map((node) => copyStopped(template, node.dataDirectory, user)));
  const names = cluster.nodes.map((node) => node.name);
  const synchronous = synchronousSettings(options.synchronous, names);
  const tls = options.tls === undefined ? undefined : await prepareTls(options.tls, site.directory);
  if (tls !== undefined) cluster.speaksTls(tls);
  const settings = renderSettings({ ...synchronous, ...(tls && TLS_SETTINGS), ...options.settings });
  await Promise.all(
    cluster.nodes.map(async (node) => {
      await writeFile(path.join(node.dataDirectory, 'postgresql.conf'), settings);
      await writeFile(path.join(node.dataDirectory, 'pg_hba.conf'), renderHba(options.auth, options.tls));
      if (tls !== undefined) await placeTls(node.dataDirectory, tls, (place) => giveTo(place, user));
      if (node === cluster.primary) return node.configure({});
      await node.markAsStandby(true);
      await node.follow(cluster.primary);
    }),
  );
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await cluster.waitForStreaming();
}

async function sourceDirectory(site: Site): Promise<string> {
  if (!site.options.freshIdentity) return ensureTemplate(site.postgres, site.user);
  const fresh = path.join(site.directory, 'source');
  await buildDataDirectory(fresh, site.postgres, site.user);
  return fresh;
}

async function dismantle(nodes: readonly TestNode[], site: Site): Promise<void> {
  await Promise.all(nodes.map((node) => node.close()));
  await theSupervisor().remove(site.directory);
  site.reservation.release();
}
