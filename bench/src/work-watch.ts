import { readFileSync } from 'node:fs';
import type { TestNode } from '@pgherd/testing';
import { parseSockets } from './receive-queue.ts';

/** Looks out for work that is handed to a node which does not answer any more. */
export interface WorkWatch {
  /** When work was last seen to arrive, epoch ms; `undefined` for never. */
  stop(): number | undefined;
}

/** A goodbye takes 5 bytes and the end of the stream counts as one; no statement is as short. */
const WORK_BYTES = 16;
/** How often the kernel's queues are looked at, ms. */
const LOOK_MS = 5;

/**
 * Watches a frozen server from outside: nothing reads its sockets, so each statement makes the unread bytes
 * of a connection grow. Only connections of the time before count, since a fresh one cannot get past
 * authentication; monitors' and the test kit's are left out.
 */
export async function watchFrozen(node: TestNode): Promise<() => WorkWatch> {
  const carriers = await workPorts(node);
  const sockets = () =>
    parseSockets(readFileSync('/proc/net/tcp', 'utf8')).filter(
      ({ localPort, remotePort }) => localPort === node.directPort && carriers.has(remotePort),
    );
  return () => {
    const seen = new Map(sockets().map(({ remotePort, unread }) => [remotePort, unread]));
    let lastAt: number | undefined;
    const timer = setInterval(() => {
      for (const { remotePort, unread } of sockets()) {
        const before = seen.get(remotePort) ?? unread;
        seen.set(remotePort, unread);
        if (unread - before >= WORK_BYTES) lastAt = Date.now();
      }
    }, LOOK_MS);
    return {
      stop: () => {
        clearInterval(timer);
        return lastAt;
      },
    };
  };
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
      stop: () => {
        void watching.undo();
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
