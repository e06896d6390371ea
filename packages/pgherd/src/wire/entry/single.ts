import type { PipelinedStatement } from '../../connection/port.ts';
import { markStaleName, PgHerdError } from '../../model/errors.ts';
import type { Row, Statement, TypeParsers } from '../../model/statement.ts';
import type { Prepared } from '../content/names.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readArray, readRow } from '../content/rows.ts';
import type { ServerError } from '../content/server-error.ts';
import { stalenessOf } from '../content/stale-name.ts';
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

const UNNAMED: Shape = Object.freeze({ describes: 'portal' });
const UNNAMED_ALONE: Shape = Object.freeze({ describes: 'portal', copy: 'either' });
const PARSED: Shape = Object.freeze({ describes: 'statement' });
const KNOWN: Shape = Object.freeze({ describes: 'none' });
/** How a single statement is run. */
export interface SingleOptions {
  /** Whether its connection serves nothing else meanwhile: then it may leave a transaction open, or try a COPY. */
  readonly alone: boolean;
  /** Its prepared statement, new or known; `undefined` for none. */
  readonly prepared: Prepared | undefined;
  /** Called if its name is of no more use: the name is not to be relied on again. */
  dropName(prepared: Prepared): void;
  /** Sends it once more, without the known name, which is `gone` or may be the reason for an error. Absent the second time. */
  readonly again: ((isGone: boolean) => void) | undefined;
  /** Called when it has succeeded: the name under which it failed before was the reason. */
  readonly cured?: (() => void) | undefined;
}

/** One statement by the extended protocol, with a Sync of its own. */
export class SingleEntry implements Entry {
  state: State = 'parse';
  shape: Shape = UNNAMED;
  partsLeft = 0;
  closesLeft = 0;
  readonly #line: Line;
  readonly #statement: Statement;
  readonly #settle: Settle;
  readonly #options: SingleOptions;
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #readers: readonly ReadValue[] | undefined;
  #tag: string | undefined;
  #error: ServerError | undefined;
  /** A row could not be read; what the server says afterwards counts more. */
  #unread: unknown;
  #wasKnown = false;

  constructor(line: Line, statement: Statement, settle: Settle, options: SingleOptions) {
    this.#line = line;
    this.#statement = statement;
    this.#settle = settle;
    this.#options = options;
  }

  get columns(): Columns | undefined {
    return this.#columns ?? this.#options.prepared?.columns;
  }

  /**
   * Writes it and puts it into the queue.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a value or a text that cannot be sent; nothing was written then.
   */
  send(): void {
    const { text, values } = this.#statement;
    const { prepared, alone } = this.#options;
    const wire = wireValues(values);
    checkValueCount(wire.length);
    if (prepared?.columns === undefined) checkText(text);
    this.#write(text, wire, prepared, alone);
    this.#line.push(this);
  }

  #write(text: string, values: readonly WireValue[], prepared: Prepared | undefined, alone: boolean): void {
    const { writer, names } = this.#line;
    if (prepared?.columns !== undefined) {
      prepared.used = true;
      this.#wasKnown = true;
      this.state = 'bind';
      this.shape = KNOWN;
      writer.bind(prepared.name, values);
      writer.executeAndSync();
      return;
    }
    for (const name of names.takeObsolete()) {
      writer.closeStatement(name);
      this.closesLeft++;
    }
    const name = prepared?.name ?? '';
    writer.parse(name, text);
    if (prepared === undefined) this.shape = alone ? UNNAMED_ALONE : UNNAMED;
    else {
      this.shape = PARSED;
      writer.describeStatement(name);
    }
    writer.bind(name, values);
    if (prepared === undefined) writer.describePortal();
    writer.executeAndSync();
  }

  parsed(): void {
    if (this.#options.prepared !== undefined) this.#options.prepared.parsed = true;
  }

  takes(parameters: readonly number[]): void {
    if (this.#options.prepared !== undefined) this.#options.prepared.parameters = parameters;
  }

  described(columns: Columns): void {
    this.#columns = columns;
    if (this.#options.prepared !== undefined) this.#options.prepared.columns = columns;
  }

  row(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    try {
      const columns = this.columns ?? NO_COLUMNS;
      this.#readers ??= readersOf(columns, typesOf(this.#statement.types) ?? this.#line.types);
      const row =
        this.#statement.rowMode === 'array'
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
    if (this.#options.alone) this.#line.ended(tag);
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
    this.#error = error;
  }

  settled(status: ReadyStatus): void {
    const error = this.#error ?? this.#unread;
    if (status !== 'idle' && !this.#options.alone) this.#leftOpen();
    else if (error !== undefined) this.#fail(error, status);
    else {
      this.#options.cured?.();
      const { command, rowCount } = readTag(this.#tag ?? '');
      this.#settle.answered(this.#rows, rowCount, (this.columns ?? NO_COLUMNS).fields, command);
    }
  }

  lost(phase: LostPhase, reason: unknown): void {
    this.#settle.failed(phase === 'sent' ? (this.#error ?? reason) : lossOf(phase, reason));
  }

  #fail(error: unknown, status: ReadyStatus): void {
    const { prepared, dropName, again } = this.#options;
    if (prepared !== undefined && !this.#wasKnown && prepared.columns === undefined) dropName(prepared);
    const staleness = this.#wasKnown && this.#error !== undefined ? stalenessOf(this.#error) : 'none';
    if (prepared !== undefined && staleness !== 'none') {
      // Nothing was executed under the old name.
      if (status === 'idle' && again !== undefined) {
        again(staleness === 'gone');
        return;
      }
      dropName(prepared);
      if (status !== 'idle') markStaleName(this.#error as ServerError);
    }
    this.#settle.failed(error);
  }

  /** It opened a transaction: those behind it ran inside. Only the end of the connection clears that up. */
  #leftOpen(): void {
    const error = new PgHerdError(
      'PGHERD_STATEMENT_NOT_ALLOWED',
      'The statement left a transaction open on a shared connection, which was destroyed: it is rolled back. Use transaction(fn).',
    );
    this.#settle.failed(error);
    // What stands behind may have run inside it, and is rolled back with it; or it was not reached.
    this.#line.condemn(transactionLeftOpen());
  }
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
