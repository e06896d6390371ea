import { PgHerdError } from './errors.ts';

/** Errors that have got the stack of a caller. */
const TRACED = new WeakSet<object>();
/** A line of a stack. */
const FRAME = /^ {4}at /m;
/** By what the errors of a server are known: see `nameErrorClass`. */
const SERVER_ERROR = Symbol.for('pgherd.ServerError');

/**
 * The error as the caller gets it: with the caller's stack, and with the text of the statement that failed. To be called where an
 * `async` function catches what it throws on: there V8 knows which functions wait for it, and names them. On success nothing is done.
 *
 * Errors of others, such as those of the caller's own functions, stay as they are. If an error ends several calls, each gets its own.
 */
export function atCaller(error: unknown, query?: string): unknown {
  return withStack(error, query, atCaller);
}

/** `own` and what it calls are no part of the stack. */
function withStack(error: unknown, query: string | undefined, own: (...args: never) => unknown): unknown {
  if (!isOurs(error)) return error;
  if (TRACED.has(error)) {
    if (query === undefined || error.query === query || error.query === undefined) return error;
    return withStack(copyOf(error), query, own);
  }
  TRACED.add(error);
  if (query !== undefined) hide(error, 'query', query);
  addStack(error, own);
  return error;
}

/**
 * A promise that rejects with the error as {@link atCaller} returns it. For a promise that no `async` function makes: resolving it
 * with this one rejects it, and costs nothing as long as all goes well.
 */
export async function rejectedAtCaller(error: unknown, query?: string): Promise<never> {
  // Two turns later the promise that is resolved with this one waits for it, so that its callers can be found.
  await undefined;
  await undefined;
  throw withStack(error, query, rejectedAtCaller);
}

/** The work, and its error as {@link atCaller} returns it: for verbs that are called rarely. */
export async function atCallerOf<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw atCaller(error);
  }
}

type OurError = Error & { query?: string | undefined };

function isOurs(error: unknown): error is OurError {
  return error instanceof PgHerdError || (error instanceof Error && SERVER_ERROR in error);
}

/** Puts the functions that wait for the call in the place of those that received the answer. */
function addStack(error: Error, own: (...args: never) => unknown): void {
  const here: { stack?: string } = {};
  Error.captureStackTrace(here, own);
  const frames = (here.stack ?? '')
    .split('\n')
    .filter((line) => FRAME.test(line) && !line.includes('node:internal'));
  // The function that calls `atCaller` is there in any case.
  if (frames.length <= (own === atCaller ? 1 : 0)) return;
  const text = error.stack ?? '';
  // An error that was made on the way of the call names its callers already.
  if (text.includes(frames.at(-1) ?? '')) return;
  const firstFrame = text.search(FRAME);
  const heading = firstFrame === -1 ? `${error.name}: ${error.message}` : text.slice(0, firstFrame).trimEnd();
  hide(error, 'stack', `${heading}\n${frames.join('\n')}`);
}

function hide(error: Error, name: string, value: string): void {
  if (!Object.isExtensible(error)) return;
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
}

/** The same error once more, as one of its own. */
function copyOf(error: OurError): OurError {
  const copy: OurError = Object.setPrototypeOf(new Error(error.message), Object.getPrototypeOf(error));
  const { stack: _stack, query: _query, ...own } = Object.getOwnPropertyDescriptors(error);
  Object.defineProperties(copy, own);
  return copy;
}
