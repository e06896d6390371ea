import type { DriverResult } from '../../connection/port.ts';
import type { Row, TypeParsers } from '../../model/statement.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readRow } from '../content/rows.ts';
import type { ServerError } from '../content/server-error.ts';
import type { ReadyStatus } from '../content/status.ts';
import { readTag } from '../content/tag.ts';
import type { ReadValue } from '../content/text.ts';
import { checkText } from '../content/writer.ts';
import { unreadable } from '../failures.ts';
import type { Shape, State } from './automaton.ts';
import type { Entry, LostPhase } from './entry.ts';
import type { Line } from './line.ts';
import { lossOf } from './losses.ts';

const SIMPLE: Shape = Object.freeze({ describes: 'none', simple: true, copy: 'either' });
const EMPTY: DriverResult = Object.freeze({ rows: [], rowCount: null, fields: [], command: '' });

/** Text by the simple protocol, with any number of statements; its result is that of the last one. */
export class SimpleEntry implements Entry {
  state: State = 'rows';
  readonly shape = SIMPLE;
  partsLeft = 0;
  closesLeft = 0;
  readonly #line: Line;
  readonly #types: TypeParsers;
  readonly #resolve: (result: DriverResult) => void;
  readonly #reject: (error: unknown) => void;
  #columns: Columns | undefined;
  #readers: readonly ReadValue[] = [];
  #rows: Row[] = [];
  #result: DriverResult = EMPTY;
  #error: ServerError | undefined;
  #unread: unknown;

  constructor(
    line: Line,
    types: TypeParsers,
    resolve: (result: DriverResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#line = line;
    this.#types = types;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get columns(): Columns | undefined {
    return this.#columns;
  }

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a text with a NUL character. */
  send(text: string): void {
    checkText(text);
    this.#line.writer.query(text);
    this.#line.push(this);
  }

  parsed(): void {}

  described(columns: Columns): void {
    this.#columns = columns;
    this.#rows = [];
    try {
      this.#readers = readersOf(columns, this.#types);
    } catch (error) {
      this.#unread ??= unreadable(error);
    }
  }

  row(bytes: Buffer, start: number): void {
    if (this.#unread !== undefined) return;
    try {
      this.#rows.push(readRow(bytes, start, this.#columns ?? NO_COLUMNS, this.#readers));
    } catch (error) {
      this.#unread = unreadable(error);
    }
  }

  completed(tag: string): void {
    this.#line.endedAside(tag);
    const { command, rowCount } = readTag(tag);
    this.#result = { rows: this.#rows, rowCount, fields: (this.#columns ?? NO_COLUMNS).fields, command };
    this.#columns = undefined;
    this.#rows = [];
  }

  suspended(): void {}

  copying(way: 'in' | 'out'): void {
    if (way === 'out') return;
    this.#line.writer.copyFail('COPY FROM STDIN needs the verb copyFrom');
    this.#line.flush();
  }

  copied(): void {}

  refused(error: ServerError): void {
    this.#error = error;
  }

  settled(_status: ReadyStatus): void {
    const error = this.#error ?? this.#unread;
    if (error === undefined) this.#resolve(this.#result);
    else this.#reject(error);
  }

  lost(phase: LostPhase, reason: unknown): void {
    this.#reject(phase === 'sent' ? (this.#error ?? reason) : lossOf(phase, reason));
  }
}
