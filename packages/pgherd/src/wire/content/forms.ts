import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  COPY_BOTH_RESPONSE,
  COPY_DATA,
  COPY_DONE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  DATA_ROW,
  EMPTY_QUERY_RESPONSE,
  ERROR_RESPONSE,
  FUNCTION_CALL_RESPONSE,
  NO_DATA,
  NOTICE_RESPONSE,
  NOTIFICATION_RESPONSE,
  PARAMETER_DESCRIPTION,
  PARAMETER_STATUS,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './codes.ts';
import { isWholeRow } from './rows.ts';

/** Bytes of a column in RowDescription behind its name. */
const COLUMN_BYTES = 18;

/**
 * Whether the body of a server's message has the form that its type demands. Parsers of clients read what the fields claim, also
 * where it leads out of the message: rows get bytes of other answers, and a string without an end is searched for ever.
 */
export function isWellFormed(type: number, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  switch (type) {
    case DATA_ROW:
      return length >= 2 && isWholeRow(bytes, start, end, bytes.readUInt16BE(start));
    case COPY_DATA:
      return true;
    case READY_FOR_QUERY:
      return length === 1;
    case PARSE_COMPLETE:
    case BIND_COMPLETE:
    case CLOSE_COMPLETE:
    case NO_DATA:
    case EMPTY_QUERY_RESPONSE:
    case PORTAL_SUSPENDED:
    case COPY_DONE:
      return length === 0;
    case COMMAND_COMPLETE:
      return afterStrings(bytes, start, end, 1) === end;
    case PARAMETER_STATUS:
      return afterStrings(bytes, start, end, 2) === end;
    case NOTIFICATION_RESPONSE:
      return length >= 4 && afterStrings(bytes, start + 4, end, 2) === end;
    case PARAMETER_DESCRIPTION:
      return length >= 2 && length === 2 + 4 * bytes.readUInt16BE(start);
    case ROW_DESCRIPTION:
      return areColumns(bytes, start, end);
    case ERROR_RESPONSE:
    case NOTICE_RESPONSE:
      return areFields(bytes, start, end);
    case COPY_IN_RESPONSE:
    case COPY_OUT_RESPONSE:
    case COPY_BOTH_RESPONSE:
      return length >= 3 && length === 3 + 2 * bytes.readUInt16BE(start + 1);
    case FUNCTION_CALL_RESPONSE:
      return length >= 4 && length === 4 + Math.max(0, bytes.readInt32BE(start));
    default:
      return false;
  }
}

/** Where so many strings end that stand behind each other from `at` on; -1 if they do not end within the body. */
function afterStrings(bytes: Buffer, at: number, end: number, count: number): number {
  let next = at;
  for (let left = count; left > 0; left--) {
    const stop = next < end ? bytes.indexOf(0, next) : -1;
    if (stop < 0 || stop >= end) return -1;
    next = stop + 1;
  }
  return next;
}

function areColumns(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 2) return false;
  let at = start + 2;
  for (let left = bytes.readUInt16BE(start); left > 0; left--) {
    const name = afterStrings(bytes, at, end, 1);
    if (name < 0 || name + COLUMN_BYTES > end) return false;
    at = name + COLUMN_BYTES;
  }
  return at === end;
}

/** Fields of an error or a notice: a letter and a string each, and a zero byte behind the last. */
function areFields(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at >= 0 && at < end && bytes[at] !== 0) at = afterStrings(bytes, at + 1, end, 1);
  return at === end - 1;
}
