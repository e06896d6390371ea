import type { DriverCapabilities } from '../../connection/port.ts';
import type { TypeParsers } from '../../model/statement.ts';
import type { Clock } from '../../time/port.ts';

export const WIRE_CAPABILITIES: DriverCapabilities = Object.freeze({
  parameterStatus: true,
  transactionStatus: true,
  cancel: true,
  pipelining: true,
  batch: true,
  cursor: true,
  copy: true,
  notifications: true,
});

/** Options of `wireDriver`. */
export interface WireOptions {
  /** Parsers of values. Default: those of `pg-types`. */
  readonly types?: TypeParsers | undefined;
  /** Most iterations of SCRAM that a server may ask for. Default 100,000. */
  readonly scramMaxIterations?: number | undefined;
  /** Age at which a prepared statement is given up, milliseconds; 0 for never. Default 30,000. */
  readonly prepareMaxAgeMs?: number | undefined;
  /** The clock for that. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Longest message that is accepted after the login, bytes. Default: the longest that the protocol has, 1 GiB. */
  readonly maxMessageBytes?: number | undefined;
}
