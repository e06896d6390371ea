import type { CallOptions } from '../call/call.ts';
import type { DriverCopyIn, DriverCopyOut, DriverResult } from '../connection/port.ts';
import { atCaller } from '../model/caller.ts';
import { argumentError, OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import { readStatement } from '../sql/statement.ts';
import { Serial } from '../time/serial.ts';
import { type Executor, supported } from './executor.ts';
import type { LongWork } from './long-work.ts';

/** A piece of COPY data; strings are sent as UTF-8. Pieces may end within a row. */
export type CopyPiece = string | Uint8Array;
/** Where the data of COPY comes from: a Node stream, a file handle's `readLines`, a generator, an array … */
export type CopySource = AsyncIterable<CopyPiece> | Iterable<CopyPiece>;

/** Result of a COPY. */
export interface CopyResult {
  /** Number of rows, as counted by the server. */
  readonly rowCount: number;
  /** Number of bytes sent or received. */
  readonly bytes: number;
  readonly node: string;
}

/** Options of {@link Querier.copyFrom}. */
export interface CopyFromOptions extends CallOptions {
  /** Called after each piece of the source with the number of bytes sent so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * The data of `COPY … TO STDOUT`, in pieces of about 64 KB at most that may end within a row. It can be read
 * once.
 */
export interface CopyStream extends AsyncIterableIterator<Uint8Array>, AsyncDisposable {
  /** The result, once the last piece was read; `undefined` before. */
  readonly result: CopyResult | undefined;
  /** Ends it early: the connection is free when this resolves. */
  return(): Promise<IteratorResult<Uint8Array>>;
}

const END: IteratorResult<never> = Object.freeze({ done: true, value: undefined });

/** Streams a source into `COPY … FROM STDIN`. */
export async function runCopyFrom(
  executor: Executor,
  text: string,
  source: CopySource,
  options: CopyFromOptions,
): Promise<CopyResult> {
  assertCopy(text, 'copyFrom');
  const pieces = iteratorOf(source);
  const starting = executor.start<DriverCopyIn>(
    {
      verb: 'copyFrom',
      statement: { text },
      occupies: () => true,
      begin: (connection, { text }) => supported(executor, connection, 'copyIn').copyIn(text),
      stop: (copy) => copy.fail('stopped by the client'),
    },
    options,
  );
  const started = await starting.catch((error: unknown) => {
    throw nothingKept(error);
  });
  started.value.result.catch((error: unknown) => started.fail(error));
  let bytes: number;
  try {
    bytes = await pump(started, pieces, options.onProgress);
  } catch (error) {
    await started.stop();
    await endOf(pieces);
    throw nothingKept(error);
  }
  const { rowCount } = await started.ask((copy) => copy.end());
  started.finish();
  return Object.freeze({ rowCount: rowCount ?? 0, bytes, node: started.node });
}

async function pump(
  started: LongWork<DriverCopyIn>,
  pieces: AsyncIterator<unknown> | Iterator<unknown>,
  onProgress: CopyFromOptions['onProgress'],
): Promise<number> {
  let bytes = 0;
  for (;;) {
    const step = await started.guard(pieces.next());
    if (step.done === true) return bytes;
    const piece = bytesOf(step.value);
    bytes += piece.length;
    const full = started.value.write(piece);
    if (full !== undefined) await started.guard(full);
    onProgress?.(bytes);
  }
}

function bytesOf(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (piece instanceof Uint8Array) return piece;
  throw argumentError(
    `The source yielded ${piece === null ? 'null' : `a ${typeof piece}`}; COPY takes strings or bytes.`,
  );
}

function iteratorOf(source: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  if (typeof source === 'object' && source !== null) {
    const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = source as Partial<
      AsyncIterable<unknown> & Iterable<unknown>
    >;
    if (asynchronous !== undefined) {
      // A stream that fails before it is read would end the process; reading it reports the error anyway.
      if ('on' in source && typeof source.on === 'function') source.on('error', () => undefined);
      return asynchronous.call(source);
    }
    // A Buffer would yield its bytes one by one.
    if (synchronous !== undefined && !(source instanceof Uint8Array)) return synchronous.call(source);
  }
  throw argumentError('The source of copyFrom must be a stream, an async iterable or an array of pieces.');
}

/** Ends the source as leaving a loop would: a stream is destroyed. */
async function endOf(pieces: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
  try {
    void Promise.resolve(pieces.return?.()).catch(() => undefined);
  } catch {
    // The first error is reported.
  }
}

/** A COPY that is lost before its end was sent leaves nothing behind. */
function nothingKept(error: unknown): unknown {
  if (!(error instanceof OutcomeUnknownError)) return error;
  // A limit of the call, or a connection that was lost before anything was sent.
  if (error.cause instanceof PgHerdError) return error.cause;
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    'The connection was lost before the end of the COPY was sent: none of its rows were kept.',
    { cause: error.cause, details: error.details },
  );
}

/** The data of `COPY … TO STDOUT`, piece by piece. */
export class CopyOutStream implements CopyStream {
  readonly #executor: Executor;
  readonly #text: string;
  readonly #options: CallOptions;
  #started: LongWork<DriverCopyOut> | undefined;
  #bytes = 0;
  #result: CopyResult | undefined;
  #ended = false;
  readonly #serial = new Serial();

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if the SQL is no such COPY. */
  constructor(executor: Executor, text: string, options: CallOptions) {
    assertCopy(text, 'copyTo');
    this.#executor = executor;
    this.#text = text;
    this.#options = options;
  }

  get result(): CopyResult | undefined {
    return this.#result;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.#serial.run(() => this.#next());
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    return this.#serial.run(async () => {
      this.#ended = true;
      await this.#started?.stop();
      return END;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#ended) return END;
    try {
      this.#started ??= await this.#start();
      const started = this.#started;
      const piece = await started.ask((copy) => copy.read());
      if (piece === undefined) {
        this.#finish(started, await started.value.result);
        return END;
      }
      this.#bytes += piece.length;
      return { done: false, value: piece };
    } catch (error) {
      this.#ended = true;
      throw atCaller(error, this.#text);
    }
  }

  #finish(started: LongWork<DriverCopyOut>, { rowCount }: DriverResult): void {
    this.#ended = true;
    this.#result = Object.freeze({ rowCount: rowCount ?? 0, bytes: this.#bytes, node: started.node });
    started.finish();
  }

  #start(): Promise<LongWork<DriverCopyOut>> {
    return this.#executor.start<DriverCopyOut>(
      {
        verb: 'copyTo',
        statement: { text: this.#text },
        occupies: () => true,
        begin: (connection, { text }) => supported(this.#executor, connection, 'copyOut').copyOut(text),
        stop: (copy) => copy.drain(),
        endsSlowly: true,
      },
      this.#options,
    );
  }
}

const COPY_FORMS = Object.freeze({ copyFrom: 'COPY … FROM STDIN', copyTo: 'COPY … TO STDOUT' });

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if the SQL is no such COPY. */
export function assertCopy(text: unknown, verb: keyof typeof COPY_FORMS): void {
  if (typeof text === 'string' && readStatement(text).otherVerb === verb) return;
  throw argumentError(`${verb} takes a ${COPY_FORMS[verb]} statement.`);
}
