import { type ClusterQuerier, sqlState } from 'pgherd';

/** Where a database says which epoch is accepted. */
export type Place = 'setting' | 'comment';

/** A value that a database has. */
export interface WrittenEpoch {
  readonly place: Place;
  readonly value: string;
}

/** `<system identifier>/<timeline>/<time with zone>` of the server itself. */
const VALUE = `(select system_identifier from pg_catalog.pg_control_system())::text || '/' ||
  ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int || '/' ||
  pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SSOF')`;
const COMMENT = `pg_catalog.shobj_description((select oid from pg_catalog.pg_database
  where datname = pg_catalog.current_database()), 'pg_database')`;
/** The comment without the word, and without the blanks that were around it. */
const OTHER_COMMENT = `pg_catalog.btrim(pg_catalog.regexp_replace(coalesce(${COMMENT}, ''), ' ?pgherd\\.accept_epoch=\\S+', '', 'g'))`;

const SET = `select pg_catalog.format('alter database %I set pgherd.accept_epoch = %L', pg_catalog.current_database(), ${VALUE}) as text`;
const RESET = `select pg_catalog.format('alter database %I reset pgherd.accept_epoch', pg_catalog.current_database()) as text`;
const SET_COMMENT = `select pg_catalog.format('comment on database %I is %L', pg_catalog.current_database(),
  pg_catalog.btrim(${OTHER_COMMENT} || ' pgherd.accept_epoch=' || ${VALUE})) as text`;
const RESET_COMMENT = `select pg_catalog.format('comment on database %I is %L', pg_catalog.current_database(),
  nullif(${OTHER_COMMENT}, '')) as text`;
const READ = `select 'setting' as place, pg_catalog.split_part(one, '=', 2) as value
  from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) as one
  where setrole = 0 and one like 'pgherd.accept_epoch=%'
    and setdatabase = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  union all
  select 'comment', pg_catalog.substring(${COMMENT}, 'pgherd\\.accept_epoch=(\\S+)')
  where ${COMMENT} like '%pgherd.accept\\_epoch=%'`;

/** SQLSTATE of a role that may not. */
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Writes the epoch of the server as a setting of its database, or, if the role may not, into the comment on it; resolves with where.
 * @throws the server's error if the role may do neither.
 */
export async function writeEpoch(verbs: ClusterQuerier): Promise<Place> {
  try {
    await run(verbs, SET);
    return 'setting';
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    await run(verbs, SET_COMMENT);
    return 'comment';
  }
}

/** Removes the value from wherever it is. */
export async function removeEpoch(verbs: ClusterQuerier): Promise<void> {
  for (const { place } of await readEpochs(verbs))
    await run(verbs, place === 'setting' ? RESET : RESET_COMMENT);
}

/** What the database says. */
export async function readEpochs(verbs: ClusterQuerier): Promise<readonly WrittenEpoch[]> {
  return verbs.rows<WrittenEpoch>(READ);
}

/** Lets the server write the statement, with its names quoted, and runs it without waiting for a standby. */
async function run(verbs: ClusterQuerier, statement: string): Promise<void> {
  await verbs.transaction(async (tx) => {
    await tx.query('set local synchronous_commit = local');
    const { text } = await tx.one<{ text: string }>(statement);
    await tx.query(text);
  });
}
