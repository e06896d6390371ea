import type { FakeAction } from './actions.ts';
import { type FakeColumn, oidOf } from './encode.ts';

/** A statement as a client sent it. */
export interface FakeStatement {
  readonly text: string;
  /** Values of its parameters: text, bytes where they came in binary format, `null`. */
  readonly values: readonly (string | Buffer | null)[];
  /** Name of the prepared statement, empty where it has none. */
  readonly name: string;
  readonly protocol: 'simple' | 'extended';
  /** Whether the client only asks for the columns, before it gives any values. The answer to this is not counted. */
  readonly describing: boolean;
}

/** Rows to answer with. */
export interface FakeRows {
  /** Each row by column name, or in the order of `columns`. */
  readonly rows: readonly (Readonly<Record<string, unknown>> | readonly unknown[])[];
  /** Default: the keys of the first row, with types guessed from the values. */
  readonly columns?: readonly (FakeColumn | string)[] | undefined;
  /** Default `SELECT` and the number of rows. */
  readonly tag?: string | undefined;
}

/** What a statement is answered with: rows, a bare tag, or something a server would not do. */
export type FakeAnswer = FakeRows | { readonly tag: string } | FakeAction;

/** A result that is ready to be sent. */
export interface FakeResult {
  readonly columns: readonly FakeColumn[];
  readonly rows: readonly (readonly unknown[])[];
  readonly tag: string;
}

/** Whether an answer is an action and no result. */
export function isAction(answer: FakeAnswer): answer is FakeAction {
  return 'kind' in answer;
}

/** Names, types and values in one order. */
export function toResult(answer: FakeRows | { readonly tag: string }): FakeResult {
  if (!('rows' in answer)) return { columns: [], rows: [], tag: answer.tag };
  const names = answer.columns ?? Object.keys(answer.rows[0] ?? {});
  const given = names.map((column) => (typeof column === 'string' ? { name: column } : column));
  const rows = answer.rows.map((row) => (isList(row) ? row : given.map(({ name }) => row[name])));
  const columns = given.map(({ name, oid }, index) => ({
    name,
    oid: oid ?? oidOf(rows.map((row) => row[index]).find((value) => value !== null && value !== undefined)),
  }));
  return { columns, rows, tag: answer.tag ?? `SELECT ${rows.length}` };
}

function isList(row: FakeRows['rows'][number]): row is readonly unknown[] {
  return Array.isArray(row);
}

/** OIDs of a statement's parameters: as the client said, else `text`. */
export function parameterOids(text: string, given: readonly number[]): readonly number[] {
  const highest = Math.max(0, ...[...text.matchAll(/\$(\d{1,5})/g)].map((match) => Number(match[1])));
  const count = Math.max(highest, given.length);
  return Array.from({ length: count }, (_, index) => given[index] || 25);
}
