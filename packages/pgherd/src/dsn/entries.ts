import { InvalidDsnError } from '../model/errors.ts';
import { parameterMeantBy } from '../model/names-elsewhere.ts';
import { nearest } from '../model/nearest.ts';
import { insteadOf, type OptionNames } from '../model/option-names.ts';
import { KNOWN_NAMES, parameterNamed } from './parameters.ts';
import { shown } from './text.ts';

/** One `keyword = value` pair, unescaped. */
export interface Entry {
  readonly name: string;
  readonly value: string;
}

/**
 * Translates entries into libpq's names and collects them: of several with one name the last wins.
 * `requiressl` and `ssl` become `sslmode`. With `mayHoldSecret` an unknown name is not shown.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for an unknown name, with the nearest known one.
 */
export function collectEntries(entries: readonly Entry[], mayHoldSecret: boolean): Map<string, string> {
  const collected = new Map<string, string>();
  let previous: string | undefined;
  for (const entry of entries) {
    const { name, value } = translated(entry);
    if (parameterNamed(name) === undefined) {
      throw unknownParameter(name, mayHoldSecret || followsSecret(previous));
    }
    // Deleted first, so that the order is that of the last occurrences.
    collected.delete(name);
    collected.set(name, value);
    previous = name;
  }
  return collected;
}

/** What follows a password may be the rest of it, cut off by an unescaped `&` or blank. */
function followsSecret(previous: string | undefined): boolean {
  return previous !== undefined && parameterNamed(previous)?.secret === true;
}

function translated(entry: Entry): Entry {
  if (entry.name === 'requiressl') {
    return { name: 'sslmode', value: entry.value.startsWith('1') ? 'require' : 'prefer' };
  }
  if (entry.name === 'ssl') return { name: 'sslmode', value: sslModeOf(entry.value) };
  return entry;
}

function sslModeOf(ssl: string): string {
  if (ssl === 'true' || ssl === '1') return 'require';
  if (ssl === 'false' || ssl === '0') return 'disable';
  if (ssl === 'no-verify') return 'no-verify';
  throw new InvalidDsnError(
    `ssl ${shown(ssl)} is not one of true, false, 1, 0, no-verify. Use sslmode instead.`,
  );
}

const KNOWN: OptionNames = new Set(KNOWN_NAMES);

/** The error for an unknown name, which is withheld if it may be part of a password. */
export function unknownParameter(name: string, mayBeSecret: boolean): InvalidDsnError {
  if (mayBeSecret || !/^[A-Za-z][\w -]{0,63}$/.test(name)) {
    return new InvalidDsnError(
      'Unknown parameter (its name is not shown because it may be part of a value). ' +
        'In a keyword string, quote a value that contains blanks; in a URI, write "&" in a value as %26.',
    );
  }
  const meant = insteadOf(name, 'url', KNOWN);
  const sentence =
    meant === undefined
      ? 'docs/dsn.md lists the known parameters.'
      : `${meant.charAt(0).toUpperCase()}${meant.slice(1)}${meant.startsWith('did you mean') ? '' : '.'}`;
  return new InvalidDsnError(`Unknown parameter "${name}". ${sentence}`, {
    details: { parameter: name, suggestion: parameterMeantBy(name) ?? nearest(name, KNOWN_NAMES) },
  });
}
