import type { DriverCopyIn, DriverCopyOut, DriverResult } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { isServerError } from '../../wire/failures.ts';
import { type PgGate, type PgTask, type PgTaskWire, pgTask } from './task.ts';

/** Pieces are gathered up to this size before they are sent, and handed out, bytes. */
const PIECE_BYTES = 65_536;
/** Most bytes that wait to be read; beyond, the socket is paused. */
const MOST_WAITING_BYTES = 4 * PIECE_BYTES;
const COPY_DATA = 0x64;
const HEAD_BYTES = 5;
const CANCELLED = 'COPY was abandoned';

/** A promise with its functions to settle it. */
class Settled<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // A rejection that no caller waits for must not end the process.
    this.promise.catch(() => undefined);
  }
}

/**
 * COPY by the extended protocol, which refuses a second statement behind it. The one Sync is sent when it is
 * over, by CopyDone, by CopyFail or by an error: until then the server stays in the COPY, or skips what
 * comes.
 */
class PgCopy {
  readonly task: PgTask;
  readonly started = new Settled<void>();
  readonly result = new Settled<DriverResult>();
  readonly #gate: PgGate;
  #synced = false;
  #over = false;
  #rowCount: number | null = null;

  constructor(gate: PgGate, text: string, handlers: Partial<PgTask>) {
    this.#gate = gate;
    this.task = pgTask({
      submit: (wire) => {
        wire.stream.cork();
        wire.parse({ text });
        wire.bind({ portal: '', statement: '', values: [] });
        wire.execute({ portal: '' });
        wire.flush();
        wire.stream.uncork();
        return null;
      },
      handleCommandComplete: ({ text: tag }) => {
        const count = /^COPY (\d+)/.exec(tag)?.[1];
        this.#rowCount = count === undefined ? null : Number(count);
        this.sync();
      },
      handleEmptyQuery: () => this.sync(),
      handleReadyForQuery: () => this.#end(),
      handleError: (error) => this.#failed(error),
      ...handlers,
    });
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Ends what goes by the extended protocol, once. */
  sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.#gate.wire.sync();
  }

  #end(): void {
    this.#over = true;
    this.started.reject(wrongDirection());
    this.result.resolve({ rows: [], rowCount: this.#rowCount, fields: [], command: 'COPY' });
  }

  #failed(error: unknown): void {
    this.#over = true;
    if (isServerError(error)) this.sync();
    this.#gate.fail(error, (failure) => {
      this.started.reject(failure);
      this.result.reject(failure);
    });
  }
}

function wrongDirection(): PgHerdError {
  return new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'The COPY moved no data this way: copyFrom takes COPY … FROM STDIN, copyTo takes COPY … TO STDOUT.',
  );
}

/** Starts `COPY … FROM STDIN`. */
export async function startCopyIn(gate: PgGate, text: string): Promise<DriverCopyIn> {
  const closed = gate.closed();
  if (closed !== undefined) throw closed;
  const copy = new PgCopy(gate, text, {
    handleCopyInResponse: () => copy.started.resolve(),
    // The other direction: the data is thrown away.
    handleCopyData: () => undefined,
  });
  gate.run(copy.task, text);
  await copy.started.promise;
  return new PgCopyIn(gate.wire, copy);
}

class PgCopyIn implements DriverCopyIn {
  readonly #wire: PgTaskWire;
  readonly #copy: PgCopy;
  #pieces: Uint8Array[] = [];
  #gathered = 0;

  constructor(wire: PgTaskWire, copy: PgCopy) {
    this.#wire = wire;
    this.#copy = copy;
  }

  get result(): Promise<DriverResult> {
    return this.#copy.result.promise;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#copy.isOver) return undefined;
    this.#pieces.push(chunk);
    this.#gathered += chunk.length;
    if (this.#gathered < PIECE_BYTES) return undefined;
    this.#send();
    const { stream } = this.#wire;
    if (stream.writableNeedDrain !== true) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        stream.removeListener('drain', done);
        stream.removeListener('close', done);
        resolve();
      };
      stream.once('drain', done);
      stream.once('close', done);
    });
  }

  end(): Promise<DriverResult> {
    if (!this.#copy.isOver) {
      this.#send();
      this.#wire.endCopyFrom();
      this.#copy.sync();
    }
    return this.result;
  }

  async fail(reason: string): Promise<void> {
    if (!this.#copy.isOver) {
      this.#pieces = [];
      this.#wire.sendCopyFail(reason);
      this.#copy.sync();
    }
    await this.result.catch(() => undefined);
  }

  #send(): void {
    const { stream } = this.#wire;
    if (this.#gathered === 0 || !stream.writable) return;
    stream.cork();
    for (const piece of this.#pieces) {
      // A message may not be longer than the server takes; rows need not end with it.
      for (let at = 0; at < piece.length; at += MOST_WAITING_BYTES) {
        const part = piece.subarray(at, at + MOST_WAITING_BYTES);
        const head = Buffer.allocUnsafe(HEAD_BYTES);
        head[0] = COPY_DATA;
        head.writeUInt32BE(part.length + HEAD_BYTES - 1, 1);
        stream.write(head);
        stream.write(part);
      }
    }
    stream.uncork();
    this.#pieces = [];
    this.#gathered = 0;
  }
}

/** Starts `COPY … TO STDOUT`. */
export async function startCopyOut(gate: PgGate, text: string): Promise<DriverCopyOut> {
  const closed = gate.closed();
  if (closed !== undefined) throw closed;
  const { wire } = gate;
  const copy: PgCopy = new PgCopy(gate, text, {
    handleCopyInResponse: () => {
      wire.sendCopyFail(CANCELLED);
      copy.sync();
    },
    handleCopyData: ({ chunk }) => out.take(chunk),
  });
  const out = new PgCopyOut(wire, copy);
  const begun = () => copy.started.resolve();
  wire.on('copyOutResponse', begun);
  try {
    gate.run(copy.task, text);
    await copy.started.promise;
    return out;
  } finally {
    wire.removeListener('copyOutResponse', begun);
  }
}

class PgCopyOut implements DriverCopyOut {
  readonly #wire: PgTaskWire;
  readonly #copy: PgCopy;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #paused = false;
  #draining = false;
  #onMore: (() => void) | undefined;

  constructor(wire: PgTaskWire, copy: PgCopy) {
    this.#wire = wire;
    this.#copy = copy;
    const more = () => this.#onMore?.();
    copy.result.promise.then(more, more);
  }

  get result(): Promise<DriverResult> {
    return this.#copy.result.promise;
  }

  take(chunk: Uint8Array): void {
    if (this.#draining) return;
    // The parser uses its memory again.
    this.#waiting.push(Buffer.from(chunk));
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= MOST_WAITING_BYTES && !this.#paused) {
      this.#paused = true;
      this.#wire.stream.pause();
    }
    this.#onMore?.();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#waitingBytes === 0) {
      if (this.#copy.isOver) {
        await this.result;
        if (this.#waitingBytes === 0) return undefined;
        break;
      }
      this.#goOn();
      await new Promise<void>((resolve) => {
        this.#onMore = resolve;
      });
      this.#onMore = undefined;
    }
    const [only] = this.#waiting;
    const piece = this.#waiting.length === 1 && only !== undefined ? only : Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return piece;
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#goOn();
    await this.result.catch(() => undefined);
  }

  #goOn(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.stream.resume();
  }
}
