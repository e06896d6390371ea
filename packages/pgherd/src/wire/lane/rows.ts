import type { Row } from '../../model/statement.ts';
import { int32At } from '../messages.ts';

/** Converts the text form of a value to a JavaScript value. */
export type ParseText = (text: string) => unknown;

/** The source of type parsers: a client of the driver, or the `types` of a statement. */
export interface TypeParsers {
  getTypeParser(oid: number, format: 'text'): ParseText;
}

/** One column as `pg` describes it. */
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
}

export const NO_COLUMNS: Columns = Object.freeze({ fields: Object.freeze([]), empty: Object.freeze({}) });

/** The body of a RowDescription. */
export function readColumns(bytes: Buffer, start: number): Columns {
  const fields: Column[] = [];
  let at = start + 2;
  for (let left = bytes.readInt16BE(start); left > 0; left--) {
    const end = bytes.indexOf(0, at);
    const name = bytes.toString('utf8', at, end);
    at = end + 1;
    fields.push(
      Object.freeze({
        name,
        tableID: bytes.readUInt32BE(at),
        columnID: bytes.readInt16BE(at + 4),
        dataTypeID: bytes.readUInt32BE(at + 6),
        dataTypeSize: bytes.readInt16BE(at + 10),
        dataTypeModifier: bytes.readInt32BE(at + 12),
        format: 'text' as const,
      }),
    );
    at += 18;
  }
  // Without a prototype, so that a column `__proto__` becomes a property of its own.
  const empty: Row = Object.create(null);
  for (const { name } of fields) empty[name] = null;
  return Object.freeze({ fields: Object.freeze(fields), empty: { ...empty } });
}

/** The parsers for the columns, as configured now. */
export function parsersOf(columns: Columns, types: TypeParsers): readonly ParseText[] {
  const parsers: ParseText[] = [];
  for (const { dataTypeID } of columns.fields) parsers.push(types.getTypeParser(dataTypeID, 'text'));
  return parsers;
}

/** The body of a DataRow as an object. */
export function readRow(bytes: Buffer, start: number, columns: Columns, parsers: readonly ParseText[]): Row {
  const row = { ...columns.empty };
  const { fields } = columns;
  let at = start + 2;
  for (let index = 0; index < fields.length; index++) {
    const length = int32At(bytes, at);
    at += 4;
    if (length < 0) continue;
    const name = fields[index]?.name ?? '';
    row[name] = parsers[index]?.(readText(bytes, at, length));
    at += length;
  }
  return row;
}

/** The body of a DataRow as an array. */
export function readArray(bytes: Buffer, start: number, parsers: readonly ParseText[]): unknown[] {
  const row: unknown[] = [];
  let at = start + 2;
  for (const parse of parsers) {
    const length = int32At(bytes, at);
    at += 4;
    row.push(length < 0 ? null : parse(readText(bytes, at, length)));
    if (length > 0) at += length;
  }
  return row;
}

/** The most frequent values, `t`, `f` and single digits, need no call into native code. */
function readText(bytes: Buffer, at: number, length: number): string {
  if (length === 1) return ASCII[bytes[at] ?? 0] ?? '';
  return bytes.toString('utf8', at, at + length);
}

const ASCII: readonly string[] = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
