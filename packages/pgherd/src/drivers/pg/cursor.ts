import type { DriverCursor } from '../../connection/port.ts';
import type { Row, Statement } from '../../model/statement.ts';
import { isServerError, unreadable } from '../../wire/failures.ts';
import {
  collected,
  type PgGate,
  type PgQueryObject,
  type PgTaskWire,
  pgTask,
  queryObject,
  sendAll,
} from './task.ts';

interface Reading {
  readonly count: number;
  readonly resolve: (part: { readonly rows: Row[]; readonly done: boolean }) => void;
  readonly reject: (error: unknown) => void;
}

let portals = 0;

/**
 * A portal that is executed a few rows at a time. Inside a transaction it has a name and each part ends with
 * a Sync, so that other statements can run in between. Outside of one a Sync would end the portal: there the
 * connection belongs to the cursor until its last row, and the Sync at the end is what commits.
 *
 * `new` until the first read; `reading` while rows are awaited; `suspended` between two parts; then `done`,
 * permanently.
 */
export class PgCursor implements DriverCursor {
  readonly #gate: PgGate;
  readonly #statement: Statement;
  #state: 'new' | 'reading' | 'suspended' | 'done' = 'new';
  #exclusive = true;
  #portal = '';
  #query: PgQueryObject | undefined;
  #reading: Reading | undefined;
  /** An error that came while no read was pending, or a row that could not be read. */
  #failure: { readonly error: unknown } | undefined;
  #complete = false;
  #rows: Row[] = [];
  /** Called when the connection is ready again after an early end. */
  #onClosed: (() => void) | undefined;

  constructor(gate: PgGate, statement: Statement) {
    this.#gate = gate;
    this.#statement = statement;
  }

  get exclusive(): boolean {
    return this.#state === 'new' ? !this.#gate.inTransaction : this.#exclusive;
  }

  get fields(): DriverCursor['fields'] {
    return this.#query?._result.fields ?? [];
  }

  read(count: number): Promise<{ readonly rows: Row[]; readonly done: boolean }> {
    const failure = this.#failure;
    if (failure !== undefined) return Promise.reject(failure.error);
    if (this.#state === 'done') return Promise.resolve({ rows: [], done: true });
    const closed = this.#gate.closed();
    if (closed !== undefined) return Promise.reject(closed);
    return new Promise((resolve, reject) => {
      this.#reading = { count, resolve, reject };
      if (this.#state === 'new') this.#open();
      else if (this.#exclusive) this.#goOn(this.#gate.wire);
      else this.#run((wire) => this.#goOn(wire));
      this.#state = 'reading';
    });
  }

  close(): Promise<void> {
    if (this.#state === 'new') this.#state = 'done';
    if (this.#state === 'done' || this.#gate.closed() !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      // A read that is pending is completed first.
      if (this.#state === 'suspended') this.#end();
    });
  }

  #open(): void {
    this.#exclusive = !this.#gate.inTransaction;
    if (!this.#exclusive) {
      portals++;
      this.#portal = `pgherd_${portals}`;
    }
    let refusal: { readonly error: unknown } | undefined;
    const query = queryObject(this.#gate, this.#statement, this.#portal, (error) => {
      refusal ??= { error };
    });
    this.#query = query;
    this.#run((wire) => {
      const parts = collected(wire, (collector) => {
        collector.execute = () => undefined;
        collector.sync = () => undefined;
        query.prepare(collector);
      });
      if (refusal !== undefined) {
        const { error } = refusal;
        return error instanceof Error ? error : new Error(String(error));
      }
      sendAll(wire, parts);
      this.#goOn(wire);
      return null;
    });
  }

  /** Asks for the next part. */
  #goOn(wire: PgTaskWire): null {
    wire.execute({ portal: this.#portal, rows: this.#reading?.count });
    if (this.#exclusive) wire.flush();
    else wire.sync();
    return null;
  }

  /** Closes the portal: an exclusive one ends with the Sync. */
  #end(): void {
    const { wire } = this.#gate;
    this.#state = 'done';
    if (this.#exclusive) {
      wire.sync();
      return;
    }
    const task = pgTask({
      submit: (toServer) => {
        toServer.close({ type: 'P', name: this.#portal });
        toServer.sync();
        return null;
      },
      handleReadyForQuery: () => this.#onClosed?.(),
      handleError: (error) => this.#gate.fail(error, () => this.#onClosed?.()),
    });
    this.#gate.run(task, '');
  }

  #run(submit: (wire: PgTaskWire) => Error | null): void {
    const { wire } = this.#gate;
    const task = pgTask({
      submit,
      handleRowDescription: ({ fields }) => this.#query?._result.addFields(fields),
      handleDataRow: ({ fields }) => this.#take(fields),
      handlePortalSuspended: () => {
        if (this.#exclusive) this.#settle();
      },
      handleEmptyQuery: () => this.#completed(wire),
      handleCommandComplete: () => this.#completed(wire),
      handleReadyForQuery: () => {
        if (this.#onClosed !== undefined && this.#state === 'done') this.#onClosed();
        else this.#settle();
      },
      handleError: (error) => this.#failed(error),
    });
    this.#gate.run(task, this.#statement.text);
  }

  #take(fields: unknown[]): void {
    const result = this.#query?._result;
    if (result === undefined || this.#failure !== undefined) return;
    try {
      this.#rows.push(result.parseRow(fields));
    } catch (error) {
      this.#failure = { error: unreadable(error) };
    }
  }

  #completed(wire: PgTaskWire): void {
    this.#complete = true;
    if (this.#exclusive) wire.sync();
  }

  /** Settles the pending read. */
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

  #failed(error: unknown): void {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#state = 'done';
    this.#failure ??= { error };
    // After an error the server skips everything up to the Sync, which is still to come.
    if (this.#exclusive && isServerError(error)) this.#gate.wire.sync();
    this.#gate.fail(error, (failure) => {
      this.#failure = { error: failure };
      reading?.reject(failure);
      this.#onClosed?.();
    });
  }
}
