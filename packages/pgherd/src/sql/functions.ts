import { ByText } from './memo.ts';
import { type Token, Tokens } from './tokens.ts';

/** Words before a parenthesis that are no function, or a form of SQL with a syntax of its own. */
const SYNTAX = words(`all and any array as asc between by case cast char character check coalesce collate
  conflict cross cube decimal dec default desc distinct do else end except exclude exists extract filter float for from full generated
  greatest grouping having in inner intersect interval into is join key lateral least left like ilike limit
  materialized national nchar not nullif numeric offset on or order over overlay partition position precision primary
  range references returning right row rows select set sets similar substring table tablesample then time timestamp
  treat trim union unique using values varchar varying varbit bit when where window with within xmlattributes
  xmlconcat xmlelement xmlforest group groups bpchar vector halfvec update`);

/** Functions of PostgreSQL that leave the session as it is. */
const HARMLESS = words(`abs age array_agg array_append array_cat array_length array_position array_prepend
  array_remove array_replace array_to_json array_to_string array_upper array_lower ascii avg bit_and bit_or bool_and
  bool_or btrim cardinality ceil ceiling char_length character_length chr clock_timestamp concat concat_ws convert_from
  convert_to corr count cume_dist current_database current_schema current_schemas current_setting date date_bin
  date_part date_trunc decode degrees dense_rank digest div encode every exp first_value floor format gcd
  gen_random_uuid generate_series generate_subscripts get_byte has_table_privilege hashtext host initcap int4
  int8 isfinite json_agg json_array_elements json_array_elements_text json_build_array json_build_object json_each
  json_each_text json_object json_object_agg json_object_keys json_populate_record json_populate_recordset
  json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
  jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record
  jsonb_to_recordset jsonb_typeof json_array_length justify_days justify_hours lag last_value lcm lead length ln log
  lower lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz max md5 min mod mode now
  nth_value ntile octet_length percent_rank percentile_cont percentile_disc pg_backend_pid pg_column_size
  pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_get_constraintdef pg_get_expr pg_get_indexdef
  pg_get_serial_sequence pg_get_viewdef pg_is_in_recovery pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
  pg_postmaster_start_time pg_relation_size pg_size_pretty pg_sleep pg_table_size pg_total_relation_size pg_typeof
  pg_wal_lsn_diff pg_walfile_name pg_notify phraseto_tsquery plainto_tsquery pow power quote_ident quote_literal
  quote_nullable radians random rank regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
  regexp_split_to_array regexp_split_to_table regexp_substr regr_slope repeat replace reverse round row_number
  row_to_json rpad rtrim scale setseed sha256 sha512 sign similarity split_part sqrt starts_with statement_timestamp
  stddev stddev_pop stddev_samp string_agg string_to_array string_to_table strpos substr sum timeofday to_char to_date
  to_hex to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp translate trunc ts_headline
  ts_rank ts_rank_cd unaccent unnest upper var_pop var_samp variance version websearch_to_tsquery width_bucket
  nextval currval lastval setval`);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}

/** A name before a parenthesis is a table, not a function, if one of these stands before it. */
const BEFORE_TABLE: ReadonlySet<string> = new Set(['into', 'references', 'copy', 'index', 'on']);
/** So many parts a name may have: database, schema, name. */
const NAME_PARTS = 3;
/** The schema of PostgreSQL's own functions. */
const OWN_SCHEMA = 'pg_catalog';

/** A word or a quoted name, as far as it may name a function. */
interface Part {
  readonly text: string;
  readonly isQuoted: boolean;
  /** Whether a point joins it to the part before. */
  readonly isQualified: boolean;
}

function scan(text: string): boolean {
  const tokens = new Tokens(text, false);
  const before: Part[] = [];
  /** Where the token before ends. */
  let last = 0;
  for (;;) {
    const token: Token = tokens.next();
    switch (token) {
      case 'end':
        return false;
      case 'word':
      case 'name':
        before.push(partOf(tokens, text.slice(last, tokens.start), token === 'name'));
        break;
      case '(':
        if (isUnknownCall(before.slice(-NAME_PARTS - 1))) return true;
        before.length = 0;
        break;
      default:
        before.length = 0;
    }
    if (before.length > 2 * NAME_PARTS) before.splice(0, NAME_PARTS);
    last = tokens.end;
  }
}

/** `between`: what stands between the token before and this one. A point in a comment is a false alarm. */
function partOf(tokens: Tokens, between: string, isQuoted: boolean): Part {
  return {
    text: isQuoted ? tokens.text : tokens.text.toLowerCase(),
    isQuoted,
    isQualified: between.includes('.'),
  };
}

function isUnknownCall(before: readonly Part[]): boolean {
  const called = before.at(-1);
  if (called === undefined) return false;
  const { text, isQuoted, isQualified } = called;
  if (!isQuoted && !isQualified && SYNTAX.has(text)) return false;
  const isOwn = !isQualified || before.at(-2)?.text === OWN_SCHEMA;
  if (isOwn && HARMLESS.has(text)) return false;
  return !before.slice(0, -1).some((part) => !part.isQuoted && BEFORE_TABLE.has(part.text));
}

const known = new ByText(scan);

/**
 * Whether a text may call a function of which nothing is known: one of the application's or of an extension,
 * which may change the session. A false alarm costs one reset of the session. Cached.
 */
export function callsUnknownFunction(text: string): boolean {
  return known.of(text);
}
