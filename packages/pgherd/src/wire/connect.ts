import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientConfig } from 'pg';
import type { ConnectRequest } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import { openSocket, refusesTls } from './socket.ts';
import { handshakeFailure, isLocalTlsFailure, isTlsAlert, type TlsAttempt, tlsAttempts } from './tls.ts';

/** A connection of `pg` that is about to be opened. */
export interface OpeningConnection {
  readonly client: { connect(): Promise<unknown> };
  /** Holds the server to the authentication that was asked for; called before connecting. */
  guard(request: ConnectRequest, attempt: TlsAttempt, refuse: (error: PgHerdError) => void): void;
  /** Called once it is open, with what finds an equal set of parameters that others have. */
  opened(share: ShareParameters): void;
  destroy(): void;
}

/** Gives the set that is equal to this one, or this one, which the next gets; it must not be changed any more. */
export type ShareParameters = (parameters: Map<string, string>) => Map<string, string>;

/** What was learnt of addresses, so that it is not learnt again with each connection. */
export interface LearntAddresses {
  /** Those whose certificate `pg` cannot bind an authentication to. */
  readonly withoutBinding: Set<string>;
  /** The parameters of the last connection that was opened to each. */
  readonly parameters: Map<string, Map<string, string>>;
}

/** Nothing learnt yet. */
export function learntAddresses(): LearntAddresses {
  return { withoutBinding: new Set(), parameters: new Map() };
}

/** The start of what `pg` says of a certificate whose signature it does not know. */
const CANNOT_BIND = 'SASL channel binding:';

/**
 * Opens a connection that `create` makes, with TLS as the request says.
 * Rejects with what `pg` or the system rejects with, or with the reason of the signal.
 * @throws PgHerdError `PGHERD_TLS_FAILED`, `PGHERD_AUTHENTICATION_FAILED`
 */
export async function connectWithTls<C extends OpeningConnection>(
  create: (config: ClientConfig) => C,
  request: ConnectRequest,
  signal: AbortSignal,
  learnt: LearntAddresses,
): Promise<C> {
  const attempts = tlsAttempts(request.tls, request.address);
  const failures = new Map<TlsAttempt, unknown>();
  for (const attempt of attempts) {
    const way: Way = { attempt, taken: attempt };
    try {
      return await connectBound(create, request, signal, way, learnt);
    } catch (error) {
      if (signal.aborted || attempts.length === 1) throw error;
      failures.set(way.taken, error);
      if (way.taken !== attempt || !mayOtherwise(error)) break;
    }
  }
  throw tellingFailure(failures.get('tls'), failures.get('plain'));
}

/** How a connection is tried, and how it is after the server has answered: `prefer` goes on in the clear where there is no TLS. */
interface Way {
  readonly attempt: TlsAttempt;
  taken: TlsAttempt;
}

function addressKey({ address }: ConnectRequest): string {
  return `${address.hostaddr ?? address.host}:${address.port}`;
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

/** Of two failures that which came further. That there is no TLS says the least, then that the server wants it. */
function tellingFailure(tls: unknown, plain: unknown): unknown {
  if (tls === undefined || refusesTls(tls)) return plain ?? tls;
  return plain === undefined || isHostRefusal(plain) ? tls : plain;
}

/** `channel_binding=prefer` does without where `pg` cannot do it. */
async function connectBound<C extends OpeningConnection>(
  create: (config: ClientConfig) => C,
  request: ConnectRequest,
  signal: AbortSignal,
  way: Way,
  learnt: LearntAddresses,
): Promise<C> {
  const { withoutBinding } = learnt;
  const key = addressKey(request);
  const { channelBinding } = request;
  const wanted = channelBinding === 'require' || (channelBinding === 'prefer' && !withoutBinding.has(key));
  const bind = way.attempt === 'tls' && wanted;
  try {
    return await connectOnce(create, request, signal, way, bind, learnt);
  } catch (error) {
    const cannot = error instanceof Error && error.message.startsWith(CANNOT_BIND);
    if (!cannot || channelBinding !== 'prefer' || signal.aborted) throw error;
    withoutBinding.add(key);
  }
  return connectOnce(create, request, signal, way, false, learnt);
}

async function connectOnce<C extends OpeningConnection>(
  create: (config: ClientConfig) => C,
  request: ConnectRequest,
  signal: AbortSignal,
  way: Way,
  bind: boolean,
  learnt: LearntAddresses,
): Promise<C> {
  const socket = await openSocket(request, way.attempt, signal, request.tls.mode === 'prefer');
  way.taken = socket instanceof TLSSocket ? 'tls' : 'plain';
  const enableChannelBinding = bind && way.taken === 'tls';
  const connection = create({ ...clientConfig(request), ...overSocket(socket), enableChannelBinding });
  let refusal: unknown;
  connection.guard(request, way.taken, (error) => {
    refusal ??= error;
    connection.destroy();
  });
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await connection.client.connect();
    // What came in one packet with the refused answer is read to its end, and may say that all is ready.
    if (refusal !== undefined) throw refusal;
    connection.opened((parameters) => sharedParameters(learnt, addressKey(request), parameters));
    return connection;
  } catch (error) {
    connection.destroy();
    throw refusal ?? (signal.aborted ? signal.reason : explained(error, request));
  } finally {
    signal.removeEventListener('abort', onAbort);
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

/** Gives `pg` a socket that is open already, and encrypted where that was asked for: it goes on with the startup packet. */
function overSocket(socket: Socket): ClientConfig & Record<string, unknown> {
  const stream: Socket = Object.assign(socket, { connect: connectAgain });
  // A function is what the types want.
  return { stream: () => stream, ssl: false };
}

/** `pg` connects what it was given: it hears that this was done. */
function connectAgain(this: Socket): Socket {
  queueMicrotask(() => this.emit('connect'));
  return this;
}

function clientConfig(request: ConnectRequest): ClientConfig {
  const { address, password } = request;
  const config: ClientConfig & Record<string, unknown> = {
    host: address.hostaddr ?? address.host,
    port: address.port,
    user: request.user,
    database: request.database,
    password: password === undefined ? missingPassword : password.reveal(),
    application_name: request.applicationName ?? '',
    options: startupOptions(request.startup),
    connectionTimeoutMillis: 0,
  };
  return config;
}

/** Called only when the server asks: a server that trusts us needs no password. */
function missingPassword(): never {
  throw new PgHerdError(
    'PGHERD_AUTHENTICATION_FAILED',
    'The server asks for a password and none is configured: put one into the URL, PGPASSWORD or the password file.',
  );
}

/** `-c name=value` for each parameter; `options` itself stands as it is. Spaces and backslashes are escaped as libpq says. */
function startupOptions(startup: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(startup)) {
    if (name === 'options') parts.push(value);
    else parts.push(`-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`);
  }
  return parts.join(' ');
}
