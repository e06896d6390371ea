import {
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  COPY_DATA,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  NO_DATA,
  nameOfMessage,
  PARAMETER_DESCRIPTION,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  ROW_DESCRIPTION,
} from '../content/codes.ts';
import { isWellFormed } from '../content/forms.ts';
import { BodyReader, protocolError } from '../content/reader.ts';
import { isWholeRow, NO_COLUMNS, readColumns } from '../content/rows.ts';
import type { Entry } from './entry.ts';

/**
 * Hands the contents of a row to the entry that expects it.
 * @throws PgHerdError `PGHERD_PROTOCOL_ERROR` for a row that does not fit its columns or its message.
 */
export function handOverRow(entry: Entry, bytes: Buffer, start: number, end: number): void {
  const { columns } = entry;
  const mustBeKnown = entry.shape.describes !== 'none' || entry.shape.simple === true;
  if (columns === undefined && mustBeKnown) throw protocolError('a row came before its columns');
  if (columns !== undefined && !isWholeRow(bytes, start, end, columns.fields.length))
    throw protocolError('a row does not fit its columns or its message');
  entry.row(bytes, start, end);
}

/** Their readers find out by themselves what is wrong with them. */
const READ_TO_ITS_END: ReadonlySet<number> = new Set([
  COMMAND_COMPLETE,
  ROW_DESCRIPTION,
  PARAMETER_DESCRIPTION,
]);

/**
 * Hands the contents of a message, which the automaton has let pass, to its entry. Errors and rows are not among them.
 * @throws PgHerdError `PGHERD_PROTOCOL_ERROR` for contents that do not fit their message.
 */
export function handOver(entry: Entry, type: number, bytes: Buffer, start: number, end: number): void {
  if (!READ_TO_ITS_END.has(type) && !isWellFormed(type, bytes, start, end))
    throw protocolError(`the message ${nameOfMessage(type)} has no valid contents`);
  switch (type) {
    case COMMAND_COMPLETE:
      entry.completed(tagOf(bytes, start, end));
      return;
    case EMPTY_QUERY_RESPONSE:
      entry.completed('');
      return;
    case PARSE_COMPLETE:
      entry.parsed();
      return;
    case ROW_DESCRIPTION:
      entry.described(readColumns(bytes, start, end));
      return;
    case NO_DATA:
      entry.described(NO_COLUMNS);
      return;
    case PARAMETER_DESCRIPTION:
      entry.takes?.(readParameters(bytes, start, end));
      return;
    case CLOSE_COMPLETE:
      entry.closesLeft--;
      return;
    case PORTAL_SUSPENDED:
      entry.suspended();
      return;
    case COPY_IN_RESPONSE:
      entry.copying('in');
      return;
    case COPY_OUT_RESPONSE:
      entry.copying('out');
      return;
    case COPY_DATA:
      // It outlives the read.
      entry.copied(Buffer.from(bytes.subarray(start, end)));
      return;
    default:
  }
}

function tagOf(bytes: Buffer, start: number, end: number): string {
  const reader = new BodyReader(bytes, start, end);
  const tag = reader.cstring();
  reader.finish('CommandComplete');
  return tag;
}

function readParameters(bytes: Buffer, start: number, end: number): readonly number[] {
  const reader = new BodyReader(bytes, start, end);
  const types: number[] = [];
  for (let left = reader.int16() & 0xffff; left > 0; left--) types.push(reader.uint32());
  reader.finish('ParameterDescription');
  return types;
}
