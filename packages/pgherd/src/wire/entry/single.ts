import type { PipelinedStatement } from '../../connection/port.ts';
import { markStaleName, PgHerdError } from '../../model/errors.ts';
import { type Row, type Statement, type TypeParsers, unnamedText } from '../../model/statement.ts';
import type { Prepared } from '../content/names.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readArray, readRow } from '../content/rows.ts';
import { hinted, type ServerError } from '../content/server-error.ts';
import { isNameTaken, stalenessOf } from '../content/stale-name.ts';
import type { ReadyStatus } from '../content/status.ts';
import { readTag } from '../content/tag.ts';
import type { ReadValue } from '../content/text.ts';
import { type WireValue, wireValues } from '../content/values.ts';
import { checkText, checkValueCount } from '../content/writer.ts';
import { unreadable } from '../failures.ts';
import type { Shape, State } from './automaton.ts';
import type { Entry, LostPhase } from './entry.ts';
import type { Line } from './line.ts';
import { lossOf } from './losses.ts';

/** What the rows of a statement become. */
export interface Settle {
  answered: PipelinedStatement['answered'];
  failed(error: unknown): void;
}

export const UNNAMED: Shape = Object.freeze({ describes: 'portal' });
const UNNAMED_ALONE: Shape = Object.freeze({ describes: 'portal', copy: 'either' });
export const PARSED: Shape = Object.freeze({ describes: 'statement' });
export const KNOWN: Shape = Object.freeze({ describes: 'none' });

/** What a single statement asks of the connection on which it runs: one object for all of them. */
export interface SingleOwner {
  /** Whether the connection serves nothing else meanwhile: then a statement may leave a transaction open, or try a COPY. */
  readonly alone: boolean;
  /** The name is of no more use: it is not to be relied on again. */
  dropName(statement: Statement, prepared: Prepared): void;
  /** The text has names of an old schema, perhaps on other connections as well. */
  staleName(text: string): void;
  /** Sends it once more, without its name, which is `gone` or may be the reason for an error. */
  again(entry: SingleEntry, prepared: Prepared, isGone: boolean): void;
}

/** One statement by the extended protocol, with a Sync of its own. */
export class SingleEntry implements Entry {
  state: State = 'parse';
  shape: Shape = UNNAMED;
  partsLeft = 0;
  closesLeft = 0;
  readonly statement: Statement;
  readonly settle: Settle;
  readonly #line: Line;
  readonly #owner: SingleOwner;
  /** Its prepared statement, new or known; `undefined` for none. */
  readonly #prepared: Prepared | undefined;
  /** The name under which it failed before, if it is sent for the second time. */
  readonly #before: Prepared | undefined;
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #readers: readonly ReadValue[] | undefined;
  #tag: string | undefined;
  #error: ServerError | undefined;
  /** A row could not be read; what the server says afterwards counts more. */
  #unread: unknown;
  #wasKnown = false;

  constructor(
    line: Line,
    statement: Statement,
    settle: Settle,
    owner: SingleOwner,
    prepared: Prepared | undefined,
    before?: Prepared,
  ) {
    this.#line = line;
    this.statement = statement;
    this.settle = settle;
    this.#owner = owner;
    this.#prepared = prepared;
    this.#before = before;
  }

  get columns(): Columns | undefined {
    return this.#columns ?? this.#prepared?.columns;
  }

  /**
   * Writes it and puts it into the queue.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a value or a text that cannot be sent; nothing was written then.
   */
  send(): void {
    const { text, values } = this.statement;
    const prepared = this.#prepared;
    const wire = wireValues(values);
    checkValueCount(wire.length);
    if (prepared?.columns === undefined) checkText(text);
    this.#write(text, wire, prepared);
    this.#line.push(this);
  }

  #write(text: string, values: readonly WireValue[], prepared: Prepared | undefined): void {
    const { writer } = this.#line;
    if (prepared?.columns !== undefined) {
      prepared.used = true;
      this.#wasKnown = true;
      this.state = 'bind';
      this.shape = KNOWN;
      writer.bind(prepared.name, values);
      writer.executeAndSync();
      return;
    }
    this.closesLeft = closeObsolete(this.#line);
    if (prepared === undefined) this.shape = this.#owner.alone ? UNNAMED_ALONE : UNNAMED;
    else this.shape = PARSED;
    writeUnknown(writer, prepared === undefined ? unnamedText(this.statement) : text, values, prepared);
    writer.executeAndSync();
  }

  parsed(): void {
    if (this.#prepared !== undefined) this.#prepared.parsed = true;
  }

  takes(parameters: readonly number[]): void {
    if (this.#prepared !== undefined) this.#prepared.parameters = parameters;
  }

  described(columns: Columns): void {
    this.#columns = columns;
    if (this.#prepared !== undefined) this.#prepared.columns = columns;
  }

  row(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    try {
      const columns = this.columns ?? NO_COLUMNS;
      this.#readers ??= readersOf(columns, typesOf(this.statement.types) ?? this.#line.types);
      const row =
        this.statement.rowMode === 'array'
          ? // In this form a row is no record; the port's type describes the common one only.
            (readArray(bytes, start, this.#readers) as unknown as Row)
          : readRow(bytes, start, columns, this.#readers);
      this.#rows.push(row);
    } catch (error) {
      // The rest of the answer must be read all the same.
      this.#unread = unreadable(error);
    }
  }

  completed(tag: string): void {
    this.#tag = tag;
    if (this.#owner.alone) this.#line.ended(tag);
  }

  suspended(): void {}

  /** A COPY that was run as a statement: it is refused here, as node-postgres does. */
  copying(way: 'in' | 'out'): void {
    if (way === 'out') return;
    this.#line.writer.copyFail('COPY FROM STDIN needs the verb copyFrom');
    this.#line.writer.sync();
    this.#line.flush();
  }

  copied(): void {}

  refused(error: ServerError): void {
    this.#error = hinted(error, this.statement);
  }

  settled(status: ReadyStatus): void {
    const error = this.#error ?? this.#unread;
    if (status !== 'idle' && !this.#owner.alone) this.#leftOpen();
    else if (error !== undefined) this.#fail(error, status);
    else {
      // Its name was the reason.
      if (this.#before !== undefined) this.#owner.dropName(this.statement, this.#before);
      const { command, rowCount } = readTag(this.#tag ?? '');
      this.settle.answered(this.#rows, rowCount, (this.columns ?? NO_COLUMNS).fields, command);
    }
  }

  lost(phase: LostPhase, reason: unknown): void {
    this.settle.failed(phase === 'sent' ? (this.#error ?? reason) : lossOf(phase, reason));
  }

  #fail(error: unknown, status: ReadyStatus): void {
    const prepared = this.#prepared;
    if (prepared !== undefined) {
      if (!this.#wasKnown && prepared.columns === undefined) this.#owner.dropName(this.statement, prepared);
      const isTaken = this.statement.name === undefined && isNameTaken(error);
      if ((this.#wasKnown || isTaken) && this.#isSentAgain(prepared, status)) return;
    }
    this.settle.failed(error);
  }

  /** An error under a known name: nothing was executed, and without that name it may go well. */
  #isSentAgain(prepared: Prepared, status: ReadyStatus): boolean {
    const error = this.#error;
    const staleness = error === undefined ? 'none' : stalenessOf(error);
    if (error === undefined || staleness === 'none') return false;
    if (status === 'idle' && this.#before === undefined) {
      this.#owner.again(this, prepared, staleness === 'gone');
      return true;
    }
    this.#owner.dropName(this.statement, prepared);
    if (status !== 'idle') {
      this.#owner.staleName(this.statement.text);
      markStaleName(error);
    }
    return false;
  }

  /** It opened a transaction: those behind it ran inside. Only the end of the connection clears that up. */
  #leftOpen(): void {
    const error = new PgHerdError(
      'PGHERD_STATEMENT_NOT_ALLOWED',
      'The statement left a transaction open on a shared connection, which was destroyed: it is rolled back. Use transaction(fn).',
    );
    this.settle.failed(error);
    // What stands behind may have run inside it, and is rolled back with it; or it was not reached.
    this.#line.condemn(transactionLeftOpen());
  }
}

/** Writes Close for each name that is of no more use; returns how many answers that brings. */
export function closeObsolete({ names, writer }: Line): number {
  const obsolete = names.takeObsolete();
  for (const name of obsolete) writer.closeStatement(name);
  return obsolete.length;
}

/** Writes a statement that the server does not know yet, up to its Execute. */
export function writeUnknown(
  writer: Line['writer'],
  text: string,
  values: readonly WireValue[],
  prepared: Prepared | undefined,
): void {
  const name = prepared?.name ?? '';
  writer.parse(name, text);
  if (prepared !== undefined) writer.describeStatement(name);
  writer.bind(name, values);
  if (prepared === undefined) writer.describePortal();
}

export function typesOf(types: unknown): TypeParsers | undefined {
  return typeof types === 'object' && types !== null && 'getTypeParser' in types
    ? (types as TypeParsers)
    : undefined;
}

/** What the statements behind get: their outcome is not known, since the connection was lost to them. */
function transactionLeftOpen(): PgHerdError {
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    'The connection was destroyed: a statement before this one left a transaction open on it.',
    { details: { phase: 'sent' } },
  );
}
