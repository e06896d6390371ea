import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestCluster, waitUntil } from '@pgherd/testing';
import { freePort } from './free-port.ts';

/** How long compiling may take on a very busy machine, ms. */
const PATIENCE_MS = 240_000;
const RELOADS = 3;

/** The module that makes the shared cluster, and what the page shows of it. */
const MODULE = 'lib/cluster.ts';
const TITLE = 'Accounts';

/** Changes the module of the cluster under `next dev`, and resolves to what was wrong: no change may make another cluster. */
export async function checkReload(
  cluster: TestCluster,
  cwd: string,
  node: string,
  next: string,
): Promise<string[]> {
  const file = join(cwd, MODULE);
  const source = readFileSync(file, 'utf8');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const args = [next, 'dev', '--hostname', '127.0.0.1', '--port', String(port)];
  const env = { ...process.env, DATABASE_URL: cluster.url, NEXT_TELEMETRY_DISABLED: '1' };
  // `next dev` has children of its own, which end with its group.
  const child = spawn(node, args, { cwd, env, stdio: 'ignore', detached: true });
  const exited = once(child, 'exit');
  const shows = (title: string) =>
    waitUntil(
      async () => {
        const page = await fetch(url).then(
          (response) => response.text(),
          () => '',
        );
        return page.includes(`<h1>${title}</h1>`);
      },
      { timeoutMs: PATIENCE_MS, what: `the page with the title ${title}` },
    );
  try {
    await shows(TITLE);
    // All monitors, and connections for reads.
    await waitUntil(async () => (await fetch(`${url}readyz`)).status === 200, { what: 'readiness' });
    await shows(TITLE);
    const before = await sessions(cluster);
    for (let n = 1; n <= RELOADS; n++) {
      writeFileSync(file, source.replace(`'${TITLE}'`, `'${TITLE} ${n}'`));
      await shows(`${TITLE} ${n}`);
    }
    const opened = (await sessions(cluster)).filter((one) => !before.includes(one));
    // The pool may open one for each standby; a cluster that is made anew opens one for each node at least.
    if (opened.length < cluster.nodes.length) return [];
    return [`${RELOADS} changes of ${MODULE} opened ${opened.length} connections.`];
  } finally {
    writeFileSync(file, source);
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await exited;
  }
}

/** The sessions of the application on all servers. */
async function sessions(cluster: TestCluster): Promise<string[]> {
  const found: string[] = [];
  for (const node of cluster.nodes) {
    const rows = await cluster.sql(
      node,
      "select pid from pg_stat_activity where backend_type = 'client backend' and usename = 'app'",
    );
    found.push(...rows.map((row) => `${node.name}: ${row['pid']}`));
  }
  return found;
}
