import { sqlState } from '../retry/predicates.ts';

/** What telemetry shows of an error: never its message, in which a server may quote a value. */
export interface ShownError {
  /** SQLSTATE, if the server refused the work. */
  readonly state: string | undefined;
  /** SQLSTATE, else the code of the error, else the name of its class. */
  readonly type: string;
}

export function shownError(error: unknown): ShownError {
  const state = sqlState(error);
  return { state, type: state ?? codeOrName(error) };
}

function codeOrName(error: unknown): string {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown;
    readonly name?: unknown;
  };
  if (typeof code === 'string' && code !== '') return code;
  return typeof name === 'string' && name !== '' ? name : '_OTHER';
}
