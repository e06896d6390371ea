import { PgHerdError } from '../model/errors.ts';

/** A pooler reports its own errors, and a lost server, as FATAL with this SQLSTATE. */
const POOLER_ERROR = '08P01';

/** Said to a client that was never given a server for its statement: nothing of it was executed. */
const NEVER_ASSIGNED = /query_wait_timeout|server_login_retry|max_client_conn|client_login_timeout/;
const REFUSES_US = /authentication failed|no such user/;

/** Whether the other side does not take startup parameters, as PgBouncer says it. */
export function refusesStartupParameters(error: unknown): boolean {
  return isPoolerError(error) && error.message.startsWith('unsupported startup parameter');
}

/**
 * What a pooler's own error means in the words of the library; any other error as it is. To a driver "server conn crashed?"
 * is an error of the statement, but it says that the connection to the server was lost while the statement ran.
 */
export function fromPooler(error: unknown): unknown {
  if (!isPoolerError(error)) return error;
  const { message } = error;
  if (NEVER_ASSIGNED.test(message)) {
    const sentence = `The pooler gave the statement no connection to its server: ${message}`;
    return new PgHerdError('PGHERD_CONNECTION_LOST', sentence, {
      cause: error,
      details: { phase: 'not-handed' },
    });
  }
  if (REFUSES_US.test(message)) {
    return new PgHerdError('PGHERD_AUTHENTICATION_FAILED', `The pooler let us not in: ${message}`, {
      cause: error,
    });
  }
  return new Error(`Connection terminated by the pooler: ${message}`, { cause: error });
}

function isPoolerError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return code === POOLER_ERROR && severity === 'FATAL';
}
