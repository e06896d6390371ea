import { argumentError, type PgHerdError } from './errors.ts';
import { foreign, quoted } from './foreign.ts';
import { nearest } from './nearest.ts';

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
  const near = nearest(name, [...known]);
  const remedy = near === undefined ? `there are ${[...known].join(', ')}` : `did you mean ${near}?`;
  return argumentError(`${foreign(name)} is not an option of ${verb}; ${remedy}`, { argument: name });
}

/** The error for a callback: verbs return promises. */
export function noCallback(verb: string): PgHerdError {
  return argumentError(
    `${verb} takes no callback, which would never be called: it returns its result, to be awaited.`,
    { argument: 'callback' },
  );
}
