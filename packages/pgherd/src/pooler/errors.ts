import { PgHerdError } from '../model/errors.ts';

/** PgBouncer reports its own errors, and the loss of a server, as FATAL with this SQLSTATE. */
const POOLER_ERROR = '08P01';

/** Errors of a client whose statement was never assigned to a server: nothing was executed. */
const NEVER_ASSIGNED = /query_wait_timeout|server_login_retry|max_client_conn|client_login_timeout/;
/** A pooler that gives each statement another server ends the client that begins a transaction. */
const STATEMENT_MODE = /statement pooling mode/;
const REFUSES_US = /authentication failed|no such user/;

/** Whether PgBouncer refused the startup parameters. */
export function refusesStartupParameters(error: unknown): boolean {
  return isPoolerError(error) && error.message.startsWith('unsupported startup parameter');
}

/**
 * A pooler's own error as an error of ours; every other error as it is. A driver takes "server conn crashed?"
 * for an error of the statement, but it means that the connection to the server was lost while the statement
 * ran.
 */
export function fromPooler(error: unknown): unknown {
  if (!isPoolerError(error)) return error;
  const { message } = error;
  if (NEVER_ASSIGNED.test(message)) {
    const sentence = `The pooler assigned no server to the statement; it was not executed: ${message}`;
    return new PgHerdError('PGHERD_CONNECTION_LOST', sentence, {
      cause: error,
      details: { phase: 'not-handed' },
    });
  }
  if (REFUSES_US.test(message)) {
    return new PgHerdError('PGHERD_AUTHENTICATION_FAILED', `The pooler refused the login: ${message}`, {
      cause: error,
    });
  }
  if (STATEMENT_MODE.test(message)) {
    const sentence =
      'The pooler is in statement mode (pool_mode = statement), which allows no transactions, and pgherd needs them. Nothing was executed. ' +
      'Set pool_mode = transaction there, or connect to the server itself.';
    return new PgHerdError('PGHERD_UNSUPPORTED', sentence, { cause: error });
  }
  return new Error(`Connection terminated by the pooler: ${message}`, { cause: error });
}

function isPoolerError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return code === POOLER_ERROR && severity === 'FATAL';
}
