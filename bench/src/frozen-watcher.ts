import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { parseSockets } from './receive-queue.ts';

/** What is watched: the port of a server, and the ports from which it is spoken to. */
export interface Watched {
  readonly serverPort: number;
  readonly clientPorts: readonly number[];
}

/** A goodbye takes 5 bytes and the end of the stream counts as one; no statement is as short. */
const WORK_BYTES = 16;
/** How often the kernel's queues are looked at, ms, if a look takes little time. */
const LOOK_MS = 5;

/**
 * In a thread of its own, since a look takes milliseconds where there are many sockets: the client's event loop must not wait for it.
 * Posts when it has begun, and for each message when work was last seen to arrive.
 */
function watch({ serverPort, clientPorts }: Watched): void {
  const carriers = new Set(clientPorts);
  const sockets = () =>
    parseSockets(readFileSync('/proc/net/tcp', 'utf8')).filter(
      ({ localPort, remotePort }) => localPort === serverPort && carriers.has(remotePort),
    );
  const seen = new Map(sockets().map(({ remotePort, unread }) => [remotePort, unread]));
  let lastAt: number | undefined;
  const look = () => {
    const startedAt = performance.now();
    for (const { remotePort, unread } of sockets()) {
      const before = seen.get(remotePort) ?? unread;
      seen.set(remotePort, unread);
      if (unread - before >= WORK_BYTES) lastAt = Date.now();
    }
    // It shares the processor with the servers.
    setTimeout(look, Math.max(LOOK_MS, 3 * (performance.now() - startedAt)));
  };
  look();
  parentPort?.on('message', () => parentPort?.postMessage(lastAt));
  parentPort?.postMessage('begun');
}

if (!isMainThread) watch(workerData as Watched);
