import type { Cluster, ClusterQuerier } from 'pgherd';
import type { NodeFacts, ServerFacts, SlotFacts } from './facts.ts';

/** Settings that rules look at. */
const SETTINGS = [
  'fsync',
  'full_page_writes',
  'hot_standby_feedback',
  'idle_session_timeout',
  'max_connections',
  'max_standby_streaming_delay',
  'password_encryption',
  'recovery_min_apply_delay',
  'reserved_connections',
  'ssl',
  'statement_timeout',
  'superuser_reserved_connections',
  'synchronous_commit',
  'synchronous_standby_names',
  'wal_level',
] as const;

const ABOUT_SESSION = `select pg_catalog.current_setting('server_version_num')::int as version,
  coalesce((select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()), false) as is_encrypted,
  (select rolsuper from pg_catalog.pg_roles where rolname = session_user) as is_superuser,
  (select nullif(rolconnlimit, -1) from pg_catalog.pg_roles where rolname = session_user) as role_limit,
  (select nullif(datconnlimit, -1) from pg_catalog.pg_database where datname = pg_catalog.current_database()) as database_limit,
  pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may_read_control,
  coalesce((select confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock
    from pg_catalog.pg_stat_database_conflicts where datname = pg_catalog.current_database()), 0)::float8 as conflicts,
  (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as clock_ms`;
const ABOUT_SETTINGS = `select name, setting from pg_catalog.pg_settings where name = any($1)`;
const ABOUT_SLOTS = `select slot_name as name, active, case when pg_catalog.pg_is_in_recovery() then null
    else pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn) end::float8 as "retainedBytes"
  from pg_catalog.pg_replication_slots where not temporary`;
const ABOUT_SENDERS = `select application_name as name, sync_state as "syncState" from pg_catalog.pg_stat_replication`;
/** The receiver's row is there for every role; what it does is not. */
const ABOUT_REPLAY = `select pg_catalog.pg_is_wal_replay_paused() as is_paused,
  exists (select from pg_catalog.pg_stat_wal_receiver where pid is not null) as is_receiving`;

interface SessionRow {
  readonly version: number;
  readonly is_encrypted: boolean;
  readonly is_superuser: boolean;
  readonly role_limit: number | null;
  readonly database_limit: number | null;
  readonly may_read_control: boolean;
  readonly conflicts: number;
  readonly clock_ms: number;
}

/** Asks every server that answers. */
export async function collect(
  db: Cluster,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly NodeFacts[]> {
  return Promise.all(
    db.nodes().map(async (picture): Promise<NodeFacts> => {
      if (picture.health !== 'ok' || picture.aliasOf !== undefined) return { picture, server: undefined };
      const verbs = db.with({ node: picture.name, target: 'any', timeoutMs, signal });
      try {
        return { picture, server: await ask(verbs, picture.role === 'standby') };
      } catch (error) {
        signal.throwIfAborted();
        // A node that is not believed gets no statement: its standing is the finding.
        if (picture.standing !== 'current') return { picture, server: undefined };
        throw error;
      }
    }),
  );
}

async function ask(verbs: ClusterQuerier, isStandby: boolean): Promise<ServerFacts> {
  // The first statement may have to wait for a connection: it would spoil the comparison of the clocks.
  await verbs.query('select 1');
  const before = Date.now();
  const session = await verbs.one<SessionRow>(ABOUT_SESSION);
  const roundTripMs = Date.now() - before;
  const settings = await verbs.rows<{ name: string; setting: string }>(ABOUT_SETTINGS, [SETTINGS]);
  const slots = await verbs.rows<SlotFacts>(ABOUT_SLOTS);
  const senders = await verbs.rows<{ name: string; syncState: string | null }>(ABOUT_SENDERS);
  const replay = isStandby
    ? await verbs.one<{ is_paused: boolean; is_receiving: boolean }>(ABOUT_REPLAY)
    : undefined;
  return {
    version: session.version,
    settings: Object.fromEntries(settings.map(({ name, setting }) => [name, setting])),
    isEncrypted: session.is_encrypted,
    isSuperuser: session.is_superuser,
    roleLimit: session.role_limit,
    databaseLimit: session.database_limit,
    mayReadControl: session.may_read_control,
    clockAheadMs: session.clock_ms - (before + roundTripMs / 2),
    roundTripMs,
    slots,
    senders,
    isReceiving: replay?.is_receiving ?? null,
    isReplayPaused: replay?.is_paused ?? false,
    conflicts: session.conflicts,
  };
}
