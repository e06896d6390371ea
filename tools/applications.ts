import { join } from 'node:path';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type Application, RunningApplication, SCHEMA } from './lib/application.ts';
import type { Finding } from './lib/findings.ts';
import { checkReload } from './lib/next-reload.ts';

/** Acknowledged transfers after which a fault counts as survived. */
const PROGRESS = 20;
/** How long a manager of the cluster takes to notice, ms. */
const FAILOVER_AFTER_MS = 500;
/** By a fault each of four requests may fail that is under way, and the next one on each connection. */
const MAY_FAIL = 8;

const MODULES = '../../node_modules';
const NEXT = `${MODULES}/next/dist/bin/next`;

/** Applications that were written for `pg`, and moved by the guide. */
export const APPLICATIONS: readonly Application[] = [
  { name: 'fastify', start: () => ['src/server.ts'], prefix: '' },
  {
    name: 'nestjs',
    build: [`${MODULES}/typescript/bin/tsc`, '-p', '.'],
    start: () => ['dist/main.js'],
    prefix: '',
  },
  {
    name: 'next',
    build: [NEXT, 'build'],
    start: (port) => [NEXT, 'start', '--hostname', '127.0.0.1', '--port', String(port)],
    prefix: '/api',
    page: '/',
  },
];

/** Runs applications through a failover and a switchover, one after the other. `folder` has a folder for each. */
export async function checkApplications(
  folder: string,
  node: string,
  names: readonly string[],
): Promise<Finding[]> {
  if (names.length === 0) return [];
  await using cluster = await createTestCluster({
    standbys: 2,
    proxy: true,
    synchronous: { commit: 'on', any: 1 },
  });
  const findings: Finding[] = [];
  console.log('| application | transfers | failed |\n| --- | --- | --- |');
  for (const application of APPLICATIONS.filter(({ name }) => names.includes(name))) {
    const file = `examples/applications/${application.name}`;
    try {
      const messages = await tried(cluster, application, join(folder, application.name), node);
      findings.push(...messages.map((message) => ({ file, message })));
    } catch (error) {
      findings.push({ file, message: String(error) });
    }
  }
  return findings;
}

/** What was wrong. */
async function tried(
  cluster: TestCluster,
  application: Application,
  folder: string,
  node: string,
): Promise<string[]> {
  await onPrimary(cluster, SCHEMA);
  const running = await RunningApplication.start(application, folder, node, cluster.url);
  try {
    const wrong = await running.tryRoutes();
    running.load();
    await running.more(PROGRESS);
    const old = cluster.primary;
    await old.kill();
    await cluster.failover({ afterMs: FAILOVER_AFTER_MS });
    await running.more(PROGRESS);
    await old.rejoin();
    await cluster.waitForStreaming();
    const [to] = cluster.standbys;
    if (to === undefined) throw new Error('A switchover takes a standby.');
    await cluster.switchover(to);
    await running.more(PROGRESS);
    await running.becomesHealthy();
    await running.rest();
    wrong.push(...(await running.stop()), ...(await judge(cluster, running)));
    if (application.name === 'next') wrong.push(...(await checkReload(cluster, folder, node, NEXT)));
    console.log(`| ${application.name} | ${running.acknowledged.length} | ${running.failures.length} |`);
    return wrong;
  } finally {
    running.kill();
  }
}

/** What is wrong with the books: of the two balances, and of the transfers that were acknowledged. */
async function judge(
  cluster: TestCluster,
  { acknowledged, failures }: RunningApplication,
): Promise<string[]> {
  const wrong: string[] = [];
  const stored = await onPrimary<{ key: string }>(cluster, 'select key from transfer');
  const keys = new Set(stored.map(({ key }) => key));
  const lost = acknowledged.filter((key) => !keys.has(key));
  if (lost.length > 0) wrong.push(`${lost.length} acknowledged transfers are lost.`);
  if (keys.size < stored.length) wrong.push(`${stored.length - keys.size} transfers are there twice.`);
  const accounts = await onPrimary<{ balance: string }>(cluster, 'select balance from account order by id');
  const [from, to] = accounts.map(({ balance }) => Number(balance));
  if (to !== stored.length || from !== 1_000_000 - stored.length)
    wrong.push(`${stored.length} transfers have led to the balances ${from} and ${to}.`);
  if (failures.length > 2 * MAY_FAIL)
    wrong.push(`${failures.length} transfers failed in two faults:\n${failures.join('\n')}`);
  return wrong;
}

async function onPrimary<R extends pg.QueryResultRow>(cluster: TestCluster, text: string): Promise<R[]> {
  const client = new pg.Client(cluster.primary.url);
  await client.connect();
  try {
    return (await client.query<R>(text)).rows;
  } finally {
    await client.end();
  }
}
