import type { DriverConnection } from '../connection/port.ts';
import { type Field, ownStatement, type Row } from '../model/statement.ts';
import { parseBackendPid, parseClock, parseStart, SOURCE_MISSING, START_QUESTION } from '../monitor/start.ts';
import { classifyError } from '../retry/classify.ts';

/** What a connection shows of its server. */
export type ShownStart =
  /** When it was started, microseconds since 1970 by its own clock. */
  | {
      readonly kind: 'shown';
      readonly startedAt: string;
      readonly backendPid: number | undefined;
      /** The server's clock, microseconds since 1970. */
      readonly clockUs: string | undefined;
    }
  /** The server lacks the function, forbids it, or gives no number. */
  | { readonly kind: 'withheld'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Asks a fresh connection when its server was started. What is sent behind the question may be answered in the same flight, but
 * always after it: `answered` is called before any such answer is delivered, if the connection can send statements behind others.
 */
export function askStart(connection: DriverConnection, answered: (shown: ShownStart) => void): void {
  const failed = (error: unknown) => answered(failedStart(error));
  if (connection.pipeline === undefined) {
    connection.simple(START_QUESTION).then(({ rows }) => answered(startIn(rows)), failed);
    return;
  }
  connection.pipeline({
    statement: ownStatement(START_QUESTION),
    prepare: false,
    answered: (rows: Row[], _rowCount: number | null, _fields: readonly Field[]) => answered(startIn(rows)),
    failed,
  });
}

function startIn(rows: readonly Row[]): ShownStart {
  const startedAt = parseStart(rows[0]);
  return startedAt === undefined
    ? { kind: 'withheld', reason: 'the server gave no number' }
    : { kind: 'shown', startedAt, backendPid: parseBackendPid(rows[0]), clockUs: parseClock(rows[0]) };
}

function failedStart(error: unknown): ShownStart {
  const { sqlState } = classifyError(error);
  return sqlState !== undefined && SOURCE_MISSING.has(sqlState)
    ? { kind: 'withheld', reason: `SQLSTATE ${sqlState}` }
    : { kind: 'failed', error };
}

/** A look at the server of a session, until it has ended. */
export interface Looking {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/** A look that has begun. */
export function looking(): Looking {
  let end: Omit<Looking, 'promise'> | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    end = { resolve, reject };
  });
  // Nothing may be waiting for it.
  promise.catch(() => undefined);
  return { promise, resolve: () => end?.resolve(), reject: (error) => end?.reject(error) };
}

/** Sends the setting behind what is in flight. A SET as such would count as the caller's change of the session. */
export function setBehind(connection: DriverConnection, value: 'on' | 'off'): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.pipeline?.({
      statement: ownStatement(
        `select pg_catalog.set_config('default_transaction_read_only', '${value}', false)`,
      ),
      prepare: false,
      answered: () => resolve(),
      failed: reject,
    });
  });
}
