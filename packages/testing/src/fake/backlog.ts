import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { TestClusterError } from '../errors.ts';

/** Listens with the shortest queue there is, then never runs again, so that no connection is accepted. */
const DEAF_LISTENER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ port: workerData.port, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage('listening');
  setImmediate(() => Atomics.wait(new Int32Array(workerData.stop), 0, 0));
});`;

/** Connections that fit into the queue at most, whatever the kernel makes of a backlog of 1. */
const MOST_WAITING = 16;
/** A connection to a port of this host that takes longer than this is not going to be made, milliseconds. */
const LONG_MS = 300;

/**
 * Makes connecting to `port` of 127.0.0.1 hang: a listener that accepts no connection, and as many connections as its queue takes. The port
 * must be free. The returned function ends it.
 *
 * @throws {@link TestClusterError} when the kernel goes on taking connections.
 */
export async function fillBacklog(port: number): Promise<() => Promise<void>> {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(DEAF_LISTENER, { eval: true, workerData: { port, stop } });
  const waiting: Socket[] = [];
  const end = async (): Promise<void> => {
    for (const socket of waiting) socket.destroy();
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
    await worker.terminate();
  };
  await once(worker, 'message');
  for (let count = 0; count < MOST_WAITING; count += 1) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    waiting.push(socket);
    if (!(await connects(socket))) return end;
  }
  await end();
  throw new TestClusterError(
    `The queue of port ${port} took ${MOST_WAITING} connections that were not accepted. This system cannot be made to refuse to queue; use a fault at "accept" instead.`,
  );
}

function connects(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), LONG_MS);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
