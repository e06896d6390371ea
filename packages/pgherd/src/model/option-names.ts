import { argumentError, type PgHerdError } from './errors.ts';
import { foreign, quoted } from './foreign.ts';
import { meantBy, type Place } from './names-elsewhere.ts';
import { folded, nearest } from './nearest.ts';

/** The names that an object of options may have. */
export type OptionNames = ReadonlySet<string>;

/** The names of the options `T`. The compiler demands each of them, and no other. */
export function optionNames<T extends object>(
  names: Readonly<Record<keyof T & string, true>>,
  more: OptionNames = NONE,
): OptionNames {
  return new Set([...Object.keys(names), ...more]);
}

const NONE: OptionNames = new Set();

/**
 * Refuses options that a verb does not have: ignored, they would mean nothing, unnoticed. `undefined` is no options.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`, with the nearest name.
 */
export function assertOptions(verb: string, options: unknown, known: OptionNames): void {
  if (options === undefined) return;
  if (typeof options === 'function') throw noCallback(verb);
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw argumentError(`The options of ${verb} must be an object, not ${quoted(options)}.`, {
      argument: 'options',
    });
  // Names that are inherited count as well: they are read all the same.
  for (const name in options) if (!known.has(name)) throw unknownOption(verb, name, known);
}

/** The error for a name that is none of the options of a verb. */
export function unknownOption(verb: string, name: string, known: OptionNames): PgHerdError {
  const remedy = insteadOf(name, 'call', known) ?? `there are ${[...known].join(', ')}`;
  return argumentError(`${foreign(name)} is not an option of ${verb}; ${remedy}`, { argument: name });
}

/**
 * What is to be written instead of a name, as the end of a sentence: a known name that is written nearly so; what a name of other
 * clients is called here; the nearest name. `undefined` if nothing is like it.
 */
export function insteadOf(name: string, place: Place, known: OptionNames): string | undefined {
  const near = nearest(name, [...known]);
  const isSame = near !== undefined && folded(near) === folded(name);
  const meant = isSame ? undefined : meantBy(name, place, known);
  return meant ?? (near === undefined ? undefined : `did you mean ${place === 'url' ? `"${near}"` : near}?`);
}

/** The error for a callback: verbs return promises. */
export function noCallback(verb: string): PgHerdError {
  return argumentError(
    `${verb} takes no callback, which would never be called: it returns its result, to be awaited.`,
    { argument: 'callback' },
  );
}

/**
 * Refuses a callback where a verb takes nothing: any other value is harmless, as in `then(tx.commit)`.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertNoCallback(verb: string, given: readonly unknown[]): void {
  if (typeof given[0] === 'function') throw noCallback(verb);
}
