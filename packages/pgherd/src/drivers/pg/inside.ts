import type { DriverResult } from '../../connection/port.ts';
import { messageOf, PgHerdError } from '../../model/errors.ts';
import type { Row } from '../../model/statement.ts';
import type { PgAuthenticationWire } from './authentication.ts';
import type { ParsedWire } from './checked-parser.ts';

/**
 * The parts of `pg` that the adapter stands on. `connection` is not public API: the events of the wire and
 * the socket are to be had nowhere else, and `pg` 8.16 to 8.23 have them in this shape.
 */
export type PgWire = PgAuthenticationWire &
  ParsedWire & {
    on(
      event: 'parameterStatus',
      fn: (message: { parameterName: string; parameterValue: string }) => void,
    ): void;
    on(event: 'readyForQuery', fn: (message: { status?: string }) => void): void;
    on(event: 'commandComplete', fn: (message: { text: string }) => void): void;
    readonly stream: {
      destroy(): void;
      readonly writable: boolean;
      write(bytes: Buffer): boolean;
      readonly bytesRead: number;
      /** Bytes that the system, or TLS, has not taken yet. */
      readonly writableLength: number;
      readonly remoteAddress?: string | undefined;
      ref?(): void;
      unref?(): void;
    };
    parsedStatements: Record<string, string>;
  };

export interface PgResult {
  readonly rows: Row[];
  readonly rowCount: number | null;
  readonly fields: { name: string; dataTypeID: number; tableID: number; columnID: number }[];
  readonly command: string;
}

export type PgCallback = (error: unknown, result: PgResult | PgResult[]) => void;

/** A client seen from inside: its connection, and `query` in its callback form for any configuration. */
export interface PgInside {
  readonly connection: PgWire;
  query(config: object, callback: PgCallback): void;
  /** Of the server's BackendKeyData. */
  readonly processID?: number | null | undefined;
  readonly secretKey?: number | null | undefined;
  /** `false` from the first error of the connection on. */
  readonly _queryable?: boolean;
}

/** `pg` says so of a statement that it got after the connection had failed: it throws it away. */
export function isNotQueryable(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith('is not queryable');
}

/** The error for a statement that `pg` itself did not like. */
export function refused(cause: unknown): PgHerdError {
  const why = messageOf(cause);
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', `pg refused the statement and did not send it: ${why}`, {
    cause,
  });
}

/** The port's result of the last statement. */
export function toResult(result: PgResult | PgResult[]): DriverResult {
  const last = Array.isArray(result) ? result.at(-1) : result;
  if (last === undefined) return { rows: [], rowCount: null, fields: [], command: '' };
  const { rows, rowCount, fields, command } = last;
  return { rows, rowCount, fields, command };
}
