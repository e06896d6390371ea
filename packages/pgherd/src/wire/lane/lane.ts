import type { PipelinedStatement } from '../../connection/port.ts';
import { Fifo } from '../../model/fifo.ts';
import { leftOpen, lostBefore, lostBeforeReady, neverExecuted } from '../failures.ts';
import { Frames } from '../frames.ts';
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  DATA_ROW,
  EMPTY_QUERY_RESPONSE,
  ERROR_RESPONSE,
  HEAD_BYTES,
  NO_DATA,
  NOTICE_RESPONSE,
  NOTIFICATION_RESPONSE,
  PARAMETER_DESCRIPTION,
  PARAMETER_STATUS,
  PARSE_COMPLETE,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
  typeName,
} from '../messages.ts';
import { Answer, type SentStatement } from './answer.ts';
import { type DatabaseErrorClass, readServerError, type ServerErrorFields } from './errors.ts';
import { type NameHashes, PreparedNames } from './names.ts';
import { type Columns, NO_COLUMNS, readColumns, type TypeParsers } from './rows.ts';
import type { Slabs } from './slabs.ts';
import { type ValuePreparer, wireValues } from './values.ts';
import { Writer } from './writer.ts';

/** What the lane needs of its connection. */
export interface LanePorts extends ValuePreparer {
  readonly types: TypeParsers;
  readonly ErrorClass: DatabaseErrorClass;
  write(bytes: Buffer): void;
  /** Whether nothing that was written is still held in this process. */
  allSent(): boolean;
  /** A message that does not belong to a statement: a notice, a parameter, a notification. */
  pass(message: Buffer): void;
  /** The server ended the connection, with this error. */
  ended(error: Error): void;
  /** The state of the session is unknown: the connection must not be used any more. */
  destroy(): void;
}

/** What the lanes of one driver share. */
export interface LaneResources {
  readonly slabs: Slabs;
  readonly hashes: NameHashes;
}

/** Status in ReadyForQuery: outside a transaction. */
const IDLE = 0x49;

/**
 * SQLSTATE for a prepared statement that does not exist, and for one whose result would have other columns
 * now.
 */
const NAME_UNKNOWN = '26000';
const FEATURE_NOT_SUPPORTED = '0A000';
const STALE_PLAN_ROUTINE = 'RevalidateCachedQuery';

/**
 * Statements in flight on one connection. While there are any, everything that comes belongs to the lane; the
 * driver's client sees nothing of it and stays idle, so that it can be used as before once the lane is empty.
 *
 * Each statement has a Sync of its own, so that it is a transaction of its own, and is settled at its
 * ReadyForQuery.
 */
export class WireLane {
  readonly #ports: LanePorts;
  readonly #writer: Writer;
  readonly #frames: Frames;
  readonly #names: PreparedNames;
  readonly #answer: Answer;
  /** In the order of sending. */
  readonly #sent = new Fifo<SentStatement>();
  /** How many of the last statements wait for the end of this turn of the event loop to be written. */
  #unwritten = 0;
  #isLost = false;
  /** The error with which the server ended the connection. */
  #fatal: Error | undefined;

  constructor(ports: LanePorts, { slabs, hashes }: LaneResources) {
    this.#ports = ports;
    this.#writer = new Writer(slabs);
    this.#names = new PreparedNames(hashes);
    this.#answer = new Answer(ports.types);
    this.#frames = new Frames((type, bytes, start, end) => this.#take(type, bytes, start, end));
  }

  /** Whether what comes now belongs to the lane. */
  get active(): boolean {
    return this.#sent.size > 0;
  }

  /** The session was reset: it has no prepared statement any more. */
  forgetNames(): void {
    this.#names.clear();
  }

  /**
   * Sends a statement behind those in flight. Statements of one turn of the event loop are written together.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if a value cannot be sent.
   */
  send(one: PipelinedStatement): void {
    this.#send(one, false);
  }

  /** Reads a chunk; returns the bytes that do not belong to the lane. */
  read(chunk: Buffer): Buffer | undefined {
    return this.#frames.read(chunk);
  }

  /** The connection is gone. Statements behind the one with which the server ended it were not executed. */
  lost(reason: unknown): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const sent = this.#sent.takeAll();
    const written = sent.length - this.#unwritten;
    for (const [index, { one }] of sent.entries()) {
      if (index >= written) one.failed(lostBefore(reason));
      else one.failed(index === 0 ? this.#lossOfHead(reason) : this.#lossBehindHead(reason));
    }
  }

  /** With a FATAL behind CommandComplete it is unknown whether the statement was committed. */
  #lossOfHead(reason: unknown): unknown {
    const fatal = this.#fatal;
    if (fatal === undefined) return this.#answer.refusal ?? reason;
    return this.#answer.isComplete ? lostBeforeReady(fatal) : fatal;
  }

  #lossBehindHead(reason: unknown): unknown {
    return this.#fatal === undefined ? reason : neverExecuted(this.#fatal);
  }

  #send(one: PipelinedStatement, again: boolean): void {
    this.#sent.push(this.#write(one, again));
    this.#unwritten++;
    if (this.#unwritten === 1) process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#unwritten = 0;
    if (this.#isLost || this.#writer.length === 0) return;
    this.#ports.write(this.#writer.take());
    if (this.#ports.allSent()) this.#writer.giveBack();
  }

  #write(one: PipelinedStatement, again: boolean): SentStatement {
    const { text, values: given } = one.statement;
    const values = wireValues(given, this.#ports);
    const known = one.prepare ? this.#names.find(text) : undefined;
    if (known?.columns !== undefined) {
      known.used = true;
      this.#writer.bind(known.name, values);
      this.#writer.executeAndSync();
      return { one, prepared: known, named: true, again };
    }
    // No other statement may use a name that is still being parsed: if that fails, the other would fail for a
    // wrong reason.
    const prepared = one.prepare && known === undefined ? this.#names.add(text) : undefined;
    for (const name of this.#names.takeObsolete()) this.#writer.closeStatement(name);
    this.#writer.parse(prepared?.name ?? '', text);
    if (prepared !== undefined) this.#writer.describeStatement(prepared.name);
    this.#writer.bind(prepared?.name ?? '', values);
    if (prepared === undefined) this.#writer.describePortal();
    this.#writer.executeAndSync();
    return { one, prepared, named: false, again };
  }

  /** Returns whether the next message belongs to the lane as well. */
  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    const sent = this.#sent.first;
    // Only after the loss of the connection: the rest of the chunk is ignored.
    if (sent === undefined) return true;
    switch (type) {
      case DATA_ROW:
        this.#answer.addRow(bytes, start, sent);
        return true;
      case BIND_COMPLETE:
      case CLOSE_COMPLETE:
      case PARAMETER_DESCRIPTION:
      case EMPTY_QUERY_RESPONSE:
        return true;
      case COMMAND_COMPLETE:
        this.#answer.completed(bytes.toString('latin1', start, end - 1));
        return true;
      case READY_FOR_QUERY:
        this.#takeReady(sent, bytes[start] ?? 0);
        return this.active;
      case PARSE_COMPLETE:
        if (sent.prepared !== undefined) sent.prepared.parsed = true;
        return true;
      case ROW_DESCRIPTION:
        this.#describe(sent, readColumns(bytes, start));
        return true;
      case NO_DATA:
        this.#describe(sent, NO_COLUMNS);
        return true;
      case ERROR_RESPONSE:
        return this.#takeError(bytes, start, end);
      case NOTICE_RESPONSE:
      case PARAMETER_STATUS:
      case NOTIFICATION_RESPONSE:
        this.#ports.pass(bytes.subarray(start - HEAD_BYTES, end));
        return true;
      default:
        throw new Error(`no answer to a statement has the type ${typeName(type)}`);
    }
  }

  #describe({ prepared }: SentStatement, columns: Columns): void {
    this.#answer.described(columns);
    if (prepared !== undefined) prepared.columns = columns;
  }

  /** Returns whether more messages will come. */
  #takeError(bytes: Buffer, start: number, end: number): boolean {
    const { error, fatal } = readServerError(bytes, start, end, this.#ports.ErrorClass);
    this.#answer.refused(error);
    if (!fatal) return true;
    this.#fatal = error;
    this.#ports.ended(error);
    return false;
  }

  #takeReady(sent: SentStatement, status: number): void {
    this.#removeHead();
    const { error } = this.#answer;
    if (status === IDLE && error === undefined) {
      this.#answer.deliver(sent);
      return;
    }
    this.#answer.clear();
    if (status === IDLE) this.#fail(sent, error);
    else {
      // The statements behind it ran inside its transaction. Only the end of the connection clears that up.
      sent.one.failed(leftOpen());
      this.#ports.destroy();
    }
  }

  #removeHead(): void {
    this.#sent.shift();
    // If the socket could not take all of it at once, as one of TLS.
    if (this.#sent.size === 0 && this.#writer.holds && this.#ports.allSent()) this.#writer.giveBack();
  }

  #fail(sent: SentStatement, error: unknown): void {
    const { one, prepared } = sent;
    const { text } = one.statement;
    if (prepared?.columns === undefined && prepared !== undefined) this.#names.drop(text, prepared);
    if (prepared !== undefined && sent.named && isStale(error)) {
      this.#names.drop(text, prepared);
      // Nothing was executed under the old name: the statement is sent again, under a new name and behind all
      // others.
      if (!sent.again && !this.#isLost) {
        this.#send(one, true);
        return;
      }
    }
    one.failed(error);
  }
}

function isStale(error: unknown): boolean {
  const { code, routine } = error as ServerErrorFields;
  return code === NAME_UNKNOWN || (code === FEATURE_NOT_SUPPORTED && routine === STALE_PLAN_ROUTINE);
}
