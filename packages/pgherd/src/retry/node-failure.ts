import { PgHerdError } from '../model/errors.ts';
import type { Classification } from './classify.ts';
import { KIND_RULES } from './rules.ts';

/** Errors that are about the state of a server: no resources, its system's errors, data that cannot be read. */
const OF_SERVER = /^(53|58|XX)/;

/**
 * Whether a failure says something about the node, not about the statement: the connection was lost or not opened, the server lacks
 * something, or gave no answer in time.
 */
export function isNodeFailure(
  error: unknown,
  { kind, sqlState }: Pick<Classification, 'kind' | 'sqlState'>,
): boolean {
  if (KIND_RULES[kind].ofConnection === true) return true;
  if (sqlState !== undefined && OF_SERVER.test(sqlState)) return true;
  return error instanceof PgHerdError && error.code === 'PGHERD_TIMEOUT';
}
