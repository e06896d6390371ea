import { ERROR_CODES } from '../model/errors.ts';
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

/** Of kinds of errors beyond pgherd's own, so many are told apart in metrics. */
const MOST_TYPES = 200;
/** All further ones; the conventions have this value for it. */
const OTHER = Object.freeze({ state: undefined, type: '_OTHER' }) satisfies ShownError;

/**
 * What metrics show of errors: few values, whatever an application throws, and whichever SQLSTATE its functions raise. The first ones that
 * occur keep their own.
 */
export class ErrorTypes {
  readonly #known = new Set<string>(ERROR_CODES);

  of(error: unknown): ShownError {
    const shown = shownError(error);
    if (this.#known.has(shown.type)) return shown;
    if (this.#known.size >= ERROR_CODES.length + MOST_TYPES) return OTHER;
    this.#known.add(shown.type);
    return shown;
  }
}

/** Longest code or name, characters: an application may put anything there. */
const LONGEST = 100;

function codeOrName(error: unknown): string {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown;
    readonly name?: unknown;
  };
  if (typeof code === 'string' && code !== '') return code.slice(0, LONGEST);
  return typeof name === 'string' && name !== '' ? name.slice(0, LONGEST) : OTHER.type;
}
