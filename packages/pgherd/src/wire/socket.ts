import { connect as connectTcp, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { ConnectRequest, TlsRequest } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import { onAbort } from '../time/wait.ts';
import { handshakeFailure, type TlsAttempt, tlsOptions } from './tls.ts';

/** The address, and how to connect. */
export type SocketRequest = Pick<ConnectRequest, 'address' | 'addresses' | 'tls' | 'keepAliveMs'>;

/** How a socket is opened and read. */
export interface SocketOptions {
  /** Whether a server without TLS is accepted, on the same socket. Default `false`. */
  readonly elseInClear?: boolean | undefined;
  /**
   * Whether the bytes of the event `data` are valid only during the call of its listeners, unless the socket is encrypted; what comes
   * while there is no listener is lost. Default `false`.
   */
  readonly reusesBuffer?: boolean | undefined;
}

/** PostgreSQL's SSLRequest: its length, and the number 80877103 in the place of a protocol version. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** The name of PostgreSQL's protocol in a TLS handshake. */
const ALPN_NAME = 'postgresql';

/**
 * Opens a socket to a server, ready for the startup packet or a cancel request: connected and, for `tls`,
 * encrypted, with the server's certificate checked as the request says. Certificates and keys are read from
 * their files each time. An abort
 * destroys the socket and rejects with the signal's reason; otherwise it rejects with the system's error.
 * @throws PgHerdError `PGHERD_TLS_FAILED` if TLS is not available, or not as the request demands it.
 */
export async function openSocket(
  request: SocketRequest,
  attempt: TlsAttempt,
  signal: AbortSignal,
  { elseInClear = false, reusesBuffer = false }: SocketOptions = {},
): Promise<Socket> {
  const options = attempt === 'tls' ? await tlsOptions(request.tls, request.address) : undefined;
  signal.throwIfAborted();
  const onread = reusesBuffer ? readingIntoOneBuffer(() => socket) : undefined;
  const socket = dial(request, onread);
  if (onread !== undefined) readSo.add(socket);
  // Destroys a TLS socket over it as well.
  const forget = onAbort(signal, () => socket.destroy());
  try {
    await happened(socket, 'connect');
    if (options === undefined) return socket;
    const direct = request.tls.negotiation === 'direct';
    const answer = direct ? 'tls' : await agreeOnTls(socket);
    if (answer === 'tls') return await encrypt(socket, options, request.tls);
    if (elseInClear) return socket;
    throw new PgHerdError('PGHERD_TLS_FAILED', NO_TLS);
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    forget();
  }
}

async function encrypt(socket: Socket, options: ConnectionOptions, request: TlsRequest): Promise<TLSSocket> {
  try {
    const encrypted = connectTls({ ...options, socket, ALPNProtocols: [ALPN_NAME] });
    await happened(encrypted, 'secureConnect');
    if (request.negotiation === 'direct') checkProtocol(encrypted);
    return encrypted;
  } catch (error) {
    throw handshakeFailure(error, request);
  }
}

/** All sockets that reuse it: each read is taken in before the next one. */
let oneBuffer: Buffer | undefined;
const BUFFER_BYTES = 65_536;
const readSo = new WeakSet<Socket>();

/** Whether the bytes of this socket's event `data` are valid only during the call of its listeners. */
export function readsIntoOneBuffer(socket: Socket): boolean {
  return readSo.has(socket);
}

/**
 * Reads into one buffer for all sockets, and past Node's queue for streams: less work for each read. Not on Windows, which may choose
 * the memory before it reads, so that each socket would need its own; nor on Deno, where such a socket cannot be encrypted later.
 */
function readingIntoOneBuffer(socketOf: () => Socket): OnReadOpts | undefined {
  if (process.platform === 'win32' || 'Deno' in globalThis) return undefined;
  oneBuffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const buffer = oneBuffer;
  return {
    buffer,
    callback: (length) => {
      socketOf().emit('data', buffer.subarray(0, length));
      return true;
    },
  };
}

function dial(
  { address, addresses = [], keepAliveMs }: SocketRequest,
  onread: OnReadOpts | undefined,
): Socket {
  if (address.transport === 'unix') {
    // libpq's way to write an abstract socket, which is in no directory.
    const folder = address.host.startsWith('@') ? `\0${address.host.slice(1)}` : address.host;
    return connectTcp({ path: `${folder}/.s.PGSQL.${address.port}`, onread });
  }
  return connectTcp({
    host: address.hostaddr ?? address.host,
    ...(addresses.length > 0 && { lookup: answering(addresses) }),
    port: address.port,
    noDelay: true,
    keepAlive: keepAliveMs !== undefined,
    keepAliveInitialDelay: keepAliveMs ?? 0,
    onread,
  });
}

/** The name was looked up already: Node chooses among the addresses as if it had done that itself. */
function answering(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  const [first] = all;
  return (_host, options, done) => {
    if (options.all === true) done(null, all);
    else done(null, first?.address ?? '', first?.family);
  };
}

/** Resolves with the event; rejects if an error or the end of the socket comes first. */
function happened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(closedEarly()));
    const onEvent = () => settle(resolve);
    const settle = (fn: () => void) => {
      socket.off(event, onEvent).off('close', onClose).off('error', onError);
      fn();
    };
    // A later error of an abandoned socket must not end the process.
    if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore);
    socket.once(event, onEvent).on('error', onError).once('close', onClose);
  });
}

function ignore(): void {}

/**
 * Asks for TLS in the clear, and accepts a single byte: bytes behind it may have been injected by an
 * attacker.
 */
function agreeOnTls(socket: Socket): Promise<'tls' | 'none'> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(closedEarly()));
    const onData = (answer: Buffer) => settle(() => judge(answer, resolve, reject));
    const settle = (fn: () => void) => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      fn();
    };
    socket.once('data', onData).once('error', onError).once('close', onClose);
    socket.write(SSL_REQUEST);
  });
}

function judge(
  answer: Buffer,
  resolve: (agreed: 'tls' | 'none') => void,
  reject: (error: Error) => void,
): void {
  const letter = answer.toString('latin1', 0, 1);
  if (letter === 'S' && answer.length === 1) resolve('tls');
  else if (letter === 'N' && answer.length === 1) resolve('none');
  else if (letter === 'S' || letter === 'N')
    reject(new PgHerdError('PGHERD_TLS_FAILED', STUFFED, { details: { injected: true } }));
  // Not to be shown, since it came in the clear: from a server without free processes, or not from PostgreSQL
  // at all.
  else reject(new Error('There was an error establishing an SSL connection'));
}

const NO_TLS =
  'The server does not support SSL connections. Set ssl = on there, or use sslmode=prefer or disable if the network is safe.';
const STUFFED =
  "Bytes in the clear followed the server's answer about TLS. An attacker on the network may have injected them, so nothing was sent.";

/** libpq's rule: without it, a server of another protocol could be made to answer. */
function checkProtocol(socket: TLSSocket): void {
  if (socket.alpnProtocol === ALPN_NAME) return;
  throw new PgHerdError(
    'PGHERD_TLS_FAILED',
    'The server does not announce the PostgreSQL protocol (ALPN), which sslnegotiation=direct requires: it is older than ' +
      'PostgreSQL 17, or something else answers in its place. Use sslnegotiation=postgres.',
  );
}

function closedEarly(): Error {
  return new Error('Connection terminated unexpectedly');
}

/** Whether the error means that the server has no TLS at all. */
export function refusesTls(error: unknown): boolean {
  return error instanceof PgHerdError && error.message === NO_TLS;
}
