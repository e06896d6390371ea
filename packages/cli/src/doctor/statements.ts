/** Settings that rules look at; a server leaves out those that its version lacks, or that the role may not see. */
export const SETTINGS = Object.freeze([
  'fsync',
  'full_page_writes',
  'hot_standby_feedback',
  'idle_session_timeout',
  'max_connections',
  'max_standby_streaming_delay',
  'password_encryption',
  'recovery_min_apply_delay',
  'reserved_connections',
  'shared_preload_libraries',
  'ssl',
  'statement_timeout',
  'superuser_reserved_connections',
  'synchronous_commit',
  'synchronous_standby_names',
  'wal_level',
] as const);

export const ABOUT_SESSION = `select pg_catalog.current_setting('server_version_num')::int as version,
  coalesce((select ssl from pg_catalog.pg_stat_ssl where pid = pg_catalog.pg_backend_pid()), false) as is_encrypted,
  (select rolsuper from pg_catalog.pg_roles where rolname = session_user) as is_superuser,
  (select nullif(rolconnlimit, -1) from pg_catalog.pg_roles where rolname = session_user) as role_limit,
  (select nullif(datconnlimit, -1) from pg_catalog.pg_database where datname = pg_catalog.current_database()) as database_limit,
  pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may_read_control,
  coalesce((select confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock
    from pg_catalog.pg_stat_database_conflicts where datname = pg_catalog.current_database()), 0)::float8 as conflicts,
  (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as clock_ms`;

export const ABOUT_SETTINGS = `select name, setting from pg_catalog.pg_settings where name = any($1)`;

export const ABOUT_SLOTS = `select slot_name as name, active, case when pg_catalog.pg_is_in_recovery() then null
    else pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn) end::float8 as "retainedBytes"
  from pg_catalog.pg_replication_slots where not temporary`;

export const ABOUT_SENDERS = `select application_name as name, sync_state as "syncState" from pg_catalog.pg_stat_replication`;

/** The receiver's row is there for every role; what it does is not. */
export const ABOUT_REPLAY = `select pg_catalog.pg_is_wal_replay_paused() as is_paused,
  exists (select from pg_catalog.pg_stat_wal_receiver where pid is not null) as is_receiving`;

export const ABOUT_EXTENSIONS = `select extname as name, default_version as offered
  from pg_catalog.pg_extension left join pg_catalog.pg_available_extensions on name = extname order by extname`;

/**
 * What default_transaction_read_only is in a session that was opened for writing, whatever it was set to since; and what sets it for our role in
 * our database, of several the one that counts, as `alter` calls it. The probe leaves these settings out, since every server has them.
 */
export const ABOUT_READ_ONLY = `select own.reset_val as first_value, role_setting.value as altered_value, role_setting.what as altered
  from pg_catalog.pg_settings as own left join (
    select pg_catalog.split_part(setting, '=', 2) as value,
      pg_catalog.concat_ws(' in ', 'role ' || coalesce(pg_catalog.quote_ident(rolname), case when setdatabase = 0 then 'all' end),
        'database ' || pg_catalog.quote_ident(datname)) as what
    from pg_catalog.pg_db_role_setting cross join pg_catalog.unnest(setconfig) as setting
      left join pg_catalog.pg_roles on pg_roles.oid = setrole left join pg_catalog.pg_database on pg_database.oid = setdatabase
    where pg_catalog.lower(setting) like 'default\\_transaction\\_read\\_only=%'
      and setrole in (0, (select oid from pg_catalog.pg_roles where rolname = session_user))
      and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
    order by (setrole <> 0) desc, (setdatabase <> 0) desc limit 1) as role_setting on true
  where own.name = 'default_transaction_read_only'`;
