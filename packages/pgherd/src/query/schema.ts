import { PgHerdError } from '../model/errors.ts';
import { foreign } from '../model/foreign.ts';

/**
 * A schema that can be asked to check a value: version 1 of [Standard Schema](https://standardschema.dev),
 * which Zod, Valibot, ArkType, Effect and others speak. The interface is written down here, so that nothing
 * has to be installed for it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
      ...options: never[]
    ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** Result of validating a value: the output, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One problem with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of the rows that a schema returns. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** Options of a statement whose rows are validated. */
export interface WithSchema<S extends StandardSchema> {
  /** Validates each row and may transform it: the caller gets the output. */
  readonly schema: S;
}

/** One problem with a row, without the row's values. */
export interface RowIssue {
  /** Where in the row, `address.city`; empty for the row itself. */
  readonly path: string;
  readonly message: string;
}

/** Maximum number of issues in an error. */
const MAX_ISSUES = 10;
/** Maximum number of a row's values that are removed from a message. */
const MAX_LEAVES = 200;

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it is not a schema. */
export function assertSchema(schema: unknown): asserts schema is StandardSchema {
  const standard = isObject(schema) ? (schema as { '~standard'?: unknown })['~standard'] : undefined;
  if (isObject(standard) && typeof (standard as { validate?: unknown }).validate === 'function') return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'schema must be a Standard Schema: an object with "~standard", such as those of Zod, Valibot or ArkType.',
  );
}

/**
 * The rows as the schema returns them; `firstIndex` is the index of the first one in the whole result.
 * @throws PgHerdError `PGHERD_SCHEMA_MISMATCH` for the first row that does not fit.
 */
export async function checkedRows<S extends StandardSchema>(
  rows: readonly unknown[],
  schema: S,
  firstIndex = 0,
): Promise<SchemaOutput<S>[]> {
  const { validate } = schema['~standard'];
  const checked: SchemaOutput<S>[] = [];
  for (const [index, row] of rows.entries()) {
    const answer = validate(row);
    const result = answer instanceof Promise ? await answer : answer;
    if (result.issues !== undefined) throw mismatch(row, firstIndex + index, result.issues);
    checked.push(result.value as SchemaOutput<S>);
  }
  return checked;
}

function mismatch(row: unknown, index: number, issues: readonly SchemaIssue[]): PgHerdError {
  const shown: RowIssue[] = issues.slice(0, MAX_ISSUES).map((issue) => {
    const keys = (issue.path ?? []).map((step) => (isObject(step) ? step.key : step));
    return { path: keys.map(String).join('.'), message: foreign(withoutValues(String(issue.message), row)) };
  });
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : '';
  const sentences = shown.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return new PgHerdError(
    'PGHERD_SCHEMA_MISMATCH',
    `Row ${index} does not fit the schema: ${sentences.join('; ')}${more}. The statement itself was executed.`,
    { details: { row: index, issues: Object.freeze(shown) } },
  );
}

/** Some schemas put values into their messages; our errors never show one. */
function withoutValues(message: string, row: unknown): string {
  let clean = message;
  // Longest first: a value may be part of another one.
  for (const leaf of leavesOf(row).sort((a, b) => b.length - a.length)) {
    clean = withoutValue(clean, leaf);
  }
  return clean;
}

function leavesOf(row: unknown): string[] {
  const leaves = new Set<string>();
  const seen = new Set<unknown>();
  const queue: unknown[] = [row];
  while (queue.length > 0 && leaves.size < MAX_LEAVES) {
    const value = queue.pop();
    if (value === null || value === undefined || typeof value === 'boolean') continue;
    if (value instanceof Date) {
      leaves.add(String(value));
      if (!Number.isNaN(value.getTime())) leaves.add(value.toISOString());
    } else if (isObject(value)) {
      if (seen.has(value) || ArrayBuffer.isView(value)) continue;
      seen.add(value);
      queue.push(...Object.values(value));
    } else if (String(value) !== '') leaves.add(String(value));
  }
  return [...leaves];
}

/** Replaces a value wherever it stands by itself; a part of a longer word is left. */
function withoutValue(text: string, value: string): string {
  let clean = '';
  let from = 0;
  for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, from)) {
    const end = at + value.length;
    const isPart =
      /[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, at - 2), at)) ||
      /^[\p{L}\p{N}_]/u.test(text.slice(end, end + 2));
    const next = isPart ? at + 1 : end;
    clean += isPart ? text.slice(from, next) : `${text.slice(from, at)}…`;
    from = next;
  }
  return clean + text.slice(from);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' || typeof value === 'function' ? value !== null : false;
}
