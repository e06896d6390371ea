import type { Row } from '../model/statement.ts';

/** States of a backend in which it waits for its client's next statement, by the name that the server gives them. */
export const IDLE_STATES = Object.freeze([
  'idle',
  'idle in transaction',
  'idle in transaction (aborted)',
] as const);
/** One of {@link IDLE_STATES}, or a backend that executes something. */
export type BackendState = (typeof IDLE_STATES)[number] | 'active';

/** What `pg_stat_activity` shows of the backend of one process ID. */
export interface Backend {
  readonly pid: number;
  /** Whether it is connected to our database. */
  readonly here: boolean;
  /** When it started, microseconds since 1970 by the server's clock; `undefined` if that is hidden from our role. */
  readonly startedAt: string | undefined;
  /** How long ago that was, milliseconds, by the server's clock. */
  readonly ageMs: number;
  /** `undefined` if it is hidden from our role, or none of {@link BackendState}. */
  readonly state: BackendState | undefined;
  /** Since when it has been in that state, microseconds since 1970 by the server's clock. */
  readonly changedAt: string | undefined;
  /** How long ago that was, milliseconds. */
  readonly unchangedMs: number;
  /** What it waits for, as `type/event`; `undefined` if for nothing. */
  readonly wait: string | undefined;
}

/** Most backends that one question may be about. */
export const MAX_ASKED = 100;

const STARTED = '(extract(epoch from a.backend_start) * 1000000)::bigint';
const CHANGED = '(extract(epoch from a.state_change) * 1000000)::bigint';
const since = (column: string) =>
  `(extract(epoch from pg_catalog.clock_timestamp() - a.${column}) * 1000)::text`;

/** Asks what the backends do. Every column is text, so that type parsers of the application cannot interfere. */
export function lookText(pids: readonly number[]): string {
  return `SELECT a.pid::text AS pid, (a.datname = pg_catalog.current_database())::text AS here, ${STARTED}::text AS started,
${since('backend_start')} AS age, a.state::text AS state, ${CHANGED}::text AS changed, ${since('state_change')} AS unchanged,
a.wait_event_type || '/' || a.wait_event AS wait FROM pg_catalog.pg_stat_activity a WHERE a.pid IN (${pids.join(', ')})`;
}

/**
 * Ends backends on the server, each only if it is still the same, in the same state, and still waits for its client; returns the process
 * IDs of those that were ended.
 */
export function endText(backends: readonly Backend[]): string {
  const same = backends.map(
    ({ pid, startedAt, changedAt }) =>
      `(a.pid = ${pid} AND ${STARTED} = ${startedAt ?? 'NULL'} AND ${CHANGED} = ${changedAt ?? 'NULL'})`,
  );
  const idle = IDLE_STATES.map((state) => `'${state}'`).join(', ');
  return `SELECT a.pid::text AS pid, pg_catalog.pg_terminate_backend(a.pid)::text AS ended FROM pg_catalog.pg_stat_activity a
WHERE (${same.join(' OR ')}) AND a.wait_event_type = 'Client' AND ((a.state IN (${idle}) AND a.wait_event = 'ClientRead')
OR (a.state = 'active' AND a.wait_event = 'ClientWrite'))`;
}

/** The backends in the answer to {@link lookText}, by process ID; rows of another form are left out. */
export function readBackends(rows: readonly Row[]): ReadonlyMap<number, Backend> {
  const backends = new Map<number, Backend>();
  for (const row of rows.slice(0, MAX_ASKED)) {
    const [pid, startedAt] = [digits(row['pid']), digits(row['started'])];
    if (pid === undefined) continue;
    const state = row['state'];
    backends.set(Number(pid), {
      pid: Number(pid),
      here: row['here'] === 'true',
      startedAt,
      ageMs: milliseconds(row['age']),
      state: state === 'active' ? state : IDLE_STATES.find((known) => known === state),
      changedAt: digits(row['changed']),
      unchangedMs: milliseconds(row['unchanged']),
      wait: typeof row['wait'] === 'string' ? row['wait'] : undefined,
    });
  }
  return backends;
}

/** The process IDs in the answer to {@link endText}. */
export function readEnded(rows: readonly Row[]): ReadonlySet<number> {
  const ended = rows.filter((row) => row['ended'] === 'true' || row['ended'] === 't');
  return new Set(ended.map((row) => Number(digits(row['pid']))));
}

function digits(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9]{1,18}$/.test(value) ? value : undefined;
}

/** A clock that went back gives a negative age: nothing is older than that. */
function milliseconds(value: unknown): number {
  const isNumber = typeof value === 'string' && /^[0-9]{1,15}(\.[0-9]{1,15})?$/.test(value);
  return isNumber ? Number(value) : 0;
}
