import { FAILED_TRANSACTION, IDLE, IN_TRANSACTION } from './codes.ts';
import { protocolError } from './reader.ts';

/** Transaction status of a ReadyForQuery. */
export type ReadyStatus = 'idle' | 'in-transaction' | 'failed';

/** Reads the body of a ReadyForQuery. */
export function readStatus(bytes: Buffer, start: number, end: number): ReadyStatus {
  switch (end - start === 1 ? bytes[start] : undefined) {
    case IDLE:
      return 'idle';
    case IN_TRANSACTION:
      return 'in-transaction';
    case FAILED_TRANSACTION:
      return 'failed';
    default:
      throw protocolError('ReadyForQuery has an impossible transaction status');
  }
}
