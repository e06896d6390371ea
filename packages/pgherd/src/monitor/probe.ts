import type { ExtraQuestion } from '../floors/evidence.ts';
import { parseLsn } from '../model/lsn.ts';
import type { EpochNote, ProbeFacts } from '../model/observation.ts';
import type { Row } from '../model/statement.ts';
import { CLOCK, parseBackendPid, parseClock, parseDigits, parseStart, SERVED_BY, STARTED } from './start.ts';

/**
 * Sources of a setting that belong to the role, the database or the session. The first two are replicated:
 * they are the same on every server, so that they fence none, and another primary would not help.
 */
const NOT_THE_SERVERS =
  "'user', 'database', 'database user', 'global', 'client', 'session', 'interactive', 'test'";

/** The setting in our sessions, from any source. */
const READ_ONLY = "pg_catalog.current_setting('default_transaction_read_only')";

/** The source is looked up only if the setting is on: that costs the server half a millisecond. */
const OWN_READ_ONLY = `case ${READ_ONLY} when 'on' then (select case when source in (${NOT_THE_SERVERS})
  then 'off' else 'on' end from pg_catalog.pg_settings where name = 'default_transaction_read_only') else 'off' end`;

/**
 * The questions, from the full one to the one that every server answers. A source that a server lacks or
 * forbids costs its facts, not the node. Every column is text, so that type parsers of the application cannot
 * interfere.
 */
export const PROBES: readonly (readonly Source[])[] = Object.freeze([
  ['settings', 'position', 'control', 'recovery'],
  ['settings', 'position', 'control'],
  ['settings', 'position'],
  [],
] as const);

/** Where facts come from. */
type Source = 'settings' | 'position' | 'control' | 'recovery';

const texts = new Map<string, string>();

/** The question for these sources, and for what else the floors need to know. */
export function probeText(level: number, extras: readonly ExtraQuestion[]): string {
  const sources = PROBES[level] ?? [];
  const key = [level, ...extras].join(' ');
  const known = texts.get(key);
  if (known !== undefined) return known;
  const text = `select ${[...columnsOf(sources), ...extras.flatMap((extra) => EXTRA_COLUMNS[extra])].join(', ')}`;
  texts.set(key, text);
  return text;
}

/** Columns of the questions that are asked only while their answers matter. */
/** The row of our database in `pg_database`. */
const OUR_DATABASE = '(select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())';

/**
 * The epoch that the operator wrote down: as a setting of the database, which only its catalog shows in open
 * sessions and which no client can set for itself, else as a word in the comment on the database.
 */
const ACCEPT_EPOCH = `pg_catalog.left(coalesce(
    (select pg_catalog.split_part(setting, '=', 2) from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) as setting
      where setrole = 0 and setdatabase = ${OUR_DATABASE} and setting like 'pgherd.accept\\_epoch=%' limit 1),
    pg_catalog.substring(pg_catalog.shobj_description(${OUR_DATABASE}, 'pg_database'), 'pgherd\\.accept_epoch=(\\S+)')), 100)`;

const EXTRA_COLUMNS: Readonly<Record<ExtraQuestion, readonly string[]>> = Object.freeze({
  'accept-epoch': [
    `${ACCEPT_EPOCH} as accept_epoch`,
    '(extract(epoch from pg_catalog.clock_timestamp()) * 1000)::text as clock',
  ],
  withdrawal: [
    `(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time()) * 1000)::text as uptime`,
    `case when pg_catalog.pg_is_in_recovery() then null
      else (select pg_catalog.count(*)::text from pg_catalog.pg_stat_get_wal_senders()) end as wal_senders`,
  ],
});

/** From this `max_connections` on there may be so many clients that each of them has to check less often. */
const CROWD_POSSIBLE = 100;
/** Pause between two checks per connection of the server, seconds: a thousand clients check every 50 ms. */
const STEP_PER_CONNECTION_S = 0.00005;
/** Longest pause between two checks because of many connections, seconds. */
const LONGEST_CROWDED_STEP_S = 0.25;

function columnsOf(sources: readonly Source[]): readonly string[] {
  const columns = [
    'pg_catalog.pg_is_in_recovery()::text as in_recovery',
    `${sources.includes('settings') ? OWN_READ_ONLY : READ_ONLY} as read_only`,
    "pg_catalog.current_setting('server_version_num') as version",
  ];
  if (sources.includes('settings')) {
    columns.push("pg_catalog.current_setting('max_connections') as max_connections", SERVED_BY, CLOCK);
  }
  if (sources.includes('position')) {
    columns.push(
      STARTED,
      `case when pg_catalog.pg_is_in_recovery() then null
        else substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) end as timeline`,
      `(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
        else pg_catalog.pg_current_wal_lsn() end)::text as lsn`,
      `(case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn() end)::text as received`,
      `(case when pg_catalog.pg_is_in_recovery() then extract(epoch from
        pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) * 1000 end)::text as replay_age`,
    );
  }
  if (sources.includes('control')) {
    columns.push(
      '(select system_identifier::text from pg_catalog.pg_control_system()) as system_identifier',
      '(select timeline_id::text from pg_catalog.pg_control_checkpoint()) as checkpoint_timeline',
    );
  }
  if (sources.includes('recovery')) {
    columns.push(`case when pg_catalog.pg_is_in_recovery() then
      (select min_recovery_end_timeline::text from pg_catalog.pg_control_recovery()) end as recovery_timeline`);
  }
  return columns;
}

/**
 * Waits on the server until it leaves recovery, at most `boundMs`, checking every `stepMs`. It commits in
 * each step: a snapshot held for long would delay the promotion that it waits for. The server itself counts
 * its connections and lengthens the step, so that all clients together cost it at most one core.
 */
export function longPollText(boundMs: number, stepMs: number): string {
  return `DO $pgherd$ DECLARE bound timestamptz := pg_catalog.clock_timestamp() + interval '${Math.floor(boundMs)} milliseconds';
step float8 := ${stepMs / 1000};
BEGIN IF pg_catalog.current_setting('max_connections')::int > ${CROWD_POSSIBLE} THEN
step := greatest(step, least(${LONGEST_CROWDED_STEP_S}, ${STEP_PER_CONNECTION_S} *
(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_backend_idset()))); END IF;
WHILE pg_catalog.pg_is_in_recovery() AND pg_catalog.clock_timestamp() < bound LOOP
PERFORM pg_catalog.pg_sleep(step); COMMIT; END LOOP; END $pgherd$`;
}

/** The facts in a probe's row, or `undefined` if even the role is missing. */
export function parseFacts(row: Row | undefined): ProbeFacts | undefined {
  const inRecovery = parseBoolean(row?.['in_recovery']);
  if (row === undefined || inRecovery === undefined) return undefined;
  return Object.freeze({
    inRecovery,
    readOnly: parseBoolean(row['read_only']) ?? false,
    systemIdentifier: parseDigits(row['system_identifier']),
    timeline: parseTimeline(row['timeline']),
    timelineAtLeast: positive(Number(parseDigits(row['checkpoint_timeline']))),
    recoveryTimeline: parseCount(row['recovery_timeline']),
    uptimeMs: parseAge(row['uptime']),
    walSenders: parseCount(row['wal_senders']),
    acceptEpoch: parseNote(row['accept_epoch'], row['clock']),
    lsn: parseLsn(textOf(row['lsn'])),
    receivedLsn: parseLsn(textOf(row['received'])),
    replayAgeMs: parseAge(row['replay_age']),
    postmasterStartedAt: parseStart(row),
    backendPid: parseBackendPid(row),
    clockUs: parseClock(row),
    serverVersion: positive(Number(parseDigits(row['version']))),
  });
}

/** `max_connections` in a probe's row; `undefined` if it was not asked for. */
export function parseMaxConnections(row: Row | undefined): number | undefined {
  return positive(Number(parseDigits(row?.['max_connections'])));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parseBoolean(value: unknown): boolean | undefined {
  if (value === 'true' || value === 'on' || value === 't') return true;
  return value === 'false' || value === 'off' || value === 'f' ? false : undefined;
}

function parseNote(value: unknown, clock: unknown): EpochNote | undefined {
  const clockMs = parseAge(clock);
  return clockMs === undefined ? undefined : Object.freeze({ value: textOf(value), clockMs });
}

function parseCount(value: unknown): number | undefined {
  const digits = parseDigits(value);
  return digits === undefined ? undefined : Number(digits);
}

function parseTimeline(value: unknown): number | undefined {
  return typeof value === 'string' && /^[0-9A-F]{8}$/i.test(value)
    ? positive(Number.parseInt(value, 16))
    : undefined;
}

/** A server clock that went back gives a negative age: that is no age. */
function parseAge(value: unknown): number | undefined {
  const ms = typeof value === 'string' && /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : Number.NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

function positive(value: number): number | undefined {
  return Number.isFinite(value) && value > 0 ? value : undefined;
}
