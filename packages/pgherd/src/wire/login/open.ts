import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ConnectRequest } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { openSocket, refusesTls } from '../socket.ts';
import { handshakeFailure, isFinalTlsFailure, isTlsAlert, type TlsAttempt, tlsAttempts } from '../tls.ts';
import { certificateHash } from './certificate-hash.ts';
import type { LoginTerms } from './login.ts';
import { type LoggedIn, type LoginListener, logIn } from './session.ts';

/** How a session is opened. */
export interface OpenOptions {
  readonly startup: Buffer;
  /** Most iterations of SCRAM that a server may ask for. */
  readonly maxIterations: number;
  readonly listener: LoginListener;
  /** As of `openSocket`. Default `false`. */
  readonly reusesBuffer?: boolean | undefined;
}

/** A session of a server, and the socket that leads to it, which is paused. */
export interface OpenSession extends LoggedIn {
  readonly socket: Socket;
  /** Whether the socket is encrypted: what else is asked of this server must not be less protected. */
  readonly attempt: TlsAttempt;
}

/** A session, and where to and how it was opened. */
export interface OpenedSession {
  readonly session: OpenSession;
  readonly request: Pick<ConnectRequest, 'address' | 'tls'>;
}

/**
 * Opens a socket as the request says, with TLS or without, and logs in. An abort destroys the socket and rejects with the signal's
 * reason.
 * @throws the server's error, the system's; PgHerdError `PGHERD_TLS_FAILED`, and as `loginStep` of `./login.ts`.
 */
export async function openSession(
  request: ConnectRequest,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<OpenSession> {
  signal.throwIfAborted();
  const attempts = tlsAttempts(request.tls, request.address);
  const failures = new Map<TlsAttempt, unknown>();
  for (const attempt of attempts) {
    const way: Way = { attempt, taken: attempt };
    try {
      return await openOnce(request, options, signal, way);
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

/** Whether it may go better with TLS, or without: libpq's rule, less what the other way cannot mend, or must not. */
function mayOtherwise(error: unknown): boolean {
  if (error instanceof PgHerdError) return error.code === 'PGHERD_TLS_FAILED' && !isFinalTlsFailure(error);
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

async function openOnce(
  request: ConnectRequest,
  { startup, maxIterations, listener, reusesBuffer }: OpenOptions,
  signal: AbortSignal,
  way: Way,
): Promise<OpenSession> {
  const socket = await openSocket(request, way.attempt, signal, {
    elseInClear: request.tls.mode === 'prefer',
    reusesBuffer,
  });
  way.taken = socket instanceof TLSSocket ? 'tls' : 'plain';
  try {
    const login = await logIn(socket, startup, termsFor(request, socket, maxIterations), listener, signal);
    return { ...login, socket, attempt: way.taken };
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : isTlsAlert(error) ? handshakeFailure(error, request.tls) : error;
  }
}

function termsFor(request: ConnectRequest, socket: Socket, maxIterations: number): LoginTerms {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
  const encrypted = socket instanceof TLSSocket;
  return {
    user: request.user,
    password: request.password,
    methods: request.requireAuth,
    rule: request.requireAuthRule ?? 'require_auth allows',
    channelBinding: request.channelBinding ?? 'prefer',
    certificateHash: certificate === undefined ? undefined : certificateHash(certificate),
    encrypted,
    maxIterations,
    random: randomBytes,
  };
}
