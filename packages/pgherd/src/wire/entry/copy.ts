import type { DriverCopyIn, DriverCopyOut, DriverResult } from '../../connection/port.ts';
import { argumentError } from '../../model/errors.ts';
import type { ServerError } from '../content/server-error.ts';
import { readTag } from '../content/tag.ts';
import { checkText } from '../content/writer.ts';
import type { Shape, State } from './automaton.ts';
import type { Entry, LostPhase } from './entry.ts';
import type { Line } from './line.ts';
import { lossOf } from './losses.ts';

/** Pieces are gathered up to this size before they are sent, bytes. */
const PIECE_BYTES = 65_536;
/** Data that waits to be read beyond which the server is held up, bytes; also the longest message that is sent. */
const MOST_WAITING_BYTES = 4 * PIECE_BYTES;
const COPY_DATA = 0x64;
const HEAD_BYTES = 5;
const CANCELLED = 'COPY was given up';
const COPY: Shape = Object.freeze({ describes: 'none', copy: 'either' });

/** A promise with its ends in hand; that nothing waits for it is no unhandled rejection. */
class Settled<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }
}

/**
 * COPY by the extended protocol, which refuses a second statement behind it. The one Sync is sent when it is over, by CopyDone, by
 * CopyFail or by an error: until then the server stays in the COPY, or skips what comes.
 */
class CopyEntry implements Entry {
  state: State = 'parse';
  readonly shape = COPY;
  partsLeft = 0;
  closesLeft = 0;
  readonly columns = undefined;
  readonly way: 'in' | 'out';
  readonly started = new Settled<void>();
  readonly result = new Settled<DriverResult>();
  readonly #line: Line;
  readonly #take: (data: Buffer) => void;
  #synced = false;
  #over = false;
  #rowCount: number | null = null;
  #error: ServerError | undefined;

  constructor(line: Line, way: 'in' | 'out', take: (data: Buffer) => void) {
    this.#line = line;
    this.way = way;
    this.#take = take;
  }

  get isOver(): boolean {
    return this.#over;
  }

  send(text: string): void {
    try {
      checkText(text);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const { writer } = this.#line;
    writer.parse('', text);
    writer.bind('', []);
    writer.execute('');
    writer.flush();
    this.#line.begins(text);
    this.#line.push(this);
    this.#line.flush();
  }

  /** Ends what goes by the extended protocol, once. */
  sync(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.#line.writer.sync();
    this.#line.flush();
  }

  abandon(reason: string): void {
    this.#line.writer.copyFail(reason.replaceAll('\0', ''));
    this.sync();
  }

  parsed(): void {}
  described(): void {}
  row(): void {}
  suspended(): void {}

  completed(tag: string): void {
    const { command, rowCount } = readTag(tag);
    if (command === 'COPY') this.#rowCount = rowCount;
    this.sync();
  }

  copying(way: 'in' | 'out'): void {
    if (way === this.way) this.started.resolve();
    // The other direction: its data is thrown away.
    else if (way === 'in') this.abandon(CANCELLED);
  }

  copied(data: Buffer): void {
    if (this.way === 'out') this.#take(data);
  }

  refused(error: ServerError): void {
    this.#error = error;
    this.sync();
  }

  settled(): void {
    if (this.#error !== undefined) {
      this.#fail(this.#error);
      return;
    }
    this.#over = true;
    this.started.reject(wrongDirection());
    this.result.resolve({ rows: [], rowCount: this.#rowCount, fields: [], command: 'COPY' });
  }

  lost(phase: LostPhase, reason: unknown): void {
    this.#fail(phase === 'sent' ? (this.#error ?? reason) : lossOf(phase, reason));
  }

  #fail(error: unknown): void {
    this.#over = true;
    this.started.reject(error);
    this.result.reject(error);
  }
}

function wrongDirection(): Error {
  return argumentError(
    'The COPY moved no data this way: copyFrom takes COPY … FROM STDIN, copyTo takes COPY … TO STDOUT.',
  );
}

/** Starts `COPY … FROM STDIN`. */
export async function startCopyIn(line: Line, text: string): Promise<DriverCopyIn> {
  const copy = begin(line, new CopyEntry(line, 'in', () => undefined), text);
  await copy.started.promise;
  return new CopyIn(line, copy);
}

/** Starts `COPY … TO STDOUT`. */
export async function startCopyOut(line: Line, text: string): Promise<DriverCopyOut> {
  const copy: CopyEntry = new CopyEntry(line, 'out', (data) => out.take(data));
  const out = new CopyOut(line, copy);
  begin(line, copy, text);
  await copy.started.promise;
  return out;
}

function begin(line: Line, copy: CopyEntry, text: string): CopyEntry {
  const closed = line.loss();
  if (closed !== undefined) throw closed;
  line.whenIdle(
    () => copy.send(text),
    (error) => copy.lost('not-handed', error),
  );
  return copy;
}

class CopyIn implements DriverCopyIn {
  readonly #line: Line;
  readonly #copy: CopyEntry;
  #pieces: Uint8Array[] = [];
  #gathered = 0;

  constructor(line: Line, copy: CopyEntry) {
    this.#line = line;
    this.#copy = copy;
  }

  get result(): Promise<DriverResult> {
    return this.#copy.result.promise;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#copy.isOver) return undefined;
    this.#pieces.push(chunk);
    this.#gathered += chunk.length;
    return this.#gathered < PIECE_BYTES ? undefined : this.#send();
  }

  end(): Promise<DriverResult> {
    if (!this.#copy.isOver) {
      void this.#send();
      this.#line.writer.copyDone();
      this.#copy.sync();
    }
    return this.result;
  }

  async fail(reason: string): Promise<void> {
    if (!this.#copy.isOver) {
      this.#pieces = [];
      this.#gathered = 0;
      this.#copy.abandon(reason);
    }
    await this.result.catch(() => undefined);
  }

  #send(): Promise<void> | undefined {
    if (this.#gathered === 0) return undefined;
    const out: Uint8Array[] = [];
    for (const piece of this.#pieces) {
      // A message may not be longer than the server takes; rows need not end with it.
      for (let at = 0; at < piece.length; at += MOST_WAITING_BYTES) {
        const part = piece.subarray(at, at + MOST_WAITING_BYTES);
        const head = Buffer.allocUnsafe(HEAD_BYTES);
        head[0] = COPY_DATA;
        head.writeUInt32BE(part.length + HEAD_BYTES - 1, 1);
        out.push(head, part);
      }
    }
    this.#pieces = [];
    this.#gathered = 0;
    return this.#line.send(out);
  }
}

class CopyOut implements DriverCopyOut {
  readonly #line: Line;
  readonly #copy: CopyEntry;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #held = false;
  #draining = false;
  #onMore: (() => void) | undefined;

  constructor(line: Line, copy: CopyEntry) {
    this.#line = line;
    this.#copy = copy;
    const more = () => this.#onMore?.();
    copy.result.promise.then(more, more);
  }

  get result(): Promise<DriverResult> {
    return this.#copy.result.promise;
  }

  take(data: Buffer): void {
    if (this.#draining) return;
    // The memory that data came in is used again.
    this.#waiting.push(Buffer.from(data));
    this.#waitingBytes += data.length;
    if (this.#waitingBytes >= MOST_WAITING_BYTES) this.#hold(true);
    this.#onMore?.();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#waitingBytes === 0) {
      if (this.#copy.isOver) {
        await this.result;
        if (this.#waitingBytes === 0) return undefined;
        break;
      }
      this.#hold(false);
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
    this.#hold(false);
    await this.result.catch(() => undefined);
  }

  #hold(isHeld: boolean): void {
    if (this.#held === isHeld) return;
    this.#held = isHeld;
    this.#line.hold(isHeld);
  }
}
