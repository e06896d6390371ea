import type { Socket } from 'node:net';

/**
 * Ends a connection by RST. A socket whose own end is on its way is destroyed instead: libuv refuses to reset it, and Node
 * then takes it for closing for ever, so that its descriptor leaks, `close` never comes and the process cannot end by itself
 * (seen with Node 20.20).
 */
export function resetSocket(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
