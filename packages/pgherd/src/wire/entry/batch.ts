import type { DriverResult } from '../../connection/port.ts';
import { markStaleName, type PgHerdError } from '../../model/errors.ts';
import { type Row, type Statement, unnamedText } from '../../model/statement.ts';
import type { Prepared } from '../content/names.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readArray, readRow } from '../content/rows.ts';
import { hinted, type ServerError } from '../content/server-error.ts';
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
import { closeObsolete, KNOWN, PARSED, type SingleOwner, typesOf, UNNAMED, writeUnknown } from './single.ts';

/** A name for each statement of a batch, new or known; `undefined` for none. */
export type BatchNames = readonly (Prepared | undefined)[];

/**
 * Statements in one round trip: Parse, Bind, Describe and Execute for each, or Bind and Execute where a name is known, and one Sync
 * behind all of them. Outside a transaction that makes one of them: the server commits at the Sync, or undoes everything at the first
 * error.
 */
export class BatchEntry implements Entry {
  state: State = 'parse';
  shape: Shape = UNNAMED;
  partsLeft: number;
  closesLeft = 0;
  readonly #line: Line;
  readonly #statements: readonly Statement[];
  readonly #resolve: (results: DriverResult[]) => void;
  readonly #reject: (error: unknown) => void;
  readonly #owner: SingleOwner;
  readonly #names: BatchNames;
  /** Shapes of the parts; that of the next one holds as soon as the one before has ended. */
  readonly #shapes: Shape[] = [];
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
    owner: SingleOwner,
    names: BatchNames = NO_NAMES,
  ) {
    this.#line = line;
    this.#statements = statements;
    this.#owner = owner;
    this.#names = names;
    this.#resolve = resolve;
    this.#reject = reject;
    this.partsLeft = statements.length - 1;
  }

  get columns(): Columns | undefined {
    return this.#columns ?? this.#prepared?.columns;
  }

  get #prepared(): Prepared | undefined {
    return this.#names[this.#results.length];
  }

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what cannot be sent; nothing was written then. */
  send(): void {
    const values = this.#statements.map(checkedValues);
    const { writer } = this.#line;
    this.closesLeft = closeObsolete(this.#line);
    let parsed: string | undefined;
    for (const [index, statement] of this.#statements.entries()) {
      const prepared = this.#names[index];
      const own = values[index] ?? [];
      const text = prepared === undefined ? unnamedText(statement) : statement.text;
      if (prepared?.columns !== undefined) {
        prepared.used = true;
        writer.bind(prepared.name, own);
      } else if (prepared === undefined && text === parsed) {
        // The same text as the one before is parsed once: the unnamed statement stays until the next Parse.
        writer.bind('', own);
        writer.describePortal();
      } else writeUnknown(writer, text, own, prepared);
      if (prepared === undefined) parsed = text;
      this.#shapes.push(shapeOf(prepared));
      writer.execute('');
    }
    writer.sync();
    this.shape = this.#shapes[0] ?? UNNAMED;
    if (this.shape === KNOWN) this.state = 'bind';
    this.#line.push(this);
  }

  parsed(): void {
    const prepared = this.#prepared;
    if (prepared !== undefined) prepared.parsed = true;
  }

  takes(parameters: readonly number[]): void {
    const prepared = this.#prepared;
    if (prepared !== undefined) prepared.parameters = parameters;
  }

  described(columns: Columns): void {
    this.#columns = columns;
    const prepared = this.#prepared;
    if (prepared !== undefined) prepared.columns = columns;
    this.#readers = undefined;
  }

  row(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    const statement = this.#statements[this.#results.length];
    try {
      const columns = this.columns ?? NO_COLUMNS;
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
    this.#results.push({ rows: this.#rows, rowCount, fields: (this.columns ?? NO_COLUMNS).fields, command });
    this.#rows = [];
    this.#columns = undefined;
    this.#readers = undefined;
    this.shape = this.#shapes[this.#results.length] ?? UNNAMED;
  }

  suspended(): void {}
  copying(): void {}
  copied(): void {}

  refused(error: ServerError): void {
    this.#error = error;
  }

  settled(status: ReadyStatus): void {
    if (this.#names.length > 0) this.#judgeNames(status);
    if (this.#error !== undefined) this.#reject(this.#placed(this.#error));
    else if (this.#unread !== undefined) this.#reject(this.#unread);
    else this.#resolve(this.#results);
  }

  lost(phase: LostPhase, reason: unknown): void {
    if (phase !== 'sent') this.#reject(lossOf(phase, reason));
    else this.#reject(this.#error === undefined ? reason : this.#placed(this.#error));
  }

  /** A name that was not parsed to its end cannot be relied on, nor one that may be the reason for the error. */
  #judgeNames(status: ReadyStatus): void {
    for (const [index, prepared] of this.#names.entries()) {
      const statement = this.#statements[index];
      if (prepared === undefined || statement === undefined) continue;
      if (prepared.columns === undefined) this.#owner.dropName(statement, prepared);
      else if (index === this.#results.length && this.#shapes[index] === KNOWN)
        this.#judgeName(statement, prepared, status);
    }
  }

  #judgeName(statement: Statement, prepared: Prepared, status: ReadyStatus): void {
    const error = this.#error;
    if (error === undefined || stalenessOf(error) === 'none') return;
    this.#owner.dropName(statement, prepared);
    this.#owner.staleName(statement.text);
    if (status !== 'idle') markStaleName(error);
  }

  /** An error that comes with the commit, as of a deferred constraint, belongs to no statement. */
  #placed(error: ServerError): ServerError {
    const index = this.#results.length;
    const statement = this.#statements[index];
    return statement === undefined ? error : Object.assign(hinted(error, statement), { index });
  }
}

const NO_NAMES: BatchNames = Object.freeze([]);

function shapeOf(prepared: Prepared | undefined): Shape {
  if (prepared === undefined) return UNNAMED;
  return prepared.columns === undefined ? PARSED : KNOWN;
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
