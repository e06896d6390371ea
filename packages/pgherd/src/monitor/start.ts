import type { Row } from '../model/statement.ts';

/**
 * The start of the server, microseconds since 1970 by its own clock: it tells two servers apart, and two lives of one
 * server. As a number in a text, since the text of a time depends on the session's time zone.
 */
export const STARTED =
  '(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text as started';

/** The process of the server that answers: on one connection always the same, unless there is a pooler before the server. */
export const SERVED_BY = 'pg_catalog.pg_backend_pid()::text as backend';

/** The server's clock, microseconds since 1970. */
export const CLOCK = '(extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::bigint::text as clock_us';

/** Asks a connection to which server it leads, by which of its processes it is served, and since when by the clock of the server. */
export const START_QUESTION = `select ${STARTED}, ${SERVED_BY}, ${CLOCK}`;

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

/** The server's clock in the answer; `undefined` if there is none. */
export function parseClock(row: Row | undefined): string | undefined {
  return parseDigits(row?.['clock_us']);
}

/** The number of the process in the answer; `undefined` if there is none. */
export function parseBackendPid(row: Row | undefined): number | undefined {
  const pid = Number(parseDigits(row?.['backend']) ?? 0);
  return pid > 0 ? pid : undefined;
}

/** A whole number as the server writes it, still as a text; `undefined` for anything else. */
export function parseDigits(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9]{1,20}$/.test(value) ? value : undefined;
}
