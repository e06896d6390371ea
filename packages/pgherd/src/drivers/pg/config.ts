import type { Socket } from 'node:net';
import type { ClientConfig } from 'pg';
import type { ConnectRequest } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';

/** How the error of `pg` begins for a certificate whose signature algorithm it does not know. */
const CANNOT_BIND = 'SASL channel binding:';

/** Whether `pg` cannot bind an authentication to the server's certificate. */
export function cannotBind(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(CANNOT_BIND);
}

/** The configuration of a client of `pg` over an open socket, which it continues with the startup message. */
export function clientConfig(
  request: ConnectRequest,
  socket: Socket,
  enableChannelBinding: boolean,
): ClientConfig {
  const { address, password } = request;
  const stream: Socket = Object.assign(socket, { connect: connectAgain });
  const config: ClientConfig & Record<string, unknown> = {
    host: address.hostaddr ?? address.host,
    port: address.port,
    user: request.user,
    database: request.database,
    password: password === undefined ? missingPassword : password.reveal(),
    application_name: request.applicationName ?? '',
    options: startupOptions(request.startup),
    connectionTimeoutMillis: 0,
    // The types of `pg` allow only a function.
    stream: () => stream,
    ssl: false,
    enableChannelBinding,
  };
  return config;
}

/** `pg` connects the stream that it is given, and waits for the event. */
function connectAgain(this: Socket): Socket {
  queueMicrotask(() => this.emit('connect'));
  return this;
}

/** Called only if the server asks: a server that trusts us needs no password. */
function missingPassword(): never {
  throw new PgHerdError(
    'PGHERD_AUTHENTICATION_FAILED',
    'The server asks for a password and none is configured: put one into the URL, PGPASSWORD or the password file.',
  );
}

/**
 * `-c name=value` for each parameter; `options` is passed on as it is. Blanks and backslashes are escaped as
 * libpq does.
 */
function startupOptions(startup: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(startup)) {
    if (name === 'options') parts.push(value);
    else parts.push(`-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`);
  }
  return parts.join(' ');
}
