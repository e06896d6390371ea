import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type {
  ConnectionListener,
  ConnectRequest,
  Driver,
  DriverCapabilities,
} from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { TextHashes } from '../content/names.ts';
import type { TypeParsers } from '../content/rows.ts';
import { readMessage } from '../content/server-error.ts';
import { FreeSlabs } from '../content/writer.ts';
import { certificateHash } from '../login/certificate-hash.ts';
import type { LoginTerms } from '../login/login.ts';
import { logIn } from '../login/session.ts';
import { startupPacket } from '../login/startup.ts';
import { openSocket, refusesTls } from '../socket.ts';
import { handshakeFailure, isLocalTlsFailure, isTlsAlert, type TlsAttempt, tlsAttempts } from '../tls.ts';
import { type Shared, WireConnection } from './connection.ts';

const CAPABILITIES: DriverCapabilities = Object.freeze({
  parameterStatus: true,
  transactionStatus: true,
  cancel: true,
  pipelining: true,
  batch: true,
  cursor: true,
  copy: true,
  notifications: true,
});

/** The protocol's own limit of a message, less what a Buffer cannot hold. */
const MAX_MESSAGE_BYTES = 0x3fff_ffff;
/** Default of `scramMaxIterations`. */
const MAX_ITERATIONS = 100_000;

/** Options of {@link wireDriver}. */
export interface WireOptions {
  /** Parsers of values: `pg-types`, or what has its shape. */
  readonly types: TypeParsers;
  /** Most iterations of SCRAM that a server may ask for. Default 100,000. */
  readonly scramMaxIterations?: number | undefined;
  /** Longest message that is accepted after the login, bytes. Default: the protocol's own limit, 1 GiB. */
  readonly maxMessageBytes?: number | undefined;
}

/** pgherd's own way to speak PostgreSQL's protocol. */
export function wireDriver(options: WireOptions): Driver {
  const { maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const dialler: Dialler = {
    shared: {
      types: options.types,
      hashes: new TextHashes(),
      slabs: new FreeSlabs(),
    },
    parameters: new Map(),
    limitOf: () => maxMessageBytes,
    maxIterations: options.scramMaxIterations ?? MAX_ITERATIONS,
  };
  return Object.freeze({
    name: 'wire',
    capabilities: CAPABILITIES,
    connect: (request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) =>
      connect(dialler, request, listener, signal),
  });
}

interface Dialler {
  readonly shared: Shared;
  /** Parameters of the last connection to each address: the same on nearly all of them. */
  readonly parameters: Map<string, Map<string, string>>;
  readonly maxIterations: number;
  limitOf(type: number): number;
}

async function connect(
  dialler: Dialler,
  request: ConnectRequest,
  listener: ConnectionListener,
  signal: AbortSignal,
): Promise<WireConnection> {
  signal.throwIfAborted();
  const attempts = tlsAttempts(request.tls, request.address);
  const failures = new Map<TlsAttempt, unknown>();
  for (const attempt of attempts) {
    const way: Way = { attempt, taken: attempt };
    try {
      return await connectOnce(dialler, request, listener, signal, way);
    } catch (error) {
      if (signal.aborted || attempts.length === 1) throw error;
      failures.set(way.taken, error);
      if (way.taken !== attempt || !mayOtherwise(error)) break;
    }
  }
  throw moreInformative(failures.get('tls'), failures.get('plain'));
}

/** How a connection is tried, and how it is after the server has answered: `prefer` goes on in the clear without TLS. */
interface Way {
  readonly attempt: TlsAttempt;
  taken: TlsAttempt;
}

/** Whether it may go better with TLS, or without: libpq's rule, less what is a mistake of our own. */
function mayOtherwise(error: unknown): boolean {
  if (error instanceof PgHerdError) return error.code === 'PGHERD_TLS_FAILED' && !isLocalTlsFailure(error);
  return isHostRefusal(error);
}

/** `pg_hba.conf` has no line for such a connection. A wrong password has the same code, and comes from another routine. */
function isHostRefusal(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: unknown; routine?: unknown };
  return code === '28000' && routine === 'ClientAuthentication';
}

/** The more informative of two failures. "No TLS" says least, then that the server wants it. */
function moreInformative(tls: unknown, plain: unknown): unknown {
  if (tls === undefined || refusesTls(tls)) return plain ?? tls;
  return plain === undefined || isHostRefusal(plain) ? tls : plain;
}

async function connectOnce(
  dialler: Dialler,
  request: ConnectRequest,
  listener: ConnectionListener,
  signal: AbortSignal,
  way: Way,
): Promise<WireConnection> {
  const startup = startupPacket(request);
  const socket = await openSocket(request, way.attempt, signal, request.tls.mode === 'prefer');
  const encrypted = socket instanceof TLSSocket;
  way.taken = encrypted ? 'tls' : 'plain';
  try {
    const login = await logIn(
      socket,
      startup,
      termsFor(request, socket, dialler.maxIterations),
      reporting(listener),
      signal,
    );
    const parameters = sharedParameters(dialler.parameters, request, login.parameters);
    const origin = { socket, login, parameters, way: { request, attempt: way.taken } };
    login.cutter.limitOf = dialler.limitOf;
    const connection = new WireConnection(origin, listener, dialler.shared);
    connection.begin();
    return connection;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : isTlsAlert(error) ? handshakeFailure(error, request.tls) : error;
  }
}

/** Why a method is refused although `require_auth` allows it, or says nothing. */
const ONLY_IN_CLEAR =
  'this host, which discovery named, may without TLS (sslmode=require or stricter) ask only for';

function termsFor(request: ConnectRequest, socket: Socket, maxIterations: number): LoginTerms {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
  const encrypted = socket instanceof TLSSocket;
  // A Unix socket cannot be listened to.
  const safe = encrypted || request.address.transport === 'unix';
  const methods = safe ? request.requireAuth : (request.requireAuthInClear ?? request.requireAuth);
  return {
    user: request.user,
    password: request.password,
    methods,
    rule: methods === request.requireAuth ? 'require_auth allows' : ONLY_IN_CLEAR,
    channelBinding: request.channelBinding ?? 'prefer',
    certificateHash: certificate === undefined ? undefined : certificateHash(certificate),
    encrypted,
    maxIterations,
    random: randomBytes,
  };
}

function reporting(listener: ConnectionListener) {
  return {
    parameter: (name: string, value: string) => listener.parameter(name, value),
    notice: (bytes: Buffer, start: number, end: number) => {
      const { message, fields, severity } = readMessage(bytes, start, end);
      listener.message({ severity, sqlState: fields.code ?? '00000', message, routine: fields.routine });
    },
  };
}

function sharedParameters(
  known: Map<string, Map<string, string>>,
  { address }: ConnectRequest,
  parameters: Map<string, string>,
): Map<string, string> {
  const key = `${address.hostaddr ?? address.host}:${address.port}`;
  const last = known.get(key);
  if (last !== undefined && areEqual(last, parameters)) return last;
  known.set(key, parameters);
  return parameters;
}

function areEqual(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, value] of one) if (other.get(name) !== value) return false;
  return true;
}
