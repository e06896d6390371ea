import type { DriverCursor } from '../../connection/port.ts';
import { type Row, type Statement, unnamedText } from '../../model/statement.ts';
import { readersOf } from '../content/readers.ts';
import { type Columns, NO_COLUMNS, readArray, readRow } from '../content/rows.ts';
import { hinted, type ServerError } from '../content/server-error.ts';
import type { ReadValue } from '../content/text.ts';
import { wireValues } from '../content/values.ts';
import { checkText, checkValueCount } from '../content/writer.ts';
import { unreadable } from '../failures.ts';
import type { Shape, State } from './automaton.ts';
import type { Entry, LostPhase } from './entry.ts';
import type { Line } from './line.ts';
import { lossOf } from './losses.ts';
import { typesOf } from './single.ts';

interface Reading {
  readonly count: number;
  readonly resolve: (part: { readonly rows: Row[]; readonly done: boolean }) => void;
  readonly reject: (error: unknown) => void;
}

const OPENS: Shape = Object.freeze({ describes: 'portal', limited: true });
const GOES_ON: Shape = Object.freeze({ describes: 'none', limited: true });

/**
 * A portal that is executed a few rows at a time. Inside a transaction it has a name and each part ends with a Sync, so that other
 * statements can run in between. Outside of one a Sync would end the portal: there the connection belongs to the cursor until its
 * last row, and the Sync at the end is what commits.
 *
 * `new` until the first read; `reading` while rows are awaited; `suspended` between two parts; then `done`.
 */
export class Cursor implements DriverCursor {
  readonly #line: Line;
  readonly #statement: Statement;
  readonly #portal: string;
  #state: 'new' | 'reading' | 'suspended' | 'done' = 'new';
  #exclusive = true;
  #columns: Columns | undefined;
  #readers: readonly ReadValue[] | undefined;
  #reading: Reading | undefined;
  /** What came while no read was waiting, or a row that could not be read. */
  #failure: { readonly error: unknown } | undefined;
  #complete = false;
  #rows: Row[] = [];
  #entry: Part | undefined;
  /** Called when the connection is ready again after an early end. */
  #onClosed: (() => void) | undefined;

  constructor(line: Line, statement: Statement, portal: string) {
    this.#line = line;
    this.#statement = statement;
    this.#portal = portal;
  }

  get exclusive(): boolean {
    return this.#state === 'new' ? !this.#line.inTransaction : this.#exclusive;
  }

  get fields(): DriverCursor['fields'] {
    return (this.#columns ?? NO_COLUMNS).fields;
  }

  read(count: number): Promise<{ readonly rows: Row[]; readonly done: boolean }> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#state === 'done') return Promise.resolve({ rows: [], done: true });
    const closed = this.#line.loss();
    if (closed !== undefined) return Promise.reject(closed);
    return new Promise((resolve, reject) => {
      this.#reading = { count, resolve, reject };
      const isNew = this.#state === 'new';
      this.#state = 'reading';
      if (isNew)
        this.#line.whenIdle(
          () => this.#open(),
          (error) => this.#lost(error),
        );
      else if (this.#exclusive) this.#goOn();
      else
        this.#line.whenIdle(
          () => this.#nextPart(),
          (error) => this.#lost(error),
        );
    });
  }

  close(): Promise<void> {
    if (this.#state === 'new') this.#state = 'done';
    if (this.#state === 'done' || this.#line.loss() !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      // A part that is on its way comes first.
      if (this.#state === 'suspended') this.#end();
    });
  }

  #open(): void {
    this.#exclusive = !this.#line.inTransaction;
    const { text, values } = this.#statement;
    try {
      const wire = wireValues(values);
      checkValueCount(wire.length);
      checkText(text);
      const { writer } = this.#line;
      writer.parse('', unnamedText(this.#statement));
      writer.bind('', wire, this.#portalName);
      writer.describePortal(this.#portalName);
    } catch (error) {
      this.#lost(error);
      return;
    }
    this.#line.begins(text);
    this.#push(OPENS, 'parse');
    this.#execute();
  }

  get #portalName(): string {
    return this.#exclusive ? '' : this.#portal;
  }

  #nextPart(): void {
    this.#push(GOES_ON, 'rows');
    this.#execute();
  }

  /** The portal is the head of the connection already: it goes on where it stopped. */
  #goOn(): void {
    if (this.#entry !== undefined) this.#entry.state = 'rows';
    this.#execute();
  }

  #push(shape: Shape, state: State): void {
    this.#entry = new Part(this, shape, state);
    this.#line.push(this.#entry);
  }

  #execute(): void {
    const { writer } = this.#line;
    writer.execute(this.#portalName, this.#reading?.count ?? 0);
    if (this.#exclusive) writer.flush();
    else writer.sync();
    this.#line.flush();
  }

  /** Gives the portal up: an exclusive one ends with the Sync. */
  #end(): void {
    this.#state = 'done';
    if (this.#exclusive) {
      this.#line.writer.sync();
      this.#line.flush();
      return;
    }
    this.#line.whenIdle(
      () => {
        this.#line.writer.closePortal(this.#portalName);
        this.#line.writer.sync();
        this.#line.push(new Closing(() => this.#onClosed?.()));
        this.#line.flush();
      },
      () => this.#onClosed?.(),
    );
  }

  get columns(): Columns | undefined {
    return this.#columns;
  }

  described(columns: Columns): void {
    this.#columns = columns;
  }

  take(bytes: Buffer, start: number): void {
    if (this.#failure !== undefined) return;
    try {
      const columns = this.#columns ?? NO_COLUMNS;
      this.#readers ??= readersOf(columns, typesOf(this.#statement.types) ?? this.#line.types);
      const row =
        this.#statement.rowMode === 'array'
          ? (readArray(bytes, start, this.#readers) as unknown as Row)
          : readRow(bytes, start, columns, this.#readers);
      this.#rows.push(row);
    } catch (error) {
      this.#failure = { error: unreadable(error) };
    }
  }

  completed(tag: string): void {
    this.#complete = true;
    this.#line.ended(tag);
    if (!this.#exclusive) return;
    this.#line.writer.sync();
    this.#line.flush();
  }

  suspended(): void {
    if (this.#exclusive) this.#settle();
  }

  refused(error: ServerError): ServerError {
    this.#skip();
    return hinted(error, this.#statement);
  }

  #skip(): void {
    // After an error the server skips everything up to the Sync, which is still to come.
    if (!this.#exclusive) return;
    this.#line.writer.sync();
    this.#line.flush();
  }

  ready(error: ServerError | undefined): void {
    if (error !== undefined) this.#lost(error);
    else if (this.#onClosed !== undefined && this.#state === 'done') this.#onClosed();
    else this.#settle();
  }

  lost(error: unknown): void {
    this.#lost(error);
  }

  /** A part is there, for the read that asked for it. */
  #settle(): void {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#state = this.#complete ? 'done' : 'suspended';
    const rows = this.#rows;
    this.#rows = [];
    if (this.#failure !== undefined) reading?.reject(this.#failure.error);
    else reading?.resolve({ rows, done: this.#complete });
    // A portal with a name would stay until the transaction ends.
    if (this.#onClosed === undefined ? this.#complete && !this.#exclusive : !this.#complete) this.#end();
    else this.#onClosed?.();
  }

  #lost(error: unknown): void {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#state = 'done';
    this.#failure = { error };
    reading?.reject(error);
    this.#onClosed?.();
  }
}

/** One Execute of a cursor, or all of them if no other statement can run in between. */
class Part implements Entry {
  state: State;
  shape: Shape;
  partsLeft = 0;
  closesLeft = 0;
  readonly #cursor: Cursor;
  #error: ServerError | undefined;

  constructor(cursor: Cursor, shape: Shape, state: State) {
    this.#cursor = cursor;
    this.shape = shape;
    this.state = state;
  }

  get columns(): Columns | undefined {
    return this.#cursor.columns;
  }

  parsed(): void {}
  described(columns: Columns): void {
    this.#cursor.described(columns);
  }
  row(bytes: Buffer, start: number): void {
    this.#cursor.take(bytes, start);
  }
  completed(tag: string): void {
    this.#cursor.completed(tag);
  }
  suspended(): void {
    this.#cursor.suspended();
  }
  copying(): void {}
  copied(): void {}
  refused(error: ServerError): void {
    this.#error = this.#cursor.refused(error);
  }
  settled(): void {
    this.#cursor.ready(this.#error);
  }
  lost(phase: LostPhase, reason: unknown): void {
    this.#cursor.lost(phase === 'sent' ? (this.#error ?? reason) : lossOf(phase, reason));
  }
}

/** Close of a portal, and its Sync. */
class Closing implements Entry {
  state: State = 'done';
  readonly shape = GOES_ON;
  partsLeft = 0;
  closesLeft = 1;
  readonly columns = undefined;
  readonly #ended: () => void;

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  parsed(): void {}
  described(): void {}
  row(): void {}
  completed(): void {}
  suspended(): void {}
  copying(): void {}
  copied(): void {}
  refused(): void {}
  settled(): void {
    this.#ended();
  }
  lost(): void {
    this.#ended();
  }
}
