/**
 * The port between pgherd and what opens its connections, for those who put something else in the place of pgherd's own wire.
 *
 * @packageDocumentation
 */
export type {
  ConnectionListener,
  ConnectRequest,
  Driver,
  DriverCapabilities,
  DriverConnection,
  DriverCopyIn,
  DriverCopyOut,
  DriverCursor,
  DriverResult,
  Notification,
  PerTransaction,
  PipelinedStatement,
  ServerMessage,
  TlsRequest,
  Traffic,
  TransactionStatus,
} from '../connection/port.ts';
export type { TypeParsers } from '../model/statement.ts';
export { wireDriver } from '../wire/connection/driver.ts';
export type { WireOptions } from '../wire/connection/options.ts';
export { createClusterOver } from './cluster.ts';
