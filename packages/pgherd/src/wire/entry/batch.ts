import type { DriverResult } from '../../connection/port.ts';
import type { PgHerdError } from '../../model/errors.ts';
import type { Row, Statement } from '../../model/statement.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readArray, readRow } from '../content/rows.ts';
import type { ServerError } from '../content/server-error.ts';
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
import { typesOf } from './single.ts';

const PART: Shape = Object.freeze({ describes: 'portal' });

/**
 * Statements in one round trip: Parse, Bind, Describe and Execute for each, and one Sync behind all of them. Outside a transaction
 * that makes one of them: the server commits at the Sync, or undoes everything at the first error.
 */
export class BatchEntry implements Entry {
  state: State = 'parse';
  readonly shape = PART;
  partsLeft: number;
  closesLeft = 0;
  readonly #line: Line;
  readonly #statements: readonly Statement[];
  readonly #resolve: (results: DriverResult[]) => void;
  readonly #reject: (error: unknown) => void;
  readonly #results: DriverResult[] = [];
  #columns: Columns | undefined;
  #readers: readonly ReadValue[] | undefined;
  #rows: Row[] = [];
  #error: ServerError | undefined;
  #unread: unknown;

  constructor(
    line: Line,
    statements: readonly Statement[],
    resolve: (results: DriverResult[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.#line = line;
    this.#statements = statements;
    this.#resolve = resolve;
    this.#reject = reject;
    this.partsLeft = statements.length - 1;
  }

  get columns(): Columns | undefined {
    return this.#columns;
  }

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what cannot be sent; nothing was written then. */
  send(): void {
    const values = this.#statements.map(checkedValues);
    const { writer } = this.#line;
    let parsed: string | undefined;
    for (const [index, { text }] of this.#statements.entries()) {
      // The same text as the one before is parsed once: the unnamed statement stays until the next Parse.
      if (text !== parsed) writer.parse('', text);
      parsed = text;
      writer.bind('', values[index] ?? []);
      writer.describePortal();
      writer.execute('');
    }
    writer.sync();
    this.#line.push(this);
  }

  parsed(): void {}

  described(columns: Columns): void {
    this.#columns = columns;
    this.#readers = undefined;
  }

  row(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    const statement = this.#statements[this.#results.length];
    try {
      const columns = this.#columns ?? NO_COLUMNS;
      this.#readers ??= readersOf(columns, typesOf(statement?.types) ?? this.#line.types);
      const row =
        statement?.rowMode === 'array'
          ? (readArray(bytes, start, this.#readers) as unknown as Row)
          : readRow(bytes, start, columns, this.#readers);
      this.#rows.push(row);
    } catch (error) {
      this.#unread = unreadable(error);
    }
  }

  completed(tag: string): void {
    this.#line.ended(tag);
    const { command, rowCount } = readTag(tag);
    this.#results.push({ rows: this.#rows, rowCount, fields: (this.#columns ?? NO_COLUMNS).fields, command });
    this.#rows = [];
    this.#columns = undefined;
    this.#line.ended(tag);
  }

  suspended(): void {}
  copying(): void {}
  copied(): void {}

  refused(error: ServerError): void {
    this.#error = error;
  }

  settled(_status: ReadyStatus): void {
    if (this.#error !== undefined) this.#reject(this.#placed(this.#error));
    else if (this.#unread !== undefined) this.#reject(this.#unread);
    else this.#resolve(this.#results);
  }

  lost(phase: LostPhase, reason: unknown): void {
    if (phase !== 'sent') this.#reject(lossOf(phase, reason));
    else this.#reject(this.#error === undefined ? reason : this.#placed(this.#error));
  }

  /** An error that comes with the commit, as of a deferred constraint, belongs to no statement. */
  #placed(error: ServerError): ServerError {
    const index = this.#results.length;
    return index < this.#statements.length ? Object.assign(error, { index }) : error;
  }
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` with the property `index`, for the statement that cannot be sent. */
function checkedValues(statement: Statement, index: number): readonly WireValue[] {
  try {
    const wire = wireValues(statement.values);
    checkValueCount(wire.length);
    checkText(statement.text);
    return wire;
  } catch (error) {
    throw Object.assign(error as PgHerdError, { index });
  }
}
