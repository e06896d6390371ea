import type { ServerError } from './server-error.ts';

/** SQLSTATE of a prepared statement that does not exist, and of one whose result would look different now. */
const NAME_UNKNOWN = '26000';
/** SQLSTATE of a name that the session has already. */
const NAME_TAKEN = '42P05';
const FEATURE_NOT_SUPPORTED = '0A000';
const STALE_PLAN_ROUTINE = 'RevalidateCachedQuery';

/**
 * Errors that may come from the types of an old schema, by SQLSTATE: values that are no values of the old type (22003, 22007, 22008,
 * 22P02, 22P03), a type, a function or an operator that is there no more (42704, 42804, 42846, 42883).
 */
const OF_OLD_TYPES: ReadonlySet<string> = new Set([
  '22003',
  '22007',
  '22008',
  '22P02',
  '22P03',
  '42704',
  '42804',
  '42846',
  '42883',
]);
const INTERNAL_ERROR = 'XX000';

/**
 * Whether the error says that a name of ours is taken. Since no name is used twice on a connection, it then leads to a session that another
 * connection has used, as behind a pooler.
 */
export function isNameTaken(error: unknown): boolean {
  return (error as Partial<ServerError>).code === NAME_TAKEN;
}

/** Whether a prepared statement cannot be used any more: `gone`; whether the error may vanish with a new Parse: `perhaps`. */
export type Staleness = 'gone' | 'perhaps' | 'none';

/** What an error of the server says about the prepared statement that raised it. */
export function stalenessOf(error: unknown): Staleness {
  const { code, routine, message } = error as Partial<ServerError>;
  if (
    code === NAME_UNKNOWN ||
    code === NAME_TAKEN ||
    (code === FEATURE_NOT_SUPPORTED && routine === STALE_PLAN_ROUTINE)
  )
    return 'gone';
  if (code === undefined) return 'none';
  const isOfCatalog = code === INTERNAL_ERROR && message?.startsWith('cache lookup failed') === true;
  return isOfCatalog || OF_OLD_TYPES.has(code) ? 'perhaps' : 'none';
}
