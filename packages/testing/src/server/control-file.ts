import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What `global/pg_control` of a stopped server contains. The layout of these fields is the same from PostgreSQL 13 to 18. */
export interface ControlFile {
  readonly systemIdentifier: bigint;
  /** Shut down cleanly as a primary: its last record is the checkpoint at `checkpoint`. */
  readonly shutDown: boolean;
  /** Where the last checkpoint record begins. */
  readonly checkpoint: bigint;
  readonly timeline: number;
}

/** Reads the control file. */
export async function readControlFile(dataDirectory: string): Promise<ControlFile> {
  const file = await readFile(path.join(dataDirectory, 'global', 'pg_control'));
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return {
    systemIdentifier: view.getBigUint64(0, little),
    shutDown: view.getUint32(16, little) === 1,
    checkpoint: view.getBigUint64(32, little),
    timeline: view.getUint32(48, little),
  };
}

/** `16/B374D848` as a number of bytes. */
export function parseLsn(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** A number of bytes as `16/B374D848`. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/**
 * Where a timeline was left by the timeline whose history file this is: the position at which its successor began.
 * Undefined when it is not among the ancestors.
 */
export function forkPoint(history: string, timeline: number): bigint | undefined {
  for (const line of history.split('\n')) {
    const [id, lsn] = line.trim().split(/\s+/);
    if (id !== undefined && lsn !== undefined && Number(id) === timeline) return parseLsn(lsn);
  }
  return undefined;
}
