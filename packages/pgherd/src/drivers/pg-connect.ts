import type { ClientConfig } from 'pg';
import type { ConnectRequest } from '../driver/port.ts';
import { PgHerdError } from '../model/errors.ts';
import { type TlsAttempt, tlsAttempts, tlsOptions } from './pg-tls.ts';

/** A connection of `pg` that is about to be opened. */
export interface OpeningConnection {
  readonly client: { connect(): Promise<unknown> };
  /** Holds the server to the authentication that was asked for; called before connecting. */
  guard(request: ConnectRequest, attempt: TlsAttempt, refuse: (error: PgHerdError) => void): void;
  /** Called once it is open. */
  opened(): void;
  destroy(): void;
}

/**
 * Opens a connection that `create` makes, with TLS as the request says.
 * Rejects with what `pg` or the system rejects with, or with the reason of the signal.
 * @param withoutTls addresses that answered "no TLS here": `prefer` asks them no more
 */
export async function connectWithTls<C extends OpeningConnection>(
  create: (config: ClientConfig) => C,
  request: ConnectRequest,
  signal: AbortSignal,
  withoutTls: Set<string>,
): Promise<C> {
  const key = `${request.address.hostaddr ?? request.address.host}:${request.address.port}`;
  const known = request.tls.mode === 'prefer' && withoutTls.has(key);
  const attempts: readonly TlsAttempt[] = known ? ['plain'] : tlsAttempts(request.tls, request.address);
  let failure: unknown;
  for (const attempt of attempts) {
    try {
      return await connectOnce(create, request, signal, attempt);
    } catch (error) {
      if (signal.aborted || attempts.length === 1) throw error;
      // That there is no TLS says less than what the server says in the clear, before or after.
      if (attempt === 'plain') failure = error;
      failure ??= error;
      if (attempt === 'tls') {
        if (!refusesTls(error)) throw error;
        withoutTls.add(key);
      } else if (!isServerRefusal(error)) {
        throw error;
      }
    }
  }
  throw failure;
}

function refusesTls(error: unknown): boolean {
  return error instanceof Error && error.message === 'The server does not support SSL connections';
}

/** `allow` tries TLS only when the server itself refused the connection in the clear. */
function isServerRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '28000';
}

async function connectOnce<C extends OpeningConnection>(
  create: (config: ClientConfig) => C,
  request: ConnectRequest,
  signal: AbortSignal,
  attempt: TlsAttempt,
): Promise<C> {
  const config = await clientConfig(request, attempt);
  signal.throwIfAborted();
  const connection = create(config);
  let refusal: unknown;
  connection.guard(request, attempt, (error) => {
    refusal ??= error;
    connection.destroy();
  });
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await connection.client.connect();
    connection.opened();
    return connection;
  } catch (error) {
    connection.destroy();
    throw refusal ?? (signal.aborted ? signal.reason : error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function clientConfig(request: ConnectRequest, attempt: TlsAttempt): Promise<ClientConfig> {
  const { address, password } = request;
  const config: ClientConfig & Record<string, unknown> = {
    host: address.hostaddr ?? address.host,
    port: address.port,
    user: request.user,
    database: request.database,
    password: password === undefined ? missingPassword : password.reveal(),
    ssl: attempt === 'tls' ? await tlsOptions(request.tls, address) : false,
    sslnegotiation: request.tls.negotiation,
    keepAlive: request.keepAliveMs !== undefined,
    keepAliveInitialDelayMillis: request.keepAliveMs ?? 0,
    enableChannelBinding: attempt === 'tls' && request.channelBinding === 'require',
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
