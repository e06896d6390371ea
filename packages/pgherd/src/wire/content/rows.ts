import type { Row } from '../../model/statement.ts';
import { BodyReader, protocolError } from './reader.ts';
import type { ReadValue } from './text.ts';

/** One column, as node-postgres describes it. */
export interface Column {
  readonly name: string;
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeID: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: 'text';
}

/** The columns of a statement's rows. */
export interface Columns {
  readonly fields: readonly Column[];
  /** A row in which every column is null. */
  readonly empty: Row;
  /** Whether two columns have one name: the last one counts, also if it is null. */
  readonly repeats: boolean;
}

export const NO_COLUMNS: Columns = Object.freeze({
  fields: Object.freeze([]),
  empty: Object.freeze({}),
  repeats: false,
});

/** Reads the body of a RowDescription. */
export function readColumns(bytes: Buffer, start: number, end: number): Columns {
  const reader = new BodyReader(bytes, start, end);
  const fields: Column[] = [];
  for (let left = reader.int16(); left > 0; left--) {
    const column = {
      name: reader.cstring(),
      tableID: reader.uint32(),
      columnID: reader.int16(),
      dataTypeID: reader.uint32(),
      dataTypeSize: reader.int16(),
      dataTypeModifier: reader.int32(),
      format: 'text' as const,
    };
    if (reader.int16() !== 0) throw protocolError('a column comes in binary form, which was not asked for');
    fields.push(Object.freeze(column));
  }
  reader.finish('RowDescription');
  // Whatever a column is called, it becomes a property of its own.
  const empty: Row = Object.create(null);
  for (const { name } of fields) empty[name] = null;
  const repeats = Object.keys(empty).length < fields.length;
  return Object.freeze({ fields: Object.freeze(fields), empty: { ...empty }, repeats });
}

/**
 * Whether the body of a DataRow is whole: as many values as there are columns, each within the message, none behind the last. It is
 * asked before a parser sees any of it.
 */
export function isWholeRow(bytes: Buffer, start: number, end: number, count: number): boolean {
  if (end - start < 2 || bytes.readUInt16BE(start) !== count) return false;
  let at = start + 2;
  for (let left = count; left > 0; left--) {
    if (at + 4 > end) return false;
    const length = readLength(bytes, at);
    at += 4;
    if (length > 0) at += length;
    else if (length < -1) return false;
    if (at > end) return false;
  }
  return at === end;
}

/** The body of a whole DataRow as an object. */
export function readRow(bytes: Buffer, start: number, columns: Columns, readers: readonly ReadValue[]): Row {
  const row = { ...columns.empty };
  const { fields, repeats } = columns;
  let at = start + 2;
  for (let index = 0; index < fields.length; index++) {
    const length = readLength(bytes, at);
    at += 4;
    if (length < 0) {
      if (repeats) row[fields[index]?.name ?? ''] = null;
      continue;
    }
    const name = fields[index]?.name ?? '';
    row[name] = readers[index]?.(bytes, at, length);
    at += length;
  }
  return row;
}

/** The body of a whole DataRow as an array. */
export function readArray(bytes: Buffer, start: number, readers: readonly ReadValue[]): unknown[] {
  const row: unknown[] = [];
  let at = start + 2;
  for (const read of readers) {
    const length = readLength(bytes, at);
    at += 4;
    row.push(length < 0 ? null : read(bytes, at, length));
    if (length > 0) at += length;
  }
  return row;
}

function readLength(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
