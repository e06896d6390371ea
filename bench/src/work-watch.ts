import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TestNode } from '@pgherd/testing';
import type { Watched } from './frozen-watcher.ts';

/** Looks out for work that is handed to a node which does not answer any more. */
export interface WorkWatch {
  /** When work was last seen to arrive, epoch ms; `undefined` for never. */
  stop(): Promise<number | undefined>;
}

/** A goodbye takes 5 bytes and the end of the stream counts as one; no statement is as short. */
const WORK_BYTES = 16;
/** A thread does not inherit the loader of TypeScript. */
const BOOT = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./frozen-watcher.ts', import.meta.url).href)});
});`;

/**
 * Watches a frozen server from outside: nothing reads its sockets, so each statement makes the unread bytes
 * of a connection grow. Only connections of the time before count, since a fresh one cannot get past
 * authentication; monitors' and the test kit's are left out.
 */
export async function watchFrozen(node: TestNode): Promise<() => WorkWatch> {
  const watched: Watched = { serverPort: node.directPort, clientPorts: [...(await workPorts(node))] };
  const watcher = new Worker(BOOT, { eval: true, workerData: watched });
  await once(watcher, 'message');
  return () => {
    const from = Date.now();
    let lastAt: Promise<number | undefined> | undefined;
    return {
      stop: () => {
        lastAt ??= lastSeen(watcher, from);
        return lastAt;
      },
    };
  };
}

async function lastSeen(watcher: Worker, from: number): Promise<number | undefined> {
  watcher.postMessage('stop');
  const [at] = (await once(watcher, 'message')) as [number | undefined];
  await watcher.terminate();
  return at !== undefined && at >= from ? at : undefined;
}

/**
 * Watches a node that is cut off: the proxy before it sees what clients still send, and passes none of it on.
 */
export async function watchCutOff(node: TestNode): Promise<() => WorkWatch> {
  const carriers = await workPorts(node);
  return () => {
    let lastAt: number | undefined;
    const watching = node.proxy.watch(({ chunk, direction, serverSidePort }) => {
      if (direction !== 'to-server' || chunk.length < WORK_BYTES) return;
      if (serverSidePort !== undefined && carriers.has(serverSidePort)) lastAt = Date.now();
    });
    return {
      stop: async () => {
        await watching.undo();
        return lastAt;
      },
    };
  };
}

/**
 * Ports, as the server sees them, of connections that carry work of the application: no monitors, no
 * replication.
 */
async function workPorts(node: TestNode): Promise<ReadonlySet<number>> {
  const rows = await node.sql(
    `select client_port as port from pg_stat_activity
     where client_port > 0 and usename = 'app' and application_name not like '% monitor'`,
  );
  return new Set(rows.map((row) => Number(row['port'])));
}
