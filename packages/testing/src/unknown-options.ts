import { TestClusterError } from './errors.ts';
import { nearest } from './nearest.ts';

/** What is wrong with the names of options: a mistyped one would mean the default, unnoticed. `known` has all names of `thing`. */
export function unknownOptions(
  thing: string,
  options: object,
  known: Readonly<Record<string, true>>,
): string[] {
  const names = Object.keys(known);
  return Object.keys(options)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => {
      const near = nearest(name, names);
      const remedy = near === undefined ? `there are ${names.join(', ')}.` : `did you mean ${near}?`;
      return `${name} is not an option of ${thing}; ${remedy}`;
    });
}

/** @throws {@link TestClusterError} for options that are not known. */
export function assertKnown(thing: string, options: object, known: Readonly<Record<string, true>>): void {
  const wrong = unknownOptions(thing, options, known);
  if (wrong.length > 0) throw new TestClusterError(wrong.join(' '));
}
