import type { ConnectRequest } from '../../connection/port.ts';
import { argumentError } from '../../model/errors.ts';

/** Protocol 3.0, which every supported server and pooler speaks. */
const PROTOCOL = 0x0003_0000;

/**
 * The startup packet.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a NUL character in a name or value: the server would see another one.
 */
export function startupPacket(request: ConnectRequest): Buffer {
  const entries: [string, string][] = [
    ['user', request.user],
    ['database', request.database],
    ['client_encoding', 'UTF8'],
  ];
  if (request.applicationName !== undefined && request.applicationName !== '')
    entries.push(['application_name', request.applicationName]);
  const options = startupOptions(request.startup);
  if (options !== '') entries.push(['options', options]);
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
