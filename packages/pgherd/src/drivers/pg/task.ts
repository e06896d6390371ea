import type { QueryResult, Row, Statement } from '../../model/statement.ts';
import type { PgCallback } from './inside.ts';
import type { Turn } from './turns.ts';

/** The messages of the frontend that a task sends by itself; `connection` of a client of `pg`. */
export interface PgTaskWire {
  readonly stream: {
    readonly writable: boolean;
    readonly writableNeedDrain?: boolean | undefined;
    write(bytes: Uint8Array): boolean;
    cork(): void;
    uncork(): void;
    pause(): unknown;
    resume(): unknown;
    once(event: 'drain' | 'close', fn: () => void): unknown;
    removeListener(event: 'drain' | 'close', fn: () => void): unknown;
  };
  parse(message: { readonly text: string; readonly name?: string | undefined }): void;
  bind(message: object): void;
  describe(message: { readonly type: 'P' | 'S'; readonly name: string }): void;
  execute(message: { readonly portal: string; readonly rows?: number | undefined }): void;
  close(message: { readonly type: 'P' | 'S'; readonly name: string }): void;
  flush(): void;
  sync(): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
  on(event: 'copyOutResponse' | 'copyDone', fn: () => void): unknown;
  removeListener(event: 'copyOutResponse' | 'copyDone', fn: () => void): unknown;
  /** Every message but `flush` goes out by this. */
  _send(bytes: Uint8Array): unknown;
}

/** What `pg` calls of something that stands in its queue in a statement's place. */
export interface PgTask {
  submit(wire: PgTaskWire): Error | null | undefined;
  handleRowDescription(message: { readonly fields: unknown[] }): void;
  handleDataRow(message: { readonly fields: unknown[] }): void;
  handlePortalSuspended(): void;
  handleEmptyQuery(): void;
  handleCommandComplete(message: { readonly text: string }): void;
  handleCopyInResponse(): void;
  handleCopyData(message: { readonly chunk: Uint8Array }): void;
  /** Not called after an error: `pg` drops the task at once. */
  handleReadyForQuery(): void;
  handleError(error: unknown): void;
}

const NOTHING = (): void => undefined;
const UNMOVED: Omit<PgTask, 'submit' | 'handleReadyForQuery' | 'handleError'> = Object.freeze({
  handleRowDescription: NOTHING,
  handleDataRow: NOTHING,
  handlePortalSuspended: NOTHING,
  handleEmptyQuery: NOTHING,
  handleCommandComplete: NOTHING,
  handleCopyInResponse: NOTHING,
  handleCopyData: NOTHING,
});

/** A task that leaves alone what it does not name. */
export function pgTask(
  handlers: Partial<PgTask> & Pick<PgTask, 'submit' | 'handleReadyForQuery' | 'handleError'>,
): PgTask {
  return { ...UNMOVED, ...handlers };
}

/** The result that `pg` builds up from the messages of one statement. */
export interface PgRows {
  readonly rows: Row[];
  readonly rowCount: number | null;
  readonly command: string | null;
  readonly fields: QueryResult['fields'];
  _types?: unknown;
  addFields(fields: unknown[]): void;
  addCommandComplete(message: { readonly text: string }): void;
  parseRow(fields: unknown[]): Row;
}

/** A statement in the shape of `pg`: it knows how its values are written and its rows are read. */
export interface PgQueryObject {
  name?: string | undefined;
  /** `extended` also without values, so that a text is one statement and its results are typed alike. */
  queryMode?: string | undefined;
  readonly _result: PgRows;
  prepare(wire: PgTaskWire): void;
}

/** `Client.Query`, which every version of `pg` has. */
export type PgQueryClass = new (
  config: object | string,
  values: readonly unknown[] | undefined,
  callback: PgCallback,
) => PgQueryObject;

/** What a task needs of the connection that runs it. */
export interface PgGate {
  readonly wire: PgTaskWire;
  readonly Query: PgQueryClass;
  /** Parsers of the client, for statements that bring none. */
  readonly types: unknown;
  /** Whether a transaction is open, as of the last ReadyForQuery. */
  readonly inTransaction: boolean;
  /** The error for what comes after the end of the connection; `undefined` while it is open. */
  closed(): Error | undefined;
  /** Puts a task into the queue; `text` is what it runs, which may change the session. */
  run(task: PgTask, text: string): void;
  /** Hands an error on, in the port's words, once the server is ready again. */
  fail(error: unknown, reject: (error: unknown) => void): void;
}

/** What a connection does for its tasks. */
export interface GateKeeper {
  inTransaction(): boolean;
  closed(): Error | undefined;
  /** Called before `text` runs. */
  begins(text: string): void;
  /** Runs it once everything before it has ended. */
  inTurn(turn: Turn): void;
  fail(error: unknown, reject: (error: unknown) => void): void;
}

interface Inside {
  readonly connection: PgTaskWire;
  readonly _types: unknown;
  readonly constructor: { readonly Query: PgQueryClass };
  query(task: PgTask): void;
}

/** The gate of a client of `pg`. */
export function gateOf(client: object, keeper: GateKeeper): PgGate {
  const inside = client as Inside;
  return {
    wire: inside.connection,
    Query: inside.constructor.Query,
    types: inside._types,
    get inTransaction() {
      return keeper.inTransaction();
    },
    closed: () => keeper.closed(),
    run: (task, text) =>
      keeper.inTurn({
        run: () => {
          keeper.begins(text);
          inside.query(task);
        },
        lost: (error) => task.handleError(error),
      }),
    fail: (error, reject) => keeper.fail(error, reject),
  };
}

/**
 * A statement as `pg` writes and reads it. `onError` is called for a value that cannot be written; nothing is
 * sent then.
 */
export function queryObject(
  gate: PgGate,
  statement: Statement,
  portal: string,
  onError: (error: unknown) => void,
): PgQueryObject {
  const { text, values, rowMode, types } = statement;
  const config: Record<string, unknown> = { text, values: values ?? [], queryMode: 'extended', portal };
  if (rowMode === 'array') config['rowMode'] = 'array';
  if (types !== undefined) config['types'] = types;
  const query = new gate.Query(config, undefined, onError);
  const { _result } = query;
  _result._types ??= gate.types;
  guardFields(_result, (cause) => {
    _result.parseRow = () => {
      throw cause;
    };
  });
  return query;
}

/** `pg` asks for the parsers of the columns at a place where an exception would end the process. */
export function guardFields(rows: PgRows, failed: (cause: unknown) => void): void {
  const { addFields } = rows;
  rows.addFields = (fields) => {
    try {
      addFields.call(rows, fields);
    } catch (cause) {
      failed(cause);
    }
  };
}

/**
 * The messages that `write` sends, held back: a value that cannot be written must not leave half of a
 * statement sent.
 */
export function collected(wire: PgTaskWire, write: (collector: PgTaskWire) => void): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const collector: PgTaskWire = Object.create(wire, {
    _send: { value: (bytes: Uint8Array) => parts.push(bytes) },
    _ending: { value: false, writable: true },
  });
  write(collector);
  return parts;
}

/** Sends what was collected, in one write. */
export function sendAll(wire: PgTaskWire, parts: readonly Uint8Array[]): void {
  if (wire.stream.writable) wire.stream.write(Buffer.concat(parts));
}
