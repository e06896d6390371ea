import type { PipelinedStatement } from '../connection/port.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Row } from '../model/statement.ts';
import { type DatabaseErrorClass, readServerError, type ServerErrorFields } from './errors.ts';
import { lostBefore, unreadable } from './failures.ts';
import { LaneFrames } from './lane-frames.ts';
import { type Prepared, PreparedNames } from './names.ts';
import {
  type Columns,
  NO_COLUMNS,
  type ParseText,
  parsersOf,
  readArray,
  readColumns,
  readRow,
  type TypeParsers,
} from './rows.ts';
import { checkValueCount, LaneWriter, type WireValue } from './writer.ts';

/** What the lane needs of its connection. */
export interface LanePorts {
  readonly types: TypeParsers;
  readonly ErrorClass: DatabaseErrorClass;
  /** How `pg` makes text or bytes of a value. */
  prepareValue(value: unknown): unknown;
  write(bytes: Buffer): void;
  /** Whether nothing that was written is still held here. */
  allSent(): boolean;
  /** A message that is not about a statement: a notice, a parameter, a notification. */
  pass(message: Buffer): void;
  /** The server ended the connection, and said why. */
  ended(error: Error): void;
  /** Nothing that comes can be made sense of any more. */
  destroy(): void;
}

/** A statement that was sent. */
interface Sent {
  readonly one: PipelinedStatement;
  readonly prepared: Prepared | undefined;
  /** Whether the name stood before it was sent, so that its columns are known. */
  readonly named: boolean;
  /** Whether it was sent a second time because its name was not good any more. */
  readonly again: boolean;
}

const ROW = 0x44;
const BIND_COMPLETE = 0x32;
const COMMAND_COMPLETE = 0x43;
const READY = 0x5a;
const PARSE_COMPLETE = 0x31;
const ROW_DESCRIPTION = 0x54;
const NO_DATA = 0x6e;
const ERROR = 0x45;
const NOTICE = 0x4e;
const PARAMETER = 0x53;
const NOTIFICATION = 0x41;
const CLOSE_COMPLETE = 0x33;
const PARAMETER_DESCRIPTION = 0x74;
const EMPTY = 0x49;
const IDLE = 0x49;

/** SQLSTATE of a prepared statement that is not there, and of one whose result would look different now. */
const NAME_UNKNOWN = '26000';
const FEATURE_NOT_SUPPORTED = '0A000';
const STALE_PLAN_ROUTINE = 'RevalidateCachedQuery';

/**
 * Statements in flight on one connection of `pg`. While there are any, what comes belongs to the lane; the client of `pg`
 * sees nothing of it and is as idle as before, so that it can be used as ever once the lane is empty.
 *
 * Each statement has a Sync of its own, so that it is a transaction of its own, and is answered at its ReadyForQuery.
 */
export class PgLane {
  readonly #ports: LanePorts;
  readonly #writer = new LaneWriter();
  readonly #frames: LaneFrames;
  readonly #names = new PreparedNames();
  /** In the order of sending; the first of them is at `#head`. */
  #sent: Sent[] = [];
  #head = 0;
  #flushing = false;
  #lost: { readonly error: unknown } | undefined;
  // Of the statement at the head, as far as it was answered:
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #parsers: readonly ParseText[] | undefined;
  #tag: string | undefined;
  #error: unknown;
  /** A row could not be read; what the server says afterwards counts more. */
  #unread: unknown;
  /** By which the server ended the connection. */
  #fatal: Error | undefined;

  constructor(ports: LanePorts) {
    this.#ports = ports;
    this.#frames = new LaneFrames((type, bytes, start, end) => this.#take(type, bytes, start, end));
  }

  /** Whether what comes now belongs to the lane. */
  get active(): boolean {
    return this.#head < this.#sent.length;
  }

  /** The session was reset: no name is left. */
  forgetNames(): void {
    this.#names.clear();
  }

  /**
   * Sends a statement behind those in flight. Statements of one turn of the event loop leave together.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` where a value cannot be sent.
   */
  send(one: PipelinedStatement): void {
    this.#sent.push(this.#write(one, false));
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.#flush());
  }

  /** Takes what came; gives back what is not the lane's. */
  read(chunk: Buffer): Buffer | undefined {
    return this.#frames.read(chunk);
  }

  /** The connection is gone. Behind a statement by which the server ended it, nothing was executed. */
  lost(reason: unknown): void {
    if (this.#lost !== undefined) return;
    this.#lost = { error: reason };
    const sent = this.#sent.slice(this.#head);
    const written = sent.length - this.#unwritten();
    this.#sent = [];
    this.#head = 0;
    const fatal = this.#fatal;
    for (const [index, { one }] of sent.entries()) {
      if (index >= written) one.failed(lostBefore(reason));
      else if (fatal === undefined) one.failed(index === 0 ? (this.#error ?? reason) : reason);
      // What had been done when the server ended it, its error does not tell.
      else if (index === 0) one.failed(this.#tag === undefined ? fatal : unanswered(fatal));
      else one.failed(neverExecuted(fatal));
    }
  }

  #unwritten(): number {
    return this.#flushing ? this.#pending : 0;
  }

  /** Statements that wait for the end of this turn to be written. */
  #pending = 0;

  #flush(): void {
    this.#flushing = false;
    this.#pending = 0;
    if (this.#lost !== undefined || this.#writer.length === 0) return;
    this.#ports.write(this.#writer.take());
    if (this.#ports.allSent()) this.#writer.giveBack();
  }

  #write(one: PipelinedStatement, again: boolean): Sent {
    const { text } = one.statement;
    const values = this.#valuesOf(one.statement.values);
    const known = one.prepare ? this.#names.find(text) : undefined;
    this.#pending++;
    if (known?.columns !== undefined) {
      known.used = true;
      this.#writer.bind(known.name, values);
      this.#writer.executeAndSync();
      return { one, prepared: known, named: true, again };
    }
    // While the name is being parsed nobody else may rely on it: should that fail, theirs would fail for a wrong reason.
    const prepared = one.prepare && known === undefined ? this.#names.add(text) : undefined;
    for (const name of this.#names.takeObsolete()) this.#writer.closeStatement(name);
    this.#writer.parse(prepared?.name ?? '', text);
    if (prepared !== undefined) this.#writer.describeStatement(prepared.name);
    this.#writer.bind(prepared?.name ?? '', values);
    if (prepared === undefined) this.#writer.describePortal();
    this.#writer.executeAndSync();
    return { one, prepared, named: false, again };
  }

  #valuesOf(values: readonly unknown[] | undefined): readonly WireValue[] {
    if (values === undefined || values.length === 0) return NO_VALUES;
    checkValueCount(values.length);
    const wire: WireValue[] = [];
    for (const value of values) wire.push(typeof value === 'string' ? value : this.#wireValue(value));
    return wire;
  }

  #wireValue(value: unknown): WireValue {
    if (value === null || value === undefined) return null;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    try {
      const prepared = this.#ports.prepareValue(value);
      if (prepared === null || prepared === undefined) return null;
      return prepared instanceof Uint8Array ? prepared : String(prepared);
    } catch (cause) {
      throw unsendable(cause);
    }
  }

  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    switch (type) {
      case ROW:
        this.#takeRow(bytes, start);
        return true;
      case BIND_COMPLETE:
      case CLOSE_COMPLETE:
      case PARAMETER_DESCRIPTION:
      case EMPTY:
        return true;
      case COMMAND_COMPLETE:
        this.#tag = bytes.toString('latin1', start, end - 1);
        return true;
      case READY:
        this.#takeReady(bytes[start] ?? 0);
        return this.active;
      case PARSE_COMPLETE:
      case ROW_DESCRIPTION:
      case NO_DATA:
        this.#takeDescription(type, bytes, start);
        return true;
      case ERROR:
        return this.#takeError(bytes, start, end);
      case NOTICE:
      case PARAMETER:
      case NOTIFICATION:
        this.#ports.pass(bytes.subarray(start - 5, end));
        return true;
      default:
        throw new Error(`no answer to a statement has the type ${JSON.stringify(String.fromCharCode(type))}`);
    }
  }

  #takeRow(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    const sent = this.#sent[this.#head];
    if (sent === undefined) return;
    const { statement } = sent.one;
    try {
      const columns = this.#columns ?? sent.prepared?.columns ?? NO_COLUMNS;
      this.#parsers ??= parsersOf(columns, typesOf(statement.types) ?? this.#ports.types);
      if (statement.rowMode === 'array') {
        // In this form a row is no record; the port's type says so for the common one only.
        this.#rows.push(readArray(bytes, start, this.#parsers) as unknown as Row);
      } else this.#rows.push(readRow(bytes, start, columns, this.#parsers));
    } catch (error) {
      // The rest of the answer must be read all the same.
      this.#unread = unreadable(error);
    }
  }

  #takeDescription(type: number, bytes: Buffer, start: number): void {
    const prepared = this.#sent[this.#head]?.prepared;
    if (type === PARSE_COMPLETE) {
      if (prepared !== undefined) prepared.parsed = true;
      return;
    }
    const columns = type === NO_DATA ? NO_COLUMNS : readColumns(bytes, start);
    this.#columns = columns;
    if (prepared !== undefined) prepared.columns = columns;
  }

  /** Says whether the lane goes on. */
  #takeError(bytes: Buffer, start: number, end: number): boolean {
    const { error, fatal } = readServerError(bytes, start, end, this.#ports.ErrorClass);
    this.#error = error;
    if (!fatal) return true;
    this.#fatal = error;
    this.#ports.ended(error);
    return false;
  }

  #takeReady(status: number): void {
    const sent = this.#sent[this.#head];
    if (sent === undefined) return;
    this.#sent[this.#head] = DONE;
    this.#head++;
    if (this.#head === this.#sent.length) {
      this.#sent.length = 0;
      this.#head = 0;
      // Where the socket could not take it at once, such as one of TLS.
      if (this.#writer.holds && this.#ports.allSent()) this.#writer.giveBack();
    } else if (this.#head >= COMPACT_AT) {
      this.#sent.splice(0, this.#head);
      this.#head = 0;
    }
    const rows = this.#rows;
    const error = this.#error ?? this.#unread;
    const tag = this.#tag ?? '';
    const columns = this.#columns ?? sent.prepared?.columns ?? NO_COLUMNS;
    this.#rows = [];
    this.#error = undefined;
    this.#unread = undefined;
    this.#tag = undefined;
    this.#columns = undefined;
    this.#parsers = undefined;
    if (status !== IDLE) this.#leftOpen(sent.one);
    else if (error !== undefined) this.#fail(sent, error);
    else {
      const space = tag.indexOf(' ');
      const command = space < 0 ? tag : tag.slice(0, space);
      sent.one.answered(rows, rowCountOf(tag, space), columns.fields, command);
    }
  }

  #fail(sent: Sent, error: unknown): void {
    const { one, prepared } = sent;
    const { text } = one.statement;
    if (prepared?.columns === undefined && prepared !== undefined) this.#names.drop(text, prepared);
    if (prepared !== undefined && sent.named && isStale(error)) {
      this.#names.drop(text, prepared);
      if (!sent.again && this.#lost === undefined) {
        this.#resend(one);
        return;
      }
    }
    one.failed(error);
  }

  /** Nothing was executed under the old name, so that it goes to the end of the queue under another one. */
  #resend(one: PipelinedStatement): void {
    this.#sent.push(this.#write(one, true));
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.#flush());
  }

  /** A statement opened a transaction: those behind it ran inside. Only the end of the connection clears that up. */
  #leftOpen(one: PipelinedStatement): void {
    one.failed(
      new PgHerdError(
        'PGHERD_STATEMENT_NOT_ALLOWED',
        'The statement left a transaction open on a shared connection, which was destroyed: it is rolled back. Use transaction(fn).',
      ),
    );
    this.#ports.destroy();
  }
}

const DONE: Sent = Object.freeze({
  one: Object.freeze({
    statement: Object.freeze({ text: '' }),
    prepare: false,
    answered: () => undefined,
    failed: () => undefined,
  }),
  prepared: undefined,
  named: false,
  again: false,
});
/** Statements done with before the list is shortened. */
const COMPACT_AT = 256;
const NO_VALUES: readonly WireValue[] = Object.freeze([]);

/** Rows that a command tag counts: its last word. */
function rowCountOf(tag: string, space: number): number | null {
  if (space < 0) return null;
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return Number.isNaN(count) ? null : count;
}

function typesOf(types: unknown): TypeParsers | undefined {
  return typeof types === 'object' && types !== null && 'getTypeParser' in types
    ? (types as TypeParsers)
    : undefined;
}

function isStale(error: unknown): boolean {
  const { code, routine } = error as ServerErrorFields;
  return code === NAME_UNKNOWN || (code === FEATURE_NOT_SUPPORTED && routine === STALE_PLAN_ROUTINE);
}

function unsendable(cause: unknown): PgHerdError {
  const why = messageOf(cause);
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', `A value of the statement cannot be sent: ${why}`, {
    cause,
  });
}

function neverExecuted(cause: unknown): PgHerdError {
  const why = cause instanceof Error ? `: ${cause.message}` : '.';
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    `The server ended the connection before it came to the statement${why}`,
    { cause, details: { phase: 'behind-fatal' } },
  );
}

function unanswered(fatal: Error): Error {
  return new Error(`Connection terminated before the end of the answer: ${fatal.message}`);
}
