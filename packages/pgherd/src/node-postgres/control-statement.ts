/** Long enough for every way to write it. */
const LONGEST = 100;
const CONTROL =
  /^select\s+(?:pg_catalog\.)?pg_(?:cancel|terminate)_backend\s*\(\s*(\d{1,10}|\$1)(?:::\w+)?\s*\)(?:\s*as\s+\w+)?$/i;
/** What may stand behind a statement. */
const END = /(?<!;|\s)\s*;$/;

/** Whether a query may be one of these, at next to no cost: nearly none is. */
export function mentionsBackend(query: unknown): boolean {
  const text = typeof query === 'string' ? query : (query as { text?: unknown } | null | undefined)?.text;
  return typeof text === 'string' && text.length <= LONGEST && text.includes('_backend');
}

/**
 * The process that a statement cancels or ends, as libraries write it: `select pg_cancel_backend(…)`, with the number in the text or as
 * its first value. `undefined` for every other statement.
 */
export function backendIn(text: string, values: readonly unknown[] | undefined): number | undefined {
  if (text.length > LONGEST) return undefined;
  const written = CONTROL.exec(text.trim().replace(END, ''))?.[1];
  if (written === undefined) return undefined;
  const number = Number(written === '$1' ? values?.[0] : written);
  return Number.isSafeInteger(number) ? number : undefined;
}
