import { formatLsn } from './lsn.ts';

/** The name of the method by which `util.inspect` and `console.log` show an object. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as typeof INSPECT;

/** What `util.inspect` passes to that method. */
export type Inspect = (value: unknown, options: object) => string;

/** An object of the application as `console.log` shows it: a name, and the few facts that matter. Never a secret. */
export function look(name: string, facts: object, options: object, inspect: Inspect): string {
  return `${name} ${inspect(facts, options)}`;
}

/**
 * A description as the application gets it: the same, frozen, and its log positions are shown as PostgreSQL writes them, by
 * `JSON.stringify` (which refuses their type) and by `console.log`. Copies by spread lose this.
 */
export function shownAs<T extends object>(description: T, looks: PropertyDescriptorMap): T {
  return Object.freeze(Object.defineProperties({ ...description }, looks));
}

/**
 * How descriptions of one kind are shown: by `JSON.stringify` in full, by `console.log` under their name, with what `brief` chooses. What
 * is `undefined` is left out.
 */
export function looksOf<T extends object>(
  name: string,
  brief: (description: T) => object,
): PropertyDescriptorMap {
  return Object.freeze({
    toJSON: {
      value(this: T): unknown {
        return plain(this);
      },
    },
    [INSPECT]: {
      value(this: T, _depth: number, options: object, inspect: Inspect): string {
        return look(name, plain(brief(this)) as object, options, inspect);
      },
    },
  });
}

/** The same with texts for log positions, and without what is `undefined`. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return formatLsn(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const given = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(given.map(([name, one]) => [name, plain(one)]));
}
