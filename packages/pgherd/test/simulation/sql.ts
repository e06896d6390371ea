import { formatLsn } from '../../src/model/lsn.ts';
import type { Row } from '../../src/model/statement.ts';
import { ACTIVITY_PATTERNS, type ActivityQuestion } from './activity.ts';
import type { ServerView } from './surroundings.ts';

/** What of a text a server must know to answer it. */
export type Parsed =
  /** The start of the server alone, or with all else that a probe asks for. */
  | { readonly kind: 'start' | 'probe' }
  | { readonly kind: 'long-poll'; readonly boundMs: number }
  | { readonly kind: 'begin'; readonly readOnly: boolean | undefined }
  | {
      readonly kind:
        | 'commit'
        | 'rollback'
        | 'discard'
        | 'insert'
        | 'select'
        | 'failing'
        | 'savepoint'
        | 'release'
        | 'set-name'
        | 'slots'
        | 'standby-waits'
        | 'read-only-setting';
    }
  | { readonly kind: 'rollback-to' | 'transaction-read-only' | 'sleep' }
  | { readonly kind: 'set-read-only'; readonly on: boolean }
  | ActivityQuestion
  | { readonly kind: 'lock-wait' | 'own-pid' }
  | { readonly kind: 'unknown' };

const PATTERNS: readonly (readonly [RegExp, (match: RegExpExecArray) => Parsed])[] = [
  ...ACTIVITY_PATTERNS,
  [/^select pg_catalog\.pg_backend_pid\(\)/i, () => ({ kind: 'own-pid' })],
  [/^SELECT 1 FROM pg_catalog\.pg_stat_activity/, () => ({ kind: 'lock-wait' })],
  [/^select kind, pg_catalog\.quote_ident/, () => ({ kind: 'read-only-setting' })],
  [/^select .* as names,.*'SyncRep'/s, () => ({ kind: 'standby-waits' })],
  [/^select .*pg_is_in_recovery\(\)/is, () => ({ kind: 'probe' })],
  [/^select .*pg_postmaster_start_time\(\)/is, () => ({ kind: 'start' })],
  [
    /^select pg_catalog\.set_config\('default_transaction_read_only', 'on'/i,
    () => ({ kind: 'set-read-only', on: true }),
  ],
  [
    /^select pg_catalog\.set_config\('default_transaction_read_only', 'off'/i,
    () => ({ kind: 'set-read-only', on: false }),
  ],
  [/^DO \$pgherd\$.*?interval '(\d+) milliseconds'/is, (match) => longPoll(match[1])],
  [/^BEGIN\b/i, (match) => ({ kind: 'begin', readOnly: readOnlyOf(match.input) })],
  [/^COMMIT\b/i, () => ({ kind: 'commit' })],
  [/^ROLLBACK TO\b/i, () => ({ kind: 'rollback-to' })],
  [/^ROLLBACK\b/i, () => ({ kind: 'rollback' })],
  [/^SAVEPOINT\b/i, () => ({ kind: 'savepoint' })],
  [/^RELEASE\b/i, () => ({ kind: 'release' })],
  [/^DISCARD ALL\b/i, () => ({ kind: 'discard' })],
  [/^select .*numbackends/is, () => ({ kind: 'slots' })],
  [/^SET application_name\b/i, () => ({ kind: 'set-name' })],
  [/^SET default_transaction_read_only = on/i, () => ({ kind: 'set-read-only', on: true })],
  [/^SET default_transaction_read_only = off/i, () => ({ kind: 'set-read-only', on: false })],
  [/^SET TRANSACTION READ ONLY\b/i, () => ({ kind: 'transaction-read-only' })],
  [/^insert into t\b/i, () => ({ kind: 'insert' })],
  [/^select pg_sleep\b/i, () => ({ kind: 'sleep' })],
  [/^select 1\/0/i, () => ({ kind: 'failing' })],
  [/^select\b/i, () => ({ kind: 'select' })],
];

const known = new Map<string, Parsed>();

/** Reads a text the way the servers of the simulation understand it. */
export function parse(text: string): Parsed {
  let parsed = known.get(text);
  if (parsed === undefined) {
    parsed = parseNew(text);
    known.set(text, parsed);
  }
  return parsed;
}

function parseNew(text: string): Parsed {
  for (const [pattern, found] of PATTERNS) {
    const match = pattern.exec(text);
    if (match !== null) return found(match);
  }
  return { kind: 'unknown' };
}

function longPoll(bound: string | undefined): Parsed {
  return { kind: 'long-poll', boundMs: Number(bound) };
}

function readOnlyOf(text: string): boolean | undefined {
  if (/READ ONLY/i.test(text)) return true;
  return /READ WRITE/i.test(text) ? false : undefined;
}

/** Whether the text asks for the control file. */
export function asksControlFile(text: string): boolean {
  return text.includes('pg_control_');
}

/** The row of a probe: whatever columns it asks for, by their names; what no server knows is null. */
export function probeRow(text: string, server: ServerView, readOnly: boolean): Row {
  const row: Row = {};
  const facts = probeFacts(server, readOnly);
  for (const [, name = ''] of text.matchAll(/ as ([a-z_]+)(?=,|$)/gi)) row[name] = facts[name] ?? null;
  return row;
}

function probeFacts(server: ServerView, readOnly: boolean): Readonly<Record<string, string | null>> {
  const { wal, inRecovery } = server;
  const shown = inRecovery ? server.replayed : wal.length;
  const last = wal.at(shown - 1);
  return {
    in_recovery: String(inRecovery),
    read_only: readOnly ? 'on' : 'off',
    version: server.surroundings.traits.reportsRole ? '180004' : '130020',
    started: server.startedAt,
    timeline: inRecovery ? null : server.timeline.toString(16).toUpperCase().padStart(8, '0'),
    lsn: formatLsn(BigInt(wal.lsnAt(shown))),
    received: inRecovery ? formatLsn(BigInt(wal.lsn)) : null,
    replay_age: inRecovery && last !== undefined ? String(server.surroundings.loop.now - last.at) : null,
    system_identifier: server.systemIdentifier,
    checkpoint_timeline: String(server.checkpointTimeline),
    recovery_timeline: inRecovery ? String(server.recoveryTimeline) : null,
    uptime: String(server.clockOf(server.surroundings.loop.now) - server.clockOf(server.bornAt)),
    accept_epoch: server.note?.value ?? null,
    clock: String(server.clockMs),
    clock_us: String(Math.round(server.clockOf(server.surroundings.loop.now) * 1_000)),
    wal_senders: inRecovery ? null : String(server.walSenders),
  };
}
