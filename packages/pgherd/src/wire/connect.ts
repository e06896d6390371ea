import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ConnectRequest } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import { onAbort } from '../time/wait.ts';
import { openSocket, refusesTls } from './socket.ts';
import { handshakeFailure, isLocalTlsFailure, isTlsAlert, type TlsAttempt, tlsAttempts } from './tls.ts';

/** A connection over an open socket, before its session begins. */
export interface OpeningConnection {
  /** Begins checking what the server asks for; called before {@link open}. */
  guard(request: ConnectRequest, attempt: TlsAttempt, refuse: (error: PgHerdError) => void): void;
  /** Sends the startup message and logs in. */
  open(): Promise<unknown>;
  /**
   * Called once the session is open. `share` replaces its parameters by an equal set that other connections
   * use.
   */
  opened(share: ShareParameters): void;
  destroy(): void;
}

/**
 * Returns the set that is equal to this one, or this one, which the next caller gets; neither may be changed
 * afterwards.
 */
export type ShareParameters = (parameters: Map<string, string>) => Map<string, string>;

/** What was learnt of addresses, so that it is not learnt again for each connection. */
export interface LearntAddresses {
  /** Those whose certificate the driver cannot bind an authentication to. */
  readonly withoutBinding: Set<string>;
  /** The parameters of the last connection that was opened to each. */
  readonly parameters: Map<string, Map<string, string>>;
}

/** Nothing learnt yet. */
export function learntAddresses(): LearntAddresses {
  return { withoutBinding: new Set(), parameters: new Map() };
}

/** One connection to be opened, and what the driver contributes. */
export interface Opening<C extends OpeningConnection> {
  readonly request: ConnectRequest;
  readonly signal: AbortSignal;
  readonly learnt: LearntAddresses;
  /**
   * Makes a connection over a socket that is connected and, if TLS was agreed on, encrypted. `bind`: the
   * authentication is to be bound to the TLS channel.
   */
  create(socket: Socket, bind: boolean): C;
  /** Whether the error says that the driver cannot bind an authentication to this server's certificate. */
  cannotBind(error: unknown): boolean;
}

/**
 * Opens a connection, with TLS as the request says.
 * Rejects with the error of the driver or the system, or with the reason of the signal.
 * @throws PgHerdError `PGHERD_TLS_FAILED`, `PGHERD_AUTHENTICATION_FAILED`
 */
export async function connectWithTls<C extends OpeningConnection>(opening: Opening<C>): Promise<C> {
  const { request, signal } = opening;
  const attempts = tlsAttempts(request.tls, request.address);
  const failures = new Map<TlsAttempt, unknown>();
  for (const attempt of attempts) {
    const way: Way = { attempt, taken: attempt };
    try {
      return await connectBound(opening, way);
    } catch (error) {
      if (signal.aborted || attempts.length === 1) throw error;
      failures.set(way.taken, error);
      if (way.taken !== attempt || !justifiesNextAttempt(error)) break;
    }
  }
  throw moreInformative(failures.get('tls'), failures.get('plain'));
}

/** The attempt, and what became of it: `prefer` continues in the clear if the server has no TLS. */
interface Way {
  readonly attempt: TlsAttempt;
  taken: TlsAttempt;
}

function addressKey({ address }: ConnectRequest): string {
  return `${address.hostaddr ?? address.host}:${address.port}`;
}

/** Whether the other attempt may succeed: libpq's rule, except for our own mistakes. */
function justifiesNextAttempt(error: unknown): boolean {
  if (error instanceof PgHerdError) return error.code === 'PGHERD_TLS_FAILED' && !isLocalTlsFailure(error);
  return isHostRefusal(error);
}

/**
 * `pg_hba.conf` has no line for such a connection. A wrong password has the same code, and comes from another
 * routine.
 */
function isHostRefusal(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: unknown; routine?: unknown };
  return code === '28000' && routine === 'ClientAuthentication';
}

/** The more informative of two failures. "No TLS" says least, then "the server requires TLS". */
function moreInformative(tls: unknown, plain: unknown): unknown {
  if (tls === undefined || refusesTls(tls)) return plain ?? tls;
  return plain === undefined || isHostRefusal(plain) ? tls : plain;
}

/** `channel_binding=prefer` logs in without binding if the driver cannot do it. */
async function connectBound<C extends OpeningConnection>(opening: Opening<C>, way: Way): Promise<C> {
  const { request, signal } = opening;
  const { withoutBinding } = opening.learnt;
  const key = addressKey(request);
  const { channelBinding } = request;
  const wanted = channelBinding === 'require' || (channelBinding === 'prefer' && !withoutBinding.has(key));
  try {
    return await connectOnce(opening, way, wanted && way.attempt === 'tls');
  } catch (error) {
    if (channelBinding !== 'prefer' || signal.aborted || !opening.cannotBind(error)) throw error;
    withoutBinding.add(key);
  }
  return connectOnce(opening, way, false);
}

async function connectOnce<C extends OpeningConnection>(
  opening: Opening<C>,
  way: Way,
  bind: boolean,
): Promise<C> {
  const { request, signal, learnt } = opening;
  const socket = await openSocket(request, way.attempt, signal, request.tls.mode === 'prefer');
  way.taken = socket instanceof TLSSocket ? 'tls' : 'plain';
  const connection = opening.create(socket, bind && way.taken === 'tls');
  let refusal: unknown;
  connection.guard(request, way.taken, (error) => {
    refusal ??= error;
    connection.destroy();
  });
  const forget = onAbort(signal, () => connection.destroy());
  try {
    await connection.open();
    // Messages in the same packet as the refused one are still read, and may say that the session is open.
    if (refusal !== undefined) throw refusal;
    connection.opened((parameters) => sharedParameters(learnt, addressKey(request), parameters));
    return connection;
  } catch (error) {
    connection.destroy();
    throw refusal ?? (signal.aborted ? signal.reason : explained(error, request));
  } finally {
    forget();
  }
}

function sharedParameters(
  { parameters: known }: LearntAddresses,
  key: string,
  parameters: Map<string, string>,
): Map<string, string> {
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

function explained(error: unknown, request: ConnectRequest): unknown {
  return isTlsAlert(error) ? handshakeFailure(error, request.tls) : error;
}
