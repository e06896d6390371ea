import type { FakeAction } from '../fake/actions.ts';
import type { ConformancePgherd } from './suite.ts';

/** A message of the server with any body, well framed. */
function framed(type: string, body: readonly number[]): Buffer {
  return Buffer.from([type.charCodeAt(0), 0, 0, 0, body.length + 4, ...body]);
}

/** Everything that a server, or what stands in its place, can do wrong at any moment. */
export const FAULTS: Readonly<Record<string, FakeAction>> = {
  ...Object.fromEntries(
    ['57P01', '57P03', '53300', '08P01', 'XX000'].map((sqlState) => [
      `FATAL ${sqlState}`,
      { kind: 'error', severity: 'FATAL', sqlState } as const,
    ]),
  ),
  'an error': { kind: 'error', sqlState: 'XX000' },
  PANIC: { kind: 'error', severity: 'PANIC', sqlState: 'XX000' },
  'a warning': { kind: 'notice', sqlState: '01000' },
  'a warning of a crash, then FIN': { kind: 'notice', sqlState: '57P02', next: { kind: 'close' } },
  'a warning of the end, then FIN': { kind: 'notice', sqlState: '57P01', next: { kind: 'close' } },
  FIN: { kind: 'close' },
  RST: { kind: 'reset' },
  'an answer of HTTP': { kind: 'garbage' },
  'an answer of HTTP, then FIN': { kind: 'garbage', next: { kind: 'close' } },
  zeros: { kind: 'garbage', bytes: Buffer.alloc(64) },
  'a truncated message': { kind: 'truncated' },
  'a message of 2 GB': { kind: 'length' },
  'a message of 4 GB': { kind: 'length', bytes: 0xffff_ffff },
  'a message of 3 bytes': { kind: 'length', bytes: 3 },
  'an unknown message': { kind: 'unknown-message' },
  'a row without its columns': { kind: 'garbage', bytes: framed('D', [1, 44]) },
  'a row of less than no columns': { kind: 'garbage', bytes: framed('D', [255, 255]) },
  'a description without its columns': { kind: 'garbage', bytes: framed('T', [0, 9]) },
  'an unknown authentication': { kind: 'garbage', bytes: framed('R', [0, 0, 0, 99]) },
  'an error without its end': { kind: 'garbage', bytes: framed('E', [83, 70, 65, 84]) },
  'a key without its bytes': { kind: 'garbage', bytes: framed('K', [0]) },
  'an end of a statement that was not sent': { kind: 'garbage', bytes: framed('C', [68, 79, 0]) },
  'a copy that was not asked for': { kind: 'garbage', bytes: framed('G', [0, 0, 0]) },
  'an unknown status': { kind: 'ready-status', status: 'X' },
  silence: { kind: 'silence' },
  'a frozen process': { kind: 'deaf' },
  'silence within a message': { kind: 'partial', bytes: 3 },
};

/** Whether an error says what it means: by one of pgherd's codes, a server's SQLSTATE, or as a lost connection. */
export function isCoded(
  { classifyError, ERROR_CODES, PgHerdError }: ConformancePgherd,
  error: unknown,
): boolean {
  const { kind, sqlState } = classifyError(error);
  if (kind !== 'other' || sqlState !== undefined) return true;
  return error instanceof PgHerdError && (ERROR_CODES as readonly string[]).includes(error.code);
}
