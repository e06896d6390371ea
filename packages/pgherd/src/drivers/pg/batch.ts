import type { DriverResult } from '../../connection/port.ts';
import type { Statement } from '../../model/statement.ts';
import { unreadable } from '../../wire/failures.ts';
import {
  collected,
  type PgGate,
  type PgQueryObject,
  type PgTask,
  type PgTaskWire,
  pgTask,
  queryObject,
  sendAll,
} from './task.ts';

/**
 * Runs statements in one round trip: Parse, Bind, Describe and Execute for each, and one Sync behind all of
 * them. Outside a transaction that makes one of them: the server commits at the Sync, or undoes everything at
 * the first error.
 */
export function runBatch(gate: PgGate, statements: readonly Statement[]): Promise<DriverResult[]> {
  const closed = gate.closed();
  if (closed !== undefined) return Promise.reject(closed);
  return new Promise((resolve, reject) => {
    const batch = new PgBatch(gate, statements, { resolve, reject });
    gate.run(batch.task, statements.map(({ text }) => text).join(';\n'));
  });
}

interface Settle {
  readonly resolve: (results: DriverResult[]) => void;
  readonly reject: (error: unknown) => void;
}

class PgBatch {
  readonly task: PgTask;
  readonly #queries: readonly PgQueryObject[];
  readonly #statements: readonly Statement[];
  /** What could not be written, or was written and could not be read; the server knows nothing of either. */
  #refusal: { readonly error: unknown } | undefined;
  #done = 0;

  constructor(gate: PgGate, statements: readonly Statement[], { resolve, reject }: Settle) {
    this.#statements = statements;
    this.#queries = statements.map((statement) =>
      queryObject(gate, statement, '', (error) => {
        this.#refusal ??= { error };
      }),
    );
    const count = () => {
      this.#done++;
    };
    this.task = pgTask({
      submit: (wire) => this.#submit(wire),
      handleRowDescription: ({ fields }) => this.#queries[this.#done]?._result.addFields(fields),
      handleDataRow: ({ fields }) => this.#take(fields),
      handleEmptyQuery: count,
      handleCommandComplete: (message) => {
        this.#queries[this.#done]?._result.addCommandComplete(message);
        count();
      },
      handleReadyForQuery: () => {
        if (this.#refusal === undefined) resolve(this.#queries.map(resultOf));
        else reject(this.#refusal.error);
      },
      handleError: (error) => gate.fail(error, (failure) => reject(this.#placed(failure))),
    });
  }

  #submit(wire: PgTaskWire): Error | null {
    const parts = collected(wire, (collector) => this.#write(collector));
    if (this.#refusal === undefined) {
      sendAll(wire, parts);
      return null;
    }
    const { error } = this.#refusal;
    return error instanceof Error ? error : new Error(String(error));
  }

  /** The same text as the one before is parsed once: the unnamed statement stays until the next Parse. */
  #write(collector: PgTaskWire): void {
    const { parse, sync } = collector;
    let parsed: string | undefined;
    collector.parse = (message) => {
      if (message.text !== parsed) parse.call(collector, message);
      parsed = message.text;
    };
    collector.sync = () => undefined;
    for (const query of this.#queries) {
      query.prepare(collector);
      if (this.#refusal !== undefined) return;
      this.#done++;
    }
    this.#done = 0;
    sync.call(collector);
  }

  #take(fields: unknown[]): void {
    const result = this.#queries[this.#done]?._result;
    if (result === undefined || this.#refusal !== undefined) return;
    try {
      result.rows.push(result.parseRow(fields));
    } catch (error) {
      this.#refusal = { error: unreadable(error) };
    }
  }

  /** An error that comes with the commit, as of a deferred constraint, belongs to no statement. */
  #placed(error: unknown): unknown {
    const index = this.#done;
    const extensible = typeof error === 'object' && error !== null && Object.isExtensible(error);
    return extensible && index < this.#statements.length ? Object.assign(error, { index }) : error;
  }
}

function resultOf({ _result }: PgQueryObject): DriverResult {
  const { rows, rowCount, fields, command } = _result;
  return { rows, rowCount, fields, command: command ?? '' };
}
