import type { Callback, PgResult } from './module.ts';

/** A call of `query` that any connection can serve: one text, values, and how its rows are wanted. */
export interface PlainCall {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly rowMode: string | undefined;
  readonly types: unknown;
  readonly callback: Callback<PgResult> | undefined;
}

/** Properties of a query's options that do not matter to its result: each of the others needs a client of `pg`. */
const PLAIN: ReadonlySet<string> = new Set(['text', 'values', 'rowMode', 'types', 'name', 'queryMode']);

/**
 * The call that `query(...args)` is, in any of the forms of `pg`; `undefined` if only a client of `pg` can do it: cursors and other
 * objects with a protocol of their own, options such as `binary` or `query_timeout`, and what `pg` refuses.
 */
export function plainCall(first: unknown, second: unknown, third: unknown): PlainCall | undefined {
  const callback = typeof second === 'function' ? second : third;
  if (callback !== undefined && typeof callback !== 'function') return undefined;
  const given = typeof second === 'function' || second === null ? undefined : second;
  if (given !== undefined && !Array.isArray(given)) return undefined;
  const called = callback as Callback<PgResult> | undefined;
  if (typeof first === 'string')
    return { text: first, values: given, rowMode: undefined, types: undefined, callback: called };
  if (typeof first !== 'object' || first === null) return undefined;
  const config = first as Readonly<Record<string, unknown>>;
  if (typeof config['submit'] === 'function' || typeof config['text'] !== 'string') return undefined;
  for (const name in config) if (!PLAIN.has(name) && config[name] !== undefined) return undefined;
  const values = given ?? config['values'] ?? undefined;
  if (values !== undefined && !Array.isArray(values)) return undefined;
  const { text, rowMode, types } = config as { text: string; rowMode?: string; types?: unknown };
  return { text, values, rowMode, types, callback: called };
}
