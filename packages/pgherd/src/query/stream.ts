import type { CallOptions } from '../call/call.ts';
import type { DriverConnection, DriverCursor } from '../connection/port.ts';
import { atCaller } from '../model/caller.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Row, Statement } from '../model/statement.ts';
import { Serial } from '../time/serial.ts';
import { type Executor, supported } from './executor.ts';
import type { LongWork } from './long-work.ts';
import { checkedRows, type StandardSchema } from './schema.ts';

/** Options of a stream. */
export interface StreamOptions extends CallOptions {
  /** Number of rows that are fetched and held in memory at a time. Default 500. */
  readonly batchSize?: number | undefined;
}

/** The rows of a result, one after the other. Requesting the first row starts it; it can be read once. */
export interface RowStream<R = Row> extends AsyncIterableIterator<R>, AsyncDisposable {
  /** Ends it early: the connection is free when this resolves. */
  return(): Promise<IteratorResult<R>>;
}

const DEFAULT_BATCH_SIZE = 500;
const END: IteratorResult<never> = Object.freeze({ done: true, value: undefined });

interface Opened {
  readonly cursor: DriverCursor;
  /** The first rows, which are fetched when it starts: until then it can start on another connection. */
  first: Part | undefined;
}

interface Part {
  readonly rows: readonly Row[];
  readonly done: boolean;
}

/** Fetches a result part by part. */
export class CursorStream implements RowStream<unknown> {
  readonly #executor: Executor;
  readonly #statement: Statement;
  readonly #options: StreamOptions;
  readonly #schema: StandardSchema | undefined;
  readonly #batchSize: number;
  #started: LongWork<Opened> | undefined;
  #rows: readonly unknown[] = [];
  #at = 0;
  #count = 0;
  #ended = false;
  /** Calls that arrive while a part is being fetched wait for it. */
  readonly #serial = new Serial();

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid batch size. */
  constructor(
    executor: Executor,
    statement: Statement,
    options: StreamOptions,
    schema: StandardSchema | undefined,
  ) {
    this.#executor = executor;
    this.#statement = statement;
    this.#options = options;
    this.#schema = schema;
    this.#batchSize = options.batchSize ?? DEFAULT_BATCH_SIZE;
    if (Number.isSafeInteger(this.#batchSize) && this.#batchSize > 0) return;
    throw new PgHerdError(
      'PGHERD_INVALID_ARGUMENT',
      `batchSize is ${String(this.#batchSize)}, but must be a whole number above 0.`,
      { details: { argument: 'batchSize' } },
    );
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#at < this.#rows.length) return Promise.resolve({ done: false, value: this.#rows[this.#at++] });
    return this.#serial.run(() => this.#next());
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#serial.run(async () => {
      this.#ended = true;
      this.#rows = [];
      await this.#started?.stop();
      return END;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<unknown>> {
    while (this.#at >= this.#rows.length) {
      if (this.#ended) return END;
      this.#rows = [];
      this.#at = 0;
      try {
        this.#rows = await this.#fetch();
      } catch (error) {
        this.#ended = true;
        await this.#started?.stop();
        throw atCaller(error, this.#statement.text);
      }
    }
    return { done: false, value: this.#rows[this.#at++] };
  }

  async #fetch(): Promise<readonly unknown[]> {
    this.#started ??= await this.#start();
    const started = this.#started;
    const opened = started.value;
    const part = opened.first ?? (await started.ask(({ cursor }) => cursor.read(this.#batchSize)));
    opened.first = undefined;
    if (part.done) {
      this.#ended = true;
      started.finish();
    }
    const firstIndex = this.#count;
    this.#count += part.rows.length;
    if (this.#schema === undefined) return part.rows;
    return started.guard(checkedRows(part.rows, this.#schema, firstIndex));
  }

  #start(): Promise<LongWork<Opened>> {
    return this.#executor.start<Opened>(
      {
        verb: 'stream',
        statement: this.#statement,
        occupies: ({ status }) => status === 'idle',
        begin: (connection, statement) => this.#open(connection, statement),
        stop: ({ cursor }) => cursor.close(),
      },
      this.#options,
    );
  }

  async #open(connection: DriverConnection, statement: Statement): Promise<Opened> {
    const cursor = supported(this.#executor, connection, 'cursor').cursor(statement);
    try {
      return { cursor, first: await cursor.read(this.#batchSize) };
    } catch (error) {
      await cursor.close();
      throw error;
    }
  }
}
