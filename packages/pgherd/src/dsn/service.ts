import { InvalidDsnError } from '../model/errors.ts';
import { collectEntries } from './entries.ts';
import { parameterNamed } from './parameters.ts';
import { assertText, isSpace } from './text.ts';

/**
 * Finds one service in the content of a `pg_service.conf`: keyword → value, or `undefined` if there is no
 * such section. If a keyword occurs twice in the section, the first wins, as in libpq.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for a line that is not `name=value`, an unknown name,
 * or a service that refers to another service. The message never shows a value.
 */
export function readService(content: string, service: string): ReadonlyMap<string, string> | undefined {
  assertText(content, 'The service file');
  const values = new Map<string, string>();
  let inside = false;
  for (const [index, raw] of content.split('\n').entries()) {
    const line = trimmed(raw);
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (inside) return values;
      inside = line.startsWith(`[${service}]`);
    } else if (inside) {
      const { name, value } = readLine(line, index + 1);
      if (!values.has(name)) values.set(name, value);
    }
  }
  return inside ? values : undefined;
}

function readLine(line: string, number: number): { name: string; value: string } {
  if (line.startsWith('ldap'))
    throw problem(number, 'refers to an LDAP server, which pgherd does not support');
  const equals = line.indexOf('=');
  if (equals < 0) throw problem(number, 'has no "="');
  const name = line.slice(0, equals);
  if (name === 'service' || name === 'servicefile')
    throw problem(number, `sets "${name}": a service cannot refer to another one`);
  if (name !== 'ssl' && parameterNamed(name) === undefined) {
    throw problem(number, 'sets an unknown parameter (no blanks are allowed around "=")');
  }
  const [entry] = collectEntries([{ name, value: line.slice(equals + 1) }], true);
  return { name: entry?.[0] ?? name, value: entry?.[1] ?? '' };
}

function problem(number: number, what: string): InvalidDsnError {
  return new InvalidDsnError(`Line ${number} of the service file ${what}.`);
}

function trimmed(line: string): string {
  let start = 0;
  let end = line.length;
  while (start < end && isSpace(line[start])) start += 1;
  while (end > start && isSpace(line[end - 1])) end -= 1;
  return line.slice(start, end);
}
