import type { Socket } from 'node:net';
import type { Traffic, TransactionStatus } from '../../connection/port.ts';
import { messageOf } from '../../model/errors.ts';
import type { TypeParsers } from '../../model/statement.ts';
import {
  BIND_COMPLETE,
  DATA_ROW,
  ERROR_RESPONSE,
  NOTICE_RESPONSE,
  NOTIFICATION_RESPONSE,
  nameOfMessage,
  PARAMETER_STATUS,
  PARSE_COMPLETE,
} from '../content/codes.ts';
import type { Cutter } from '../content/cutter.ts';
import type { PreparedNames } from '../content/names.ts';
import { protocolError } from '../content/reader.ts';
import { readServerError, type ServerError } from '../content/server-error.ts';
import { type ReadyStatus, readStatus } from '../content/status.ts';
import type { Writer } from '../content/writer.ts';
import { advance, type State } from '../entry/automaton.ts';
import { handOver, handOverRow } from '../entry/contents.ts';
import type { Entry } from '../entry/entry.ts';
import type { Line } from '../entry/line.ts';
import { SETTLED } from '../entry/settled.ts';
import { lostBefore } from '../failures.ts';
import type { ChannelListener, ChannelParts } from './parts.ts';

/** Entries done with before the queue is shortened. */
const COMPACT_AT = 256;

/** Work that needs the connection to itself. */
interface Waiting {
  readonly start: () => void;
  readonly lost: (error: unknown) => void;
}

/**
 * The socket of one connection and the queue of what was sent on it, of which this object is the only owner.
 *
 * Entries stand in the order of sending. The head gets what comes, by the statement automaton; a message that is impossible there
 * ends the connection. `open` until the socket ends or is ended, then `closed`, never open again.
 */
export class Channel implements Line {
  readonly writer: Writer;
  readonly names: PreparedNames;
  readonly types: TypeParsers;
  readonly #socket: Socket;
  readonly #cutter: Cutter;
  readonly #listener: ChannelListener;
  #status: ReadyStatus = 'idle';
  #entries: Entry[] = [];
  /** Index of the first entry that is not settled. */
  #head = 0;
  /** Entries at the end of the queue that were not given to the socket yet. */
  #unwritten = 0;
  #flushing = false;
  readonly #waiting: Waiting[] = [];
  #closed = false;
  /** Whether the socket has another owner. */
  #hasLeft = false;
  #closeReason: unknown;
  #fatal: ServerError | undefined;
  #fatalCameLate = false;

  constructor({ socket, cutter, writer, names, types }: ChannelParts, listener: ChannelListener) {
    this.#socket = socket;
    this.#cutter = cutter;
    this.writer = writer;
    this.names = names;
    this.types = types;
    this.#listener = listener;
    cutter.take = (type, bytes, start, end) => this.#take(type, bytes, start, end);
    socket.on('data', this.#onData).on('error', this.#onError);
    socket.on('end', this.#onEnd).on('close', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onError = (error: Error): void => this.#lost(error);
  readonly #onEnd = (): void => this.#lost(new Error('Connection terminated unexpectedly'));

  /** Reads what came behind the login, and what comes from now on. */
  begin(): void {
    this.#read(undefined);
    this.#socket.resume();
  }

  get status(): TransactionStatus {
    return this.#closed ? 'unknown' : this.#status;
  }

  get isClosed(): boolean {
    return this.#hasLeft ? this.#socket.destroyed : this.#closed;
  }

  get traffic(): Traffic {
    const socket = this.#socket;
    const isSent = this.#unwritten === 0 && socket.writableLength === 0;
    return {
      awaitsServer: !this.#closed && !this.#isIdle && isSent && !socket.isPaused(),
      received: socket.bytesRead,
    };
  }

  get inTransaction(): boolean {
    return this.#status !== 'idle';
  }

  /** The error for what comes after the end; `undefined` while the connection is open. */
  loss(): Error | undefined {
    return this.#closed ? lostBefore(this.#closeReason) : undefined;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#unwritten++;
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.flush());
  }

  whenIdle(start: () => void, lost: (error: unknown) => void): void {
    if (this.#closed) lost(lostBefore(this.#closeReason));
    else if (this.#isIdle && this.#waiting.length === 0) start();
    else this.#waiting.push({ start, lost });
  }

  flush(): void {
    this.#flushing = false;
    this.#unwritten = 0;
    if (this.#closed || this.writer.length === 0) return;
    this.#socket.write(this.writer.take());
    if (this.#socket.writableLength === 0) this.writer.giveBack();
  }

  send(pieces: readonly Uint8Array[]): Promise<void> | undefined {
    this.flush();
    const socket = this.#socket;
    if (this.#closed || !socket.writable) return undefined;
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
    if (!socket.writableNeedDrain) return undefined;
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.once('drain', done).once('close', done);
    });
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Leaves the socket to another owner, paused, and is over itself; `false`, with nothing done, unless the session is at rest. */
  leave(): boolean {
    if (this.#closed || !this.#isIdle || this.#waiting.length > 0 || this.#status !== 'idle') return false;
    this.#closed = true;
    this.#hasLeft = true;
    this.#closeReason = new Error('the connection has another owner');
    const socket = this.#socket.pause();
    socket.off('data', this.#onData).off('error', this.#onError);
    socket.off('end', this.#onEnd).off('close', this.#onEnd);
    return true;
  }

  /** Says goodbye and closes; resolves once the socket is gone. */
  end(): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      if (this.#closed) {
        this.#socket.destroy();
        return;
      }
      this.writer.terminate();
      this.flush();
      this.#socket.end();
    });
  }

  /** Destroys the socket; what waits is settled when it has closed. What was read, but not handed out, is not handed out any more. */
  destroy(): void {
    this.#cutter.take = takeNothing;
    this.#socket.destroy();
  }

  condemn(reason: Error): void {
    this.#lost(reason);
  }

  begins(text: string): void {
    this.#listener.noteText(text);
  }

  ended(tag: string): void {
    this.#listener.noteTag(tag);
  }

  endedAside(tag: string): void {
    this.#listener.noteSchema(tag);
  }

  get #isIdle(): boolean {
    return this.#head === this.#entries.length;
  }

  /** Starts what waits for the connection to be idle, as long as it is. */
  next(): void {
    while (this.#isIdle && !this.#closed) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.start();
    }
  }

  #read(chunk: Buffer | undefined): void {
    if (this.#closed) return;
    try {
      if (chunk === undefined) this.#cutter.goOn();
      else this.#cutter.read(chunk);
    } catch (error) {
      this.#lost(error);
    }
  }

  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.#closed) return false;
    const entry = this.#entries[this.#head];
    if (type === DATA_ROW && entry?.state === 'rows') {
      handOverRow(entry, bytes, start, end);
      return true;
    }
    if (type === NOTICE_RESPONSE || type === PARAMETER_STATUS || type === NOTIFICATION_RESPONSE) {
      this.#listener.aside(type, bytes, start, end);
      return true;
    }
    if (entry === undefined) this.#takeUnasked(type, bytes, start, end);
    else this.#takeAnswer(entry, type, bytes, start, end);
    return !this.#closed;
  }

  #takeAnswer(entry: Entry, type: number, bytes: Buffer, start: number, end: number): void {
    const next = advance(entry, type);
    if (next === undefined) {
      if (type === ERROR_RESPONSE) this.#takeFatal(bytes, start, end, entry);
      else throw impossible(type, entry.state);
      return;
    }
    if (next === 'settle') {
      this.#ready(entry, bytes, start, end);
      return;
    }
    const before = entry.state;
    const isNextPart = before === 'done' && (type === PARSE_COMPLETE || type === BIND_COMPLETE);
    if (isNextPart) entry.partsLeft--;
    entry.state = next;
    if (type === ERROR_RESPONSE) this.#takeError(entry, bytes, start, end, before);
    else handOver(entry, type, bytes, start, end);
  }

  #takeError(entry: Entry, bytes: Buffer, start: number, end: number, before: State): void {
    const { error, fatal } = readServerError(bytes, start, end);
    if (!fatal) {
      entry.refused(error);
      return;
    }
    // The head had its CommandComplete before.
    this.#fatalCameLate = before === 'done';
    this.#endedBy(error);
  }

  /** An error after an error can only be the one by which the server ends the connection. */
  #takeFatal(bytes: Buffer, start: number, end: number, entry: Entry): void {
    const { error, fatal } = readServerError(bytes, start, end);
    if (!fatal) throw impossible(ERROR_RESPONSE, entry.state);
    this.#endedBy(error);
  }

  #takeUnasked(type: number, bytes: Buffer, start: number, end: number): void {
    if (type !== ERROR_RESPONSE) throw impossible(type, 'idle');
    const { error, fatal } = readServerError(bytes, start, end);
    if (!fatal) throw protocolError('an error came although nothing was asked');
    this.#endedBy(error);
  }

  #ready(entry: Entry, bytes: Buffer, start: number, end: number): void {
    const status = readStatus(bytes, start, end);
    this.#status = status;
    this.#entries[this.#head] = SETTLED;
    this.#head++;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
      // If the socket could not take it at once, such as one of TLS.
      if (this.writer.holds && this.#socket.writableLength === 0) this.writer.giveBack();
    } else if (this.#head >= COMPACT_AT) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    entry.settled(status);
    if (this.#isIdle) this.next();
  }

  #endedBy(error: ServerError): void {
    this.#fatal = error;
    this.#listener.ending(error);
    this.#lost(error);
  }

  /** The connection is gone, or of no more use: everything that waits for it is settled, once. */
  #lost(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeReason = reason;
    this.#socket.destroy();
    const entries = this.#entries.slice(this.#head);
    const written = entries.length - this.#unwritten;
    this.#entries = [];
    this.#head = 0;
    for (const [index, entry] of entries.entries()) {
      if (index >= written) entry.lost('not-handed', reason);
      else if (this.#fatal === undefined) entry.lost('sent', reason);
      else if (index > 0) entry.lost('behind-fatal', this.#fatal);
      // What had been done when the server ended it, its error does not say.
      else entry.lost('sent', this.#fatalCameLate ? unanswered(this.#fatal) : this.#fatal);
    }
    for (const { lost } of this.#waiting.splice(0)) lost(lostBefore(reason));
    this.#listener.gone(reason);
  }
}

function takeNothing(): boolean {
  return false;
}

function impossible(type: number, state: string): Error {
  return protocolError(`the message ${nameOfMessage(type)} is impossible while a statement is "${state}"`);
}

function unanswered(fatal: Error): Error {
  return new Error(`Connection terminated before the end of the answer: ${messageOf(fatal)}`);
}
