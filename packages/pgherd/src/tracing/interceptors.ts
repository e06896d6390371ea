import { assertComment } from '../call/call.ts';
import type { CallChange, CallEnd, InterceptedCall, Interceptor } from '../call/interceptor.ts';
import { invalidArgument, messageOf, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { assertOptions, type OptionNames, optionNames } from '../model/option-names.ts';
import { MAX_PARAMETERS } from '../sql/tag.ts';

/** What runs at the innermost place. */
export interface Innermost<T> {
  /** Runs the verb with what was changed of it. */
  run(change: CallChange): Promise<T>;
  /** How it ended; it has just done so. */
  end(value: T | undefined): CallEnd;
  /** An interceptor threw although the verb had succeeded. */
  report(message: string): void;
  /** Refuses the call at its limit, as long as the verb has not begun; returns what withdraws that. */
  atLimit(refuse: (error: unknown) => void): () => void;
}

/** Runs a verb inside the interceptors, the first of them outermost. */
export function intercepted<T>(
  interceptors: readonly Interceptor[],
  call: InterceptedCall,
  innermost: Innermost<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let work: Promise<T> | undefined;
    let refused = false;
    let withdraw = noop;
    const refuse = (error: unknown) => {
      refused = true;
      withdraw();
      reject(error);
    };
    withdraw = innermost.atLimit(refuse);
    // It was aborted before it was called.
    if (refused) return;
    const begin = (change: CallChange): Promise<CallEnd> => {
      if (refused) return Promise.reject(refusedBefore());
      withdraw();
      return new Promise<CallEnd>((ended, failed) => {
        work = endingWith(innermost, change, ended, failed);
        // Its end is the end of the call, whatever the interceptors do from now on. Nothing else waits for it: else its callers could not
        // be found for the stack of an error.
        resolve(work);
      });
    };
    const at = (index: number, change: CallChange): Promise<CallEnd> => {
      const interceptor = interceptors[index];
      return interceptor === undefined ? begin(change) : entered(interceptor, index, change);
    };
    const entered = async (interceptor: Interceptor, index: number, change: CallChange): Promise<CallEnd> => {
      let inner: Promise<CallEnd> | undefined;
      const next = (more: CallChange = {}): Promise<CallEnd> => {
        if (inner !== undefined) return rejected(calledTwice(index));
        try {
          inner = at(index + 1, merged(call.verb, change, more));
        } catch (error) {
          // It may be called again, with a change that the verb has.
          return rejected(error);
        }
        // An interceptor that does not wait for it leaves no rejection unhandled.
        inner.catch(() => undefined);
        return inner;
      };
      await interceptor(Object.freeze(changed(call, change)), next);
      if (inner === undefined) throw notCalled(index);
      return inner;
    };
    at(0, {}).catch((error: unknown) => {
      if (work === undefined) {
        refuse(error);
        return;
      }
      work.then(
        () => innermost.report(`an interceptor failed after its call had succeeded: ${messageOf(error)}`),
        () => undefined,
      );
    });
  });
}

async function endingWith<T>(
  innermost: Innermost<T>,
  change: CallChange,
  ended: (end: CallEnd) => void,
  failed: (error: unknown) => void,
): Promise<T> {
  try {
    const value = await innermost.run(change);
    ended(innermost.end(value));
    return value;
  } catch (error) {
    failed(error);
    throw error;
  }
}

/** A rejection that ends nothing if the interceptor does not look at it. */
function rejected(error: unknown): Promise<never> {
  const rejection = Promise.reject(error);
  rejection.catch(noop);
  return rejection;
}

function changed(call: InterceptedCall, { text, values }: CallChange): InterceptedCall {
  return { ...call, text: text ?? call.text, values: values ?? call.values };
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` */
function merged(verb: InterceptedCall['verb'], before: CallChange, more: CallChange): CallChange {
  assertOptions(`next, inside ${verb}`, more, CHANGES[verb]);
  assertChange(more);
  const { text = before.text, values = before.values } = more;
  const comment =
    before.comment === undefined ? more.comment : Object.freeze({ ...before.comment, ...more.comment });
  return { text, values, comment };
}

/** A change is checked as what the verb itself takes: it comes later than the verb's own checks. */
function assertChange({ text, values, comment }: CallChange): void {
  if (text !== undefined && typeof text !== 'string') throw wrongChange('text', text, 'a string');
  if (values !== undefined && !Array.isArray(values)) throw wrongChange('values', values, 'an array');
  if (values !== undefined && values.length > MAX_PARAMETERS)
    throw wrongChange('values', `an array of ${values.length}`, `an array of at most ${MAX_PARAMETERS}`);
  assertComment(comment);
}

function wrongChange(name: string, value: unknown, must: string): PgHerdError {
  return invalidArgument(`${name} of next`, typeof value === 'string' ? value : quoted(value), must);
}

const OF_STATEMENTS = optionNames<CallChange>({ text: true, values: true, comment: true });
const OF_COPY = optionNames<Omit<CallChange, 'values'>>({ text: true, comment: true });
const OF_SCRIPTS = optionNames<Pick<CallChange, 'text'>>({ text: true });
const OF_BATCHES = optionNames<Pick<CallChange, 'comment'>>({ comment: true });
const NOTHING: OptionNames = new Set();

/** What can be changed of each verb: anything else would be ignored. */
const CHANGES: Readonly<Record<InterceptedCall['verb'], OptionNames>> = Object.freeze({
  query: OF_STATEMENTS,
  stream: OF_STATEMENTS,
  copyFrom: OF_COPY,
  copyTo: OF_COPY,
  script: OF_SCRIPTS,
  batch: OF_BATCHES,
  transaction: NOTHING,
  begin: NOTHING,
  acquire: NOTHING,
  use: NOTHING,
});

function noop(): void {}

function notCalled(index: number): PgHerdError {
  return misuse(`Interceptor ${index} returned without calling next: throw an error to refuse a call.`);
}

function calledTwice(index: number): PgHerdError {
  return misuse(`Interceptor ${index} called next twice: a call runs once.`);
}

function refusedBefore(): PgHerdError {
  return misuse('next was called after an interceptor had refused the call.');
}

function misuse(message: string): PgHerdError {
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', message, { details: { argument: 'interceptors' } });
}
