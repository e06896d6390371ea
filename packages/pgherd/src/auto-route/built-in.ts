import { names } from './grammar.ts';

/** Volatile functions of PostgreSQL that do on a standby what they do on the primary. */
const ANYWHERE: ReadonlySet<string> = names(`
  array_sample array_shuffle bernoulli clock_timestamp gen_random_uuid pg_sleep pg_sleep_for pg_sleep_until random random_normal system timeofday uuidv4
  uuidv7 pg_column_size pg_database_size pg_indexes_size pg_relation_size pg_table_size pg_tablespace_size pg_total_relation_size`);

/**
 * Functions whose name begins with `pg_` and that read what is the same on every server. The others are about one server or one session:
 * they run on a standby, and mean something else there.
 */
const SAME_EVERYWHERE: ReadonlySet<string> = names(`
  pg_char_to_encoding pg_client_encoding pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable
  pg_conversion_is_visible pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_function_is_visible
  pg_get_constraintdef pg_get_expr pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments
  pg_get_function_result pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address
  pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef
  pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role
  pg_identify_object pg_identify_object_as_address pg_index_column_has_property pg_index_has_property
  pg_indexam_has_property pg_input_error_info pg_input_is_valid pg_lsn_mi pg_lsn_pli pg_opclass_is_visible
  pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_root pg_partition_tree
  pg_relation_is_publishable pg_relation_is_updatable pg_size_bytes pg_size_pretty pg_statistics_obj_is_visible pg_table_is_visible
  pg_timezone_abbrevs pg_timezone_names pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible
  pg_ts_template_is_visible pg_type_is_visible pg_typeof pg_wal_lsn_diff`);

/** Other functions that are about one server or one session, though they do not count as volatile. */
const OF_ONE_SERVER =
  /^(txid_|inet_(client|server)_|pg_|lo_|dblink|binary_upgrade_)|^(current_setting|currval|lastval|set_config|setseed)$/;

/**
 * Why a function of PostgreSQL itself is for the primary; `undefined` if it may run on a standby.
 * `current_setting` is looked at by its argument.
 */
export function builtInVerdict(name: string, isVolatile: boolean): string | undefined {
  if (ANYWHERE.has(name) || SAME_EVERYWHERE.has(name) || name === 'current_setting') return undefined;
  if (OF_ONE_SERVER.test(name)) return `${name}() is about one server or one session`;
  return isVolatile ? `${name}() is volatile` : undefined;
}

/** Settings without a point in their name are the server's, and differ between servers; the others are the application's. */
export function settingVerdict(setting: string | undefined): string | undefined {
  if (setting?.includes('.') === true) return undefined;
  const which = setting === undefined ? 'a setting' : `the setting ${setting}`;
  return `it reads ${which} of one session`;
}

/** Relations of PostgreSQL and of what comes with it that show one server or one session. */
const SHOWING_ONE_SERVER =
  /^pg_(stat|replication_|file_settings|hba_|ident_|backend_|shmem_|aios|dsm_|buffercache)|^pg_(locks|settings|cursors|config|sequences|prepared_statements|prepared_xacts)$/;

/** Why a relation with this name is for the primary, in whatever schema; `undefined` if the name does not say so. */
export function ofOneServer(name: string): string | undefined {
  return SHOWING_ONE_SERVER.test(name) ? `${name} shows one server or one session` : undefined;
}
