import type { Socket } from 'node:net';
import type { ConnectRequest } from '../connection/port.ts';
import { onAbort } from '../time/wait.ts';
import { openSocket } from './socket.ts';
import type { TlsAttempt } from './tls.ts';

/** The session whose statement is to be cancelled, and the address of its server. */
export interface CancelTarget {
  readonly request: Pick<ConnectRequest, 'address' | 'tls'>;
  /** How the connection itself was opened: its key must not travel with less protection. */
  readonly attempt: TlsAttempt;
  /** IP address of the other side of the connection: the name may resolve to another server by now. */
  readonly remoteAddress: string | undefined;
  readonly processId: number;
  /** As the server gave it; longer than four bytes from protocol 3.2 on. */
  readonly secretKey: number | Buffer;
}

/** The number in the place of a protocol version: 1234 and 5678. */
const CANCEL_REQUEST = 80_877_102;
const HEAD_BYTES = 12;

/**
 * Asks a server to cancel what runs on one of its sessions, over a new connection to the same address.
 * Resolves when the server has closed that connection, which it does once the request was passed on; the
 * server never reports whether anything was cancelled. An abort destroys the socket and rejects with the
 * signal's reason.
 */
export async function requestCancel(target: CancelTarget, signal: AbortSignal): Promise<void> {
  const { request, attempt, remoteAddress } = target;
  const pinned = request.address.transport === 'tcp' && remoteAddress !== undefined;
  const address = pinned ? { ...request.address, hostaddr: remoteAddress } : request.address;
  const socket = await openSocket({ address, tls: request.tls, keepAliveMs: undefined }, attempt, signal);
  const forget = onAbort(signal, () => socket.destroy());
  try {
    await closedAfter(socket, cancelPacket(target));
    signal.throwIfAborted();
  } finally {
    forget();
    socket.destroy();
  }
}

/** The bytes of the request: length, number, process and key. */
export function cancelPacket({
  processId,
  secretKey,
}: Pick<CancelTarget, 'processId' | 'secretKey'>): Buffer {
  const key = typeof secretKey === 'number' ? keyBytes(secretKey) : secretKey;
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(HEAD_BYTES + key.length, 0);
  head.writeUInt32BE(CANCEL_REQUEST, 4);
  head.writeInt32BE(processId, 8);
  return Buffer.concat([head, key]);
}

/** The key has 32 bits without a sign; `pg` reads it with one. */
function keyBytes(key: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(key | 0);
  return bytes;
}

function closedAfter(socket: Socket, packet: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => resolve());
    // The end of a stream is noticed only if the stream is read.
    socket.resume();
    socket.write(packet);
  });
}
