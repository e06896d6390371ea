import type { DriverConnection } from '../connection/port.ts';
import type { ConnectionPlan } from '../dsn/index.ts';
import { PgHerdError } from '../model/errors.ts';
import { classifyError } from '../retry/classify.ts';

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

/** Oldest server that reports `in_hot_standby` when a session is opened. */
const REPORTS_ROLE_SINCE = 14;

/**
 * Whether a pooler stands between, told from a connection that was just opened; `undefined` where nothing of that is to be
 * seen. A server names the process that serves the connection; a pooler, which has none to name, makes a number up.
 */
export async function seesPooler(
  connection: DriverConnection,
  reportsParameters: boolean,
): Promise<string | undefined> {
  const { backendPid, parameters } = connection;
  if (backendPid === undefined) {
    const version = Number.parseInt(parameters.get('server_version') ?? '', 10);
    const silent = reportsParameters && version >= REPORTS_ROLE_SINCE && !parameters.has('in_hot_standby');
    return silent ? 'the server does not report in_hot_standby' : undefined;
  }
  const pid = await askedPid(connection);
  if (typeof pid !== 'string' || !/^[0-9]+$/.test(pid) || Number(pid) === backendPid) return undefined;
  return 'another process answers than the one that the connection names';
}

async function askedPid(connection: DriverConnection): Promise<unknown> {
  try {
    const { rows } = await connection.simple('select pg_catalog.pg_backend_pid()::text as pid');
    return rows[0]?.['pid'];
  } catch (error) {
    // A server that will not tell is no proof of anything.
    if (classifyError(error).severity === 'ERROR') return undefined;
    throw error;
  }
}

/** Settings by name that a session cannot keep behind a pooler: each transaction makes them for itself. */
export type LocalSettings = ReadonlyMap<string, string>;

/**
 * The settings that the connection string asks for, one by one.
 * @throws PgHerdError `PGHERD_UNSUPPORTED` where `options` holds more than settings.
 */
export function localSettings(plan: ConnectionPlan): LocalSettings {
  const settings = new Map(Object.entries(plan.settings));
  for (const [name, value] of parsedOptions(plan.options ?? '')) settings.set(name, value);
  if (plan.searchPath !== undefined) settings.set('search_path', plan.searchPath);
  return settings;
}

function parsedOptions(text: string): [string, string][] {
  // As the server splits them: at white space that no backslash precedes.
  const words = text.match(/(?:\\[\s\S]|[^\s\\])+/g) ?? [];
  const parsed: [string, string][] = [];
  for (let index = 0; index < words.length; index++) {
    const raw = words[index] ?? '';
    const word = raw === '-c' ? `-c${words[++index] ?? ''}` : raw;
    const match = /^(?:-c|--)([A-Za-z_][\w.-]*)=([\s\S]*)$/.exec(word.replace(/\\([\s\S])/g, '$1'));
    if (match === null) {
      throw new PgHerdError(
        'PGHERD_UNSUPPORTED',
        `options "${text}" cannot be used through a pooler: "${raw}" is no setting of the form -c name=value. Leave it out.`,
      );
    }
    const [, name = '', value = ''] = match;
    parsed.push([name.replaceAll('-', '_'), value]);
  }
  return parsed;
}

/** The statement that makes `settings` for the transaction it stands in; empty where there are none. */
export function localSettingsText(settings: LocalSettings): string {
  if (settings.size === 0) return '';
  const calls = [...settings].map(
    ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, true)`,
  );
  return `SELECT ${calls.join(', ')}`;
}

function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
