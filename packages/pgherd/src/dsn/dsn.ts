import { InvalidDsnError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { collectEntries } from './entries.ts';
import { parseKeywords } from './keywords.ts';
import { mistakeInKeywords, mistakeInUri, whatElse } from './mistakes.ts';
import { parameterNamed } from './parameters.ts';
import { TARGET_SESSION_ATTRS, type TargetSessionAttrs } from './sets.ts';
import { assertText, shown } from './text.ts';
import { looksUnencoded, PORT_RULES, type PortRule, parseUri, uriPrefixLength } from './uri.ts';

/** One host as a connection string gives it; missing parts are empty strings, as in libpq's lists. */
export interface DsnHost {
  readonly host: string;
  readonly hostaddr: string;
  readonly port: string;
}

/**
 * A parsed connection string, as it was given: nothing is added from the environment, and no value is checked
 * yet. Frozen, and safe to print: secrets are {@link Secret}s.
 */
export interface Dsn {
  /**
   * libpq's keyword → value, except secrets. Lists (hosts, addresses, ports) are comma-separated, as in
   * libpq.
   */
  readonly parameters: Readonly<Record<string, string>>;
  /** `password`, `sslpassword` and other values that must never be shown. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** The hosts in order, not compared in number and with duplicates. Empty if no host is named. */
  readonly hosts: readonly DsnHost[];
}

/** Options of {@link parseDsn}. */
export interface ParseDsnOptions {
  /** How to read a port that only the last host of a URI has; default `last-serves-all`. */
  readonly portRule?: PortRule | undefined;
}

/**
 * Parses a PostgreSQL connection string, a URI or libpq's `keyword=value` form, as libpq does (`docs/dsn.md`
 * has the one deliberate difference, the port rule).
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`; the message never shows a password.
 *
 * @example
 * parseDsn('postgres://app@db1,db2:6432/shop').hosts // [{ host: 'db1', port: '6432', … }, { host: 'db2', … }]
 */
export function parseDsn(text: string, options: ParseDsnOptions = {}): Dsn {
  if (typeof text !== 'string') throw noString(text);
  const portRule = options.portRule ?? PORT_RULES[0];
  if (!PORT_RULES.includes(portRule)) {
    throw new InvalidDsnError(`portRule ${shown(String(portRule))} is not one of ${PORT_RULES.join(', ')}.`);
  }
  assertText(text, 'The connection string');
  const collected = uriPrefixLength(text) > 0 ? readUri(text, portRule) : readKeywords(text);
  for (const [name, value] of collected) assertText(value, `The value of "${name}"`);
  return dsnOf(collected);
}

function noString(given: unknown): InvalidDsnError {
  const remedy = given instanceof URL ? ' Pass its href.' : '';
  return new InvalidDsnError(`The connection string must be a string, not ${typeof given}.${remedy}`);
}

function readUri(text: string, portRule: PortRule): Map<string, string> {
  const mistake = mistakeInUri(text);
  if (mistake !== undefined) throw new InvalidDsnError(mistake);
  return collectEntries(parseUri(text, portRule), looksUnencoded(text));
}

/** What is neither a URI nor keywords is mostly something else, which can be named. */
function readKeywords(text: string): Map<string, string> {
  const mistake = mistakeInKeywords(text);
  if (mistake !== undefined) throw new InvalidDsnError(mistake);
  try {
    return collectEntries(parseKeywords(text), false);
  } catch (error) {
    const what = error instanceof InvalidDsnError ? whatElse(text) : undefined;
    throw what === undefined ? error : new InvalidDsnError(what);
  }
}

/** The frozen DSN of keyword → value pairs whose names are known. */
function dsnOf(values: ReadonlyMap<string, string>): Dsn {
  const parameters: Record<string, string> = {};
  const secrets: Record<string, Secret> = {};
  for (const [name, value] of values) {
    if (parameterNamed(name)?.secret === true) secrets[name] = new Secret(value);
    else parameters[name] = value;
  }
  return Object.freeze({
    parameters: Object.freeze(parameters),
    secrets: Object.freeze(secrets),
    hosts: hostsOf(parameters),
  });
}

function hostsOf(parameters: Readonly<Record<string, string>>): readonly DsnHost[] {
  const hosts = listOf(parameters['host']);
  const addresses = listOf(parameters['hostaddr']);
  const ports = listOf(parameters['port']);
  const count = Math.max(hosts.length, addresses.length);
  const found: DsnHost[] = [];
  for (let index = 0; index < count; index += 1) {
    const port = (ports.length === 1 ? ports[0] : ports[index]) ?? '';
    found.push(Object.freeze({ host: hosts[index] ?? '', hostaddr: addresses[index] ?? '', port }));
  }
  return Object.freeze(found);
}

/** The items of one of libpq's comma-separated lists; none for an empty or missing value. */
export function listOf(value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : value.split(',');
}

/**
 * Keyword → value of a DSN, secrets in clear text. For code that resolves or formats it; must not be kept.
 */
export function clearValuesOf(dsn: Dsn): Map<string, string> {
  const values = new Map(Object.entries(dsn.parameters));
  for (const [name, secret] of Object.entries(dsn.secrets)) values.set(name, secret.reveal());
  return values;
}

/**
 * Whether the connection string names several hosts.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` if a string cannot be parsed.
 */
export function isMultiHost(dsn: Dsn | string): boolean {
  return toDsn(dsn).hosts.length > 1;
}

/**
 * The same connection to another database.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for an empty name, or a string that cannot be parsed.
 */
export function withDatabase(dsn: Dsn | string, name: string): Dsn {
  if (name === '') throw new InvalidDsnError('The database name is empty.');
  assertText(name, 'The database name');
  return dsnOf(clearValuesOf(toDsn(dsn)).set('dbname', name));
}

/**
 * The same connection with other values of some parameters, by libpq's names.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for a value with NUL, or an invalid string.
 */
export function withParameters(dsn: Dsn | string, parameters: ReadonlyMap<string, string>): Dsn {
  const values = clearValuesOf(toDsn(dsn));
  for (const [name, value] of parameters) {
    assertText(value, `The value of "${name}"`);
    values.set(name, value);
  }
  return dsnOf(values);
}

/**
 * The same connection with another `target_session_attrs`.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for an unknown target, or an invalid string.
 */
export function withTarget(dsn: Dsn | string, target: TargetSessionAttrs): Dsn {
  if (!TARGET_SESSION_ATTRS.includes(target)) {
    throw new InvalidDsnError(
      `target_session_attrs ${shown(String(target))} is not one of ${TARGET_SESSION_ATTRS.join(', ')}.`,
    );
  }
  return dsnOf(clearValuesOf(toDsn(dsn)).set('target_session_attrs', target));
}

/** Parses a string, and returns a parsed DSN as it is. */
export function toDsn(dsn: Dsn | string, options?: ParseDsnOptions): Dsn {
  return typeof dsn === 'string' ? parseDsn(dsn, options) : dsn;
}
