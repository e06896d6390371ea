import type { DriverResult, ServerMessage, TransactionStatus } from '../../src/connection/port.ts';
import type { Row } from '../../src/model/statement.ts';

/** An ErrorResponse as drivers throw it. */
export class SimServerError extends Error {
  readonly severity: string;
  readonly code: string;

  constructor(severity: 'ERROR' | 'FATAL', code: string, message: string) {
    super(message);
    this.name = 'SimServerError';
    this.severity = severity;
    this.code = code;
  }
}

/** An error of the operating system. */
export class SimSystemError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'SimSystemError';
    this.code = code;
  }
}

/** What the client asks for when it connects. */
export interface Startup {
  readonly user: string;
  readonly applicationName: string;
  readonly readOnly: boolean;
}

/** What a server says on a connection. */
export type ServerSays =
  | { readonly kind: 'ready'; readonly parameters: readonly Parameter[] }
  | {
      readonly kind: 'reply';
      readonly parameters: readonly Parameter[];
      readonly outcome: DriverResult | SimServerError;
      readonly status: TransactionStatus;
    }
  | { readonly kind: 'message'; readonly message: ServerMessage }
  /** The end; without an error a bare close. */
  | { readonly kind: 'closed'; readonly error: Error | undefined };

/** A ParameterStatus. */
export type Parameter = readonly [name: string, value: string];

export function result(
  command: string,
  rows: Row[] = [],
  rowCount: number | null = rows.length,
): DriverResult {
  return { command, rows, rowCount, fields: [] };
}
