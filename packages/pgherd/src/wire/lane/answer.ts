import type { PipelinedStatement } from '../../connection/port.ts';
import type { Row } from '../../model/statement.ts';
import { unreadable } from '../failures.ts';
import type { Prepared } from './names.ts';
import {
  type Columns,
  NO_COLUMNS,
  type ParseText,
  parsersOf,
  readArray,
  readRow,
  type TypeParsers,
} from './rows.ts';

/** A statement that was written, or is about to be. */
export interface SentStatement {
  readonly one: PipelinedStatement;
  readonly prepared: Prepared | undefined;
  /** Whether the name existed before it was sent, so that its columns are known. */
  readonly named: boolean;
  /** Whether it was sent a second time because its name had become invalid. */
  readonly again: boolean;
}

/**
 * What the server has answered to the statement at the head, so far. One object, used for one statement after
 * the other.
 */
export class Answer {
  readonly #types: TypeParsers;
  #rows: Row[] = [];
  #columns: Columns | undefined;
  #parsers: readonly ParseText[] | undefined;
  #tag: string | undefined;
  #refusal: Error | undefined;
  #unread: Error | undefined;

  /** `types`: the parsers for statements that bring none. */
  constructor(types: TypeParsers) {
    this.#types = types;
  }

  /** The server's error, which counts more than a row that could not be read. */
  get error(): Error | undefined {
    return this.#refusal ?? this.#unread;
  }

  /** The server's error. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Whether CommandComplete has come. */
  get isComplete(): boolean {
    return this.#tag !== undefined;
  }

  described(columns: Columns): void {
    this.#columns = columns;
  }

  refused(error: Error): void {
    this.#refusal = error;
  }

  completed(tag: string): void {
    this.#tag = tag;
  }

  /** The body of a DataRow. */
  addRow(bytes: Buffer, start: number, sent: SentStatement): void {
    if (this.#unread !== undefined) return;
    const { statement } = sent.one;
    try {
      const columns = this.#columns ?? sent.prepared?.columns ?? NO_COLUMNS;
      this.#parsers ??= parsersOf(columns, parsersIn(statement.types) ?? this.#types);
      if (statement.rowMode === 'array') {
        // In this form a row is no record; the port's type holds for the common form only.
        this.#rows.push(readArray(bytes, start, this.#parsers) as unknown as Row);
      } else this.#rows.push(readRow(bytes, start, columns, this.#parsers));
    } catch (error) {
      // The rest of the answer must be read all the same.
      this.#unread = unreadable(error);
    }
  }

  /** Hands the result to its statement. */
  deliver({ one, prepared }: SentStatement): void {
    const rows = this.#rows;
    const tag = this.#tag ?? '';
    const columns = this.#columns ?? prepared?.columns ?? NO_COLUMNS;
    this.clear();
    const space = tag.indexOf(' ');
    const command = space < 0 ? tag : tag.slice(0, space);
    one.answered(rows, rowCountOf(tag, space), columns.fields, command);
  }

  /** Begins the answer to the next statement. */
  clear(): void {
    this.#rows = [];
    this.#columns = undefined;
    this.#parsers = undefined;
    this.#tag = undefined;
    this.#refusal = undefined;
    this.#unread = undefined;
  }
}

/** The row count of a command tag: its last word. */
function rowCountOf(tag: string, space: number): number | null {
  if (space < 0) return null;
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return Number.isNaN(count) ? null : count;
}

function parsersIn(types: unknown): TypeParsers | undefined {
  return typeof types === 'object' && types !== null && 'getTypeParser' in types
    ? (types as TypeParsers)
    : undefined;
}
