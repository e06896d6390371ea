import type { Row } from '../model/statement.ts';

/**
 * The start of the server, microseconds since 1970 by its own clock: it tells two servers apart, and two lives of one
 * server. As a number in a text, since the text of a time depends on the session's time zone.
 */
export const STARTED =
  '(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text as started';

/** Asks a connection for the start of its server, and for nothing else. */
export const START_QUESTION = `select ${STARTED}`;

/** SQLSTATEs for a source that the server lacks or forbids. */
export const SOURCE_MISSING: ReadonlySet<string> = new Set([
  '42501',
  '42883',
  '42P01',
  '42703',
  '0A000',
  '55000',
]);

/** The start in the answer; `undefined` if there is none. */
export function parseStart(row: Row | undefined): string | undefined {
  return parseDigits(row?.['started']);
}

/** A whole number as the server writes it, still as a text; `undefined` for anything else. */
export function parseDigits(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9]{1,20}$/.test(value) ? value : undefined;
}
