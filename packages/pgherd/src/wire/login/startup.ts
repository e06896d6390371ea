import type { ConnectRequest } from '../../connection/port.ts';
import { argumentError } from '../../model/errors.ts';

/** Protocol 3.0, which every supported server and pooler speaks. */
const PROTOCOL = 0x0003_0000;

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * The startup packet. `own` are parameters of the one that will speak on the connection: they go before the request's, except user
 * and database, and `options` of both are sent.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a NUL character in a name or value: the server would see another one.
 */
export function startupPacket(request: ConnectRequest, own: ReadonlyMap<string, string> = NONE): Buffer {
  const { user, database } = request;
  const parameters = new Map([['user', user], ['database', database], ['client_encoding', 'UTF8'], ...own]);
  const applicationName = own.get('application_name') ?? request.applicationName ?? '';
  if (applicationName !== '') parameters.set('application_name', applicationName);
  const options = [startupOptions(request.startup), own.get('options') ?? ''].filter((one) => one !== '');
  if (options.length > 0) parameters.set('options', options.join(' '));
  parameters.set('user', user).set('database', database);
  const entries = [...parameters];
  for (const [name, value] of entries) {
    if (value.includes('\0'))
      throw argumentError(
        `The startup parameter ${name} contains a NUL character, which PostgreSQL cannot take.`,
      );
  }
  const body = Buffer.from(`${entries.flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(PROTOCOL, 4);
  return Buffer.concat([head, body]);
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
