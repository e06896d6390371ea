import { argumentError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { nearest } from '../model/nearest.ts';

/** What an option may be: its test, and the words for it. */
export type OptionRule = readonly [test: (value: unknown) => boolean, words: string];

/** `true` or `false`. */
export const SWITCH: OptionRule = [(value) => typeof value === 'boolean', 'true or false'];
/** A function. */
export const CALLBACK: OptionRule = [(value) => typeof value === 'function', 'a function'];

/** One of some words. */
export function oneOf(...words: readonly string[]): OptionRule {
  return [
    (value) => typeof value === 'string' && words.includes(value),
    words.map((word) => `'${word}'`).join(' or '),
  ];
}

/**
 * Refuses options that do not exist or have a wrong value.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function checkOptions(options: object, rules: Readonly<Record<string, OptionRule>>): void {
  if (typeof options !== 'object' || options === null)
    throw argumentError(`The options are ${quoted(options)}, but must be an object.`);
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw unknownOption(name, Object.keys(rules));
    const [test, words] = rule;
    if (value !== undefined && !test(value))
      throw argumentError(`${name} is ${quoted(value)}, but must be ${words}.`, { argument: name });
  }
}

function unknownOption(name: string, names: readonly string[]): Error {
  const near = nearest(name, names);
  const hint = near === undefined ? `There are ${names.join(', ')}.` : `Did you mean ${near}?`;
  return argumentError(`Unknown option ${quoted(name)}. ${hint}`, { argument: name });
}
