/**
 * A position in the write-ahead log, in bytes. PostgreSQL writes it as two hexadecimal halves, `16/B374D848`.
 */
export type Lsn = bigint;

const LSN_PATTERN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** The position that `text` names, or `undefined` if it is not a log position. */
export function parseLsn(text: string | null | undefined): Lsn | undefined {
  const match = typeof text === 'string' ? LSN_PATTERN.exec(text) : null;
  if (match === null) return undefined;
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** The position as PostgreSQL prints it. */
export function formatLsn(lsn: Lsn): string {
  const high = (lsn >> 32n).toString(16).toUpperCase();
  const low = (lsn & 0xffff_ffffn).toString(16).toUpperCase();
  return `${high}/${low}`;
}
