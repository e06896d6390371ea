import type { DriverCapabilities } from '../../connection/port.ts';

/** What the adapter of `pg` can do; known before `pg` is loaded. */
export const PG_CAPABILITIES: DriverCapabilities = Object.freeze({
  parameterStatus: true,
  transactionStatus: true,
  cancel: true,
  pipelining: true,
  batch: true,
  cursor: true,
  copy: true,
  notifications: true,
});
